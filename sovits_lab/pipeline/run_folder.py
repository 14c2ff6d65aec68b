"""The folder of one run: what was asked, on what it ran, which stages it used, its metrics, links to its results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from sovits_lab.pipeline.channel import MEDIA, METRICS, read_metrics
from sovits_lab.pipeline.environment import start
from sovits_lab.pipeline.files import write_json, write_text
from sovits_lab.pipeline.plan import Plan

STAGES = "stages.json"


class RunFolder:
    """`${paths.runs}/<experiment>/<hash12>`.

    Holds `config.yaml` (resolved), `environment.json`, `stages.json` (stage -> its folder, relative), `metrics.jsonl`
    (all stages, a line per record as it comes), `media/<stage>`, and a link for each entry of `publish`.
    """

    def __init__(self, plan: Plan):
        self.plan, self.path = plan, plan.folder

    def begin(self, environment: Mapping[str, Any]) -> None:
        """Write what is known before any stage runs; a run of which all is there keeps the machine that made it.

        `environment.json` tells of this start, and under `starts` of all of them: a run may be continued elsewhere.
        """
        write_text(self.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(self.plan.config))))
        path = self.path / "environment.json"
        if "devices" in environment or not path.exists():
            before = json.loads(path.read_text(encoding="utf-8")).get("starts", []) if path.exists() else []
            write_json(path, {**environment, "starts": [*before, start(environment)]})
        write_json(self.path / STAGES, {name: self._relative(s.folder) for name, s in self.plan.stages.items()})
        self.gather()

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record to the run's metrics, flushed."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def gather(self) -> None:
        """Write the run's metrics anew from those of its stages, which are the truth after kills and reuse."""
        records = [record for spec in self.plan.stages.values() for record in stage_metrics(spec.folder, spec.partial)]
        write_text(self.path / METRICS, "".join(json.dumps(record) + "\n" for record in records))

    def publish(self) -> None:
        """Link the results that exist; links are relative, so `paths.runs` can be moved as a whole."""
        for name, spec in self.plan.stages.items():
            if (spec.folder / "media").is_dir():
                self._link(self.path / "media" / name, spec.folder / "media")
        for name, source in self.plan.publish.items():
            stage, _, inner = source.partition("/")
            target = self.plan.stages[stage].folder / inner
            if target.exists():
                self._link(self.path / name, target)

    def _link(self, link: Path, target: Path) -> None:
        link.parent.mkdir(parents=True, exist_ok=True)
        relative = os.path.relpath(target, link.parent)
        if link.is_symlink() and os.readlink(link) == relative:  # noqa: PTH115  Path.readlink would normalise
            return
        link.unlink(missing_ok=True)
        link.symlink_to(relative)

    def _relative(self, folder: Path) -> str:
        return os.path.relpath(folder, self.path)


def stage_metrics(folder: Path, partial: Path) -> list[dict[str, Any]]:
    """Return the records of a stage, finished or under way."""
    return read_metrics((folder if folder.exists() else partial) / METRICS)


def stage_media(folder: Path, partial: Path) -> list[dict[str, Any]]:
    """Read what a stage, finished or under way, has said of sounds and pictures; paths are relative to its folder."""
    return read_metrics((folder if folder.exists() else partial) / MEDIA)
