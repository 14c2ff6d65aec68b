"""Where a run's numbers and media go besides `metrics.jsonl`: nowhere, Weights & Biases, TensorBoard.

Only the runner's process talks to a sink: one job is one run of the service, however many stages and ranks it has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

NOT_VALUES = frozenset({"stage", "step", "seconds"})


@dataclass(frozen=True)
class RunInfo:
    """What a sink may tell about the run.

    Attributes:
        experiment: the experiment's name.
        digest: hash of the whole run; its head is the run's id everywhere.
        folder: the run folder.
        config: the resolved configuration.
        environment: what `environment.json` holds.
    """

    experiment: str
    digest: str
    folder: Path
    config: Mapping[str, Any]
    environment: Mapping[str, Any]


@runtime_checkable
class Sink(Protocol):
    """A logger chosen by `logger=`."""

    def open(self, run: RunInfo) -> None:
        """Begin, or go on with, the run of this id."""

    def metrics(self, record: Mapping[str, Any]) -> None:
        """One record of `metrics.jsonl`: stage, step, seconds and the values."""

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """One file: type ("audio" or "picture"), name, step, path, caption."""

    def close(self, status: int) -> None:
        """End the run with the exit status of the command; called on every way out."""


class NoSink:
    """`logger=none`."""

    def open(self, run: RunInfo) -> None:
        """Nothing."""

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Nothing."""

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Nothing."""

    def close(self, status: int) -> None:
        """Nothing."""


class WandbSink:
    """`logger=wandb`: one run per job, found again by the hash of the job; offline unless the user is logged in.

    Args:
        project: project's name.
        entity: team or user; None is the account's default.
        group: what the service groups by; None is the experiment's name.
        tags: free labels.
        mode: "online", "offline" or None: online when a key is known.
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
        self._stages: set[str] = set()

    def open(self, run: RunInfo) -> None:
        """Start or resume the run `<hash12>`."""
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        self._run = wandb.init(
            project=self.project,
            entity=self.entity,
            group=self.group or run.experiment,
            tags=self.tags,
            id=run.digest[:12],
            name=f"{run.experiment}-{run.digest[:12]}",
            resume="allow",
            mode=self.mode or ("online" if _logged_in() else "offline"),
            dir=str(run.folder),
            config={**run.config, "environment": dict(run.environment)},
            settings=wandb.Settings(console="off", silent=True),
        )

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Values as `<stage>/<name>`, against `<stage>/step`: stages have clocks of their own."""
        stage = record["stage"]
        if stage not in self._stages:
            self._stages.add(stage)
            self._run.define_metric(f"{stage}/step")
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        values = {f"{stage}/{key}": value for key, value in record.items() if key not in NOT_VALUES}
        self._run.log({**values, f"{stage}/step": record["step"], f"{stage}/seconds": record["seconds"]})

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Audio and pictures as `<stage>/<name>`."""
        import wandb

        caption = message["caption"] or None
        made = wandb.Audio if message["type"] == "audio" else wandb.Image
        item = made(message["path"], caption=caption)
        self._run.log({f"{stage}/{message['name']}": item, f"{stage}/step": message["step"]})

    def close(self, status: int) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish(exit_code=status)
            self._run = None


class TensorBoardSink:
    """`logger=tensorboard`: event files in `<run>/tensorboard`."""

    def __init__(self) -> None:
        self._writer: Any = None

    def open(self, run: RunInfo) -> None:
        """Open the writer; steps written again after a resume replace the old ones."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(log_dir=str(run.folder / "tensorboard"))

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Values as `<stage>/<name>`."""
        for key, value in record.items():
            if key not in NOT_VALUES and value is not None:
                self._writer.add_scalar(f"{record['stage']}/{key}", value, record["step"])

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Audio and pictures as `<stage>/<name>`."""
        tag = f"{stage}/{message['name']}"
        if message["type"] == "audio":
            import soundfile
            import torch

            wave, rate = soundfile.read(message["path"], dtype="float32")
            self._writer.add_audio(tag, torch.from_numpy(wave)[None], message["step"], sample_rate=rate)
        else:
            from matplotlib.image import imread

            self._writer.add_image(tag, imread(message["path"])[..., :3], message["step"], dataformats="HWC")

    def close(self, status: int) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _logged_in() -> bool:
    """Whether a key is known, from the environment or a netrc; asks nobody on the network."""
    import wandb

    return bool(wandb.login(prompt=False, verify=False))
