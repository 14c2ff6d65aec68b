"""`logger=wandb`: Weights & Biases."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sovits_lab.tracking.contract import NOT_VALUES, RunInfo, finished_key, media_key, record_key
from sovits_lab.tracking.directions import better
from sovits_lab.tracking.results import FIGURE_COLUMNS, Results, StyleTable

SUMMARY = {"lower": "min", "higher": "max"}  # of a run, what its overview shows; otherwise the last value
SENT = "sent/"
OLDER_MODES = {"dryrun": "offline", "run": "online"}  # of $WANDB_MODE, which the service's client takes too
STOPPED = 128  # exit statuses above it: ended by a signal


class WandbLogger:
    """One run per job, found again by the hash of the job; offline where no account is known.

    Runs are grouped by experiment and sweep. Online, a job that starts again goes on with its run and sends only what
    the service lacks. Offline, where nothing can be asked, each start writes the whole run anew, and the earlier copy
    is put aside in `<run>/wandb/superseded`: what is left is one run with every record once.

    Args:
        project: project's name.
        entity: team or user; None is the account's default.
        group: what the service groups by; None is the experiment's name, with the sweep's id if there is one.
        tags: free labels.
        mode: "online", "offline" or None: $WANDB_MODE, or online when an account is known.
    """

    def __init__(
        self,
        project: str,
        entity: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        mode: Literal["online", "offline"] | None = None,
    ):
        self.project, self.entity, self.group, self.tags, self.mode = project, entity, group, tags, mode
        self._run: Any = None
        self._defined: set[str] = set()

    def open(self, run: RunInfo) -> str:
        """Start or resume the run `<hash12>`; a service that does not answer is no reason to stop: then offline."""
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        named = os.environ.get("WANDB_MODE", "").lower()
        mode = self.mode or OLDER_MODES.get(named, named) or ("online" if _logged_in() else "offline")
        if mode == "offline":
            _put_aside(run)
        try:
            self._run = self._init(run, mode)
        except wandb.errors.CommError as error:
            _put_aside(run)
            self._run = self._init(run, "offline")
            return f"the service does not answer ({str(error).splitlines()[0]}), so offline: {self._sync_line()}"
        self._run.define_metric(f"{SENT}*", hidden=True)
        if mode == "disabled":
            return "disabled by $WANDB_MODE: it keeps nothing"
        return f"online: {self._run.url}" if mode == "online" else f"{mode}: {self._sync_line()}"

    def _init(self, run: RunInfo, mode: Any) -> Any:
        import wandb

        made = wandb.init(
            project=self.project,
            entity=self.entity,
            group=self.group or "/".join(part for part in (run.experiment, run.sweep) if part),
            job_type="train",
            tags=[*(self.tags or ()), run.experiment, *([run.sweep] if run.sweep else [])],
            id=run.id,
            name=f"{run.experiment}-{run.id}",
            resume="allow",
            mode=mode,
            dir=str(run.folder),
            config={**run.config, "facts": run.facts},
            allow_val_change=True,
            settings=wandb.Settings(console="off", silent=True),
        )
        if (run.folder / "environment.json").is_file():
            made.save(str(run.folder / "environment.json"), base_path=str(run.folder), policy="now")
        return made

    def _sync_line(self) -> str:
        return f"wandb sync {Path(self._run.dir).parent}"

    def known(self) -> Mapping[str, int]:
        """Return what the service holds of a run that goes on; offline nothing."""
        if not self._run.resumed:
            return {}
        summary = dict(self._run.summary)
        return {key.removeprefix(SENT): int(step) for key, step in summary.items() if key.startswith(SENT)}

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Send values as `<stage>/<name>`, against `<stage>/step`: stages have clocks of their own."""
        stage = record["stage"]
        values = {key: value for key, value in record.items() if key not in NOT_VALUES}
        for key in values:
            self._define(f"{stage}/{key}", better(key), f"{stage}/step")
        shown = {f"{stage}/{key}": float("nan") if value is None else value for key, value in values.items()}
        self._log(stage, record["step"], record_key(record), shown | {f"{stage}/seconds": record["seconds"]})

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Send sounds as `<stage>/audio/<name>`, pictures as `<stage>/picture/<name>`."""
        import wandb

        made = wandb.Audio if message["type"] == "audio" else wandb.Image
        item = made(message["path"], caption=message["caption"] or None)
        name = media_key(stage, message)
        self._define(name, "none", f"{stage}/step")
        self._log(stage, message["step"], name, {name: item})

    def finished(self, stage: str, folder: Path) -> None:
        """Send scores with intervals as summary and table, style vectors as a table, the report as a page."""
        import wandb

        found = Results.read(folder)
        shown: dict[str, Any] = {}
        if found.figures:
            rows = [[one[key] for key in FIGURE_COLUMNS] for one in found.figures]
            shown["scores/figures"] = wandb.Table(columns=list(FIGURE_COLUMNS), data=rows)
            bars = found.bar_rows()
            if bars:
                shown["scores/bars"] = wandb.Table(columns=list(bars[0]), data=[list(one.values()) for one in bars])
        if found.style is not None:
            shown[f"{stage}/style_space"] = _style_table(found.style)
        if found.page is not None:
            shown[f"{stage}/page"] = wandb.Html(str(found.page), inject=False)
        for one in found.headlines():
            self._define(one.key, one.better)
            shown[one.key] = one.value
            self._run.summary.update({f"{one.key}/low": one.low, f"{one.key}/high": one.high})
        if shown:
            self._run.log({**shown, f"{SENT}{finished_key(stage)}": 1})

    def close(self, status: int) -> None:
        """Finish the run; one that was told to stop counts as preempted, not as crashed."""
        if self._run is None:
            return
        run, self._run = self._run, None
        if status > STOPPED:
            run.mark_preempting()
        run.finish(exit_code=status)

    def _define(self, name: str, direction: str, step_metric: str | None = None) -> None:
        if name in self._defined:
            return
        self._defined.add(name)
        if step_metric is not None and step_metric not in self._defined:
            self._defined.add(step_metric)
            self._run.define_metric(step_metric, summary="max", hidden=True)
        self._run.define_metric(name, step_metric=step_metric, summary=SUMMARY.get(direction, "last"))

    def _log(self, stage: str, step: int, key: str, values: Mapping[str, Any]) -> None:
        self._run.log({**values, f"{stage}/step": step, f"{SENT}{key}": step})


def _style_table(style: StyleTable) -> Any:
    """A row per clip: what it is, its place on two principal components, its vector; the service projects anew."""
    import wandb

    columns: list[str | int] = [*style.labels, "x", "y", *(f"d{i}" for i in range(style.vectors.shape[1]))]
    labels = zip(*style.labels.values(), strict=True)
    numbers = (([*at, *vector]) for at, vector in zip(style.projection.tolist(), style.vectors.tolist(), strict=True))
    return wandb.Table(columns=columns, data=[[*known, *row] for known, row in zip(labels, numbers, strict=True)])


def _put_aside(run: RunInfo) -> None:
    """Move earlier offline copies of this run away: they hold a part of what is written now."""
    aside = run.folder / "wandb" / "superseded"
    for old in sorted(run.folder.glob(f"wandb/offline-run-*-{run.id}")):
        aside.mkdir(exist_ok=True)
        target, number = aside / old.name, 1
        while target.exists():
            target, number = aside / f"{old.name}.{number}", number + 1
        old.rename(target)


def _logged_in() -> bool:
    """Whether a key is known, from the environment or a netrc; asks nobody on the network."""
    import wandb

    return bool(wandb.login(prompt=False, verify=False))
