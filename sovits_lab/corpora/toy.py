"""The embedded corpus: espeak-ng voices x emotions x sentences, with exact phones and parallel truth for every cell."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sovits_lab.corpora.manifest import Header, Phone, Progress, Record, cut, write_cuts
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.corpora.planned import PlannedCorpus
from sovits_lab.corpora.toy_plan import Cell, ToyStyle, plan
from sovits_lab.corpora.toy_shard import Line, ShardJob
from sovits_lab.types import InputError


class ToyCorpus(PlannedCorpus):
    """A stage that speaks the toy corpus into FLAC files of 16 bits.

    Args: as `PlannedCorpus`; emotions are those of `ToyStyle`, and `neutral` sets a speaker's level.
    """

    style_class = ToyStyle

    def survey(self) -> list[RowFacts]:
        """Return every cell of the plan."""
        cells = plan(self.roles, self.emotions, self.jitter, self.sizes, self.seed)
        return [
            RowFacts(cell.voice, cell.role, cell.split, cell.emotion, "en", cell.text)
            for items in cells.values()
            for cell in items
        ]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Progress) -> None:
        """Write `out/audio/SPEAKER/ID.flac` and `out/cuts.jsonl.gz`; `inputs` is not used.

        Raises:
            InputError: espeak-ng is not installed, a setting is wrong, or the disk is full.
        """
        if importlib.util.find_spec("espeakng_loader") is None:
            raise InputError(
                "corpus=toy: package espeakng-loader is not installed, expected pip install 'sovits-lab[demo]'"
            )
        cells = plan(self.roles, self.emotions, self.jitter, self.sizes, self.seed)
        spoken = self._speak(cells, out, report)
        write_cuts((self._cut(cell, spoken[cell.id]) for items in cells.values() for cell in items), out)

    def _speak(
        self, cells: Mapping[str, Sequence[Cell[ToyStyle]]], out: Path, report: Progress
    ) -> dict[str, dict[str, Any]]:
        """Results by cell id; the longest jobs start first."""
        total, done = sum(map(len, cells.values())), 0
        results: dict[str, dict[str, Any]] = {}
        report.progress(done, total, "utterances")
        with ThreadPoolExecutor(self.workers) as pool:
            jobs = {
                pool.submit(_run_shard, self._job(voice, items, out)): items
                for voice, items in sorted(cells.items(), key=lambda entry: -len(entry[1]))
            }
            try:
                for future in as_completed(jobs):
                    items = jobs[future]
                    results.update(zip((cell.id for cell in items), future.result(), strict=True))
                    done += len(items)
                    report.progress(done, total, "utterances")
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return results

    def _job(self, voice: str, cells: Sequence[Cell[ToyStyle]], out: Path) -> ShardJob:
        (out / "audio" / voice).mkdir(parents=True, exist_ok=True)
        lines = [
            Line(
                text=cell.text,
                neutral=cell.emotion == "neutral",
                path=str(out / self._audio(cell)),
                **asdict(cell.style),
            )
            for cell in cells
        ]
        return ShardJob(voice, self.sample_rate, self.level_dbfs, lines)

    def _audio(self, cell: Cell[ToyStyle]) -> Path:
        return Path("audio") / cell.voice / f"{cell.id}.flac"

    def _cut(self, cell: Cell[ToyStyle], spoken: Mapping[str, Any]) -> Any:
        record = Record(
            id=cell.id,
            audio=self._audio(cell),
            text=cell.text,
            speaker=cell.voice,
            language="en",
            emotion=cell.emotion,
            sentence=cell.sentence,
            phones=tuple(Phone(*phone) for phone in spoken["phones"]),
        )
        return cut(record, Header(self.sample_rate, spoken["samples"]), cell.split, cell.role)


def _run_shard(job: ShardJob) -> list[dict[str, Any]]:
    """One speaker in a fresh process (see `toy_shard`)."""
    command = [sys.executable, "-m", "sovits_lab.corpora.toy_shard"]
    finished = subprocess.run(command, input=json.dumps(asdict(job)), capture_output=True, text=True, check=False)  # noqa: S603
    if finished.returncode == 2:
        raise InputError(f"corpus=toy, voice {job.voice}: {finished.stderr.strip()}")
    if finished.returncode != 0:
        raise RuntimeError(f"voice {job.voice}: status {finished.returncode}: {finished.stderr.strip()[-2000:]}")
    return json.loads(finished.stdout)
