"""`logger=trackio`: trackio, a local board in SQLite; `trackio show --project NAME` opens it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from sovits_lab.tracking.contract import NOT_VALUES, RunInfo, media_key
from sovits_lab.tracking.results import FIGURE_COLUMNS, Results
from sovits_lab.types import InputError


class TrackioLogger:
    """One run per job in trackio's own folder ($TRACKIO_DIR); a job that starts again replaces its run by the whole.

    Args:
        project: project's name.
    """

    def __init__(self, project: str):
        self.project = project
        self._trackio: Any = None
        self._name = ""

    def open(self, run: RunInfo) -> str:
        """Begin the run `<experiment>-<hash12>`.

        Raises:
            InputError: trackio is not installed.
        """
        try:
            import trackio
        except ModuleNotFoundError:
            raise InputError("logger trackio: needs the package trackio: pip install 'sovits-lab[trackio]'") from None
        self._trackio, self._name = trackio, f"{run.experiment}-{run.id}"
        with redirect_stdout(io.StringIO()):  # only the runner writes to the terminal
            self._forget()
            trackio.init(
                project=self.project,
                name=self._name,
                group="/".join(part for part in (run.experiment, run.sweep) if part),
                config={**run.config, "facts": run.facts},
                embed=False,
                auto_log_gpu=False,
            )
        return f"trackio show --project {self.project}"

    def known(self) -> Mapping[str, int]:
        """Return nothing: the run is new."""
        return {}

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Send values as `<stage>/<name>` at the stage's step; values that are not finite are left out."""
        known = {key: value for key, value in record.items() if key not in NOT_VALUES and value is not None}
        if known:
            self._trackio.log({f"{record['stage']}/{key}": value for key, value in known.items()}, step=record["step"])

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Send sounds as `<stage>/audio/<name>`, pictures as `<stage>/picture/<name>`."""
        made = self._trackio.Audio if message["type"] == "audio" else self._trackio.Image
        item = made(message["path"], caption=message["caption"] or None)
        self._trackio.log({media_key(stage, message): item}, step=message["step"])

    def finished(self, stage: str, folder: Path) -> None:
        """Send headline scores as values, all figures as a table."""
        found = Results.read(folder)
        if found.figures:
            columns = [column for column in FIGURE_COLUMNS if column != "strength"]
            rows = [[one[key] for key in columns] for one in found.figures if one["strength"] is None]
            shown = {one.key: one.value for one in found.headlines()}
            self._trackio.log({**shown, "scores/figures": self._trackio.Table(columns=columns, data=rows)}, step=0)

    def close(self, status: int) -> None:
        """Write what is waiting and end the run."""
        if self._trackio is not None:
            with redirect_stdout(io.StringIO()):
                self._trackio.finish()
            self._trackio = None

    def _forget(self) -> None:
        try:
            runs = list(self._trackio.Api().runs(self.project))
        except ValueError:  # the project is new
            return
        for one in runs:
            if one.name == self._name:
                one.delete()
