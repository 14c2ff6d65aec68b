"""One step of `bench corpus`, in the process that it is measured in: a corpus is made, checked, planned, read.

Recordings of a second are links to a few files, features are files of zeros that take no room: what grows with the
rows is measured, the disk and the analysis of sound are not.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.files import save_audio
from sovits_lab.bench.child import end_with_bench
from sovits_lab.bench.spoken import processor_seconds
from sovits_lab.data.batches import Labels, SpeechData
from sovits_lab.data.prepared import open_prepared, training_rows
from sovits_lab.data.references import References
from sovits_lab.data.store import StoreWriter, Utterance
from sovits_lab.options import option, read_options
from sovits_lab.pipeline.memory import peak_megabytes
from sovits_lab.pipeline.parts import Parts
from sovits_lab.pipeline.plan import Plan
from sovits_lab.pipeline.validation import BuiltStage, check_stage
from sovits_lab.preparation.shards import WriteShards
from sovits_lab.reporting import Silent
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training import doctor_command
from sovits_lab.training.corpus_check import check_corpora
from sovits_lab.types import InputError, got

RATE, HOP, MELS, FRAMES = 16_000, 320, 80, 50  # of a recording of one second
RECORDINGS = 64  # different ones
SPEAKERS, EMOTIONS = 40, ("neutral", "sad", "happy", "angry")
STOCK = (
    "river cold boat rain home seven men old walked never asked nobody said street green light after again water small "
    "house letter open door evening quiet music yellow paper garden window morning winter summer brother sister table "
    "silver under over little people money story simple bottle begin carry happy valley"
)
WORDS = STOCK.split(" ")
ROLES = ("emotional",)
BATCH_SECONDS = 45.0
SHARD = 512  # utterances


@dataclass(frozen=True)
class StepOptions:
    """One step on one corpus."""

    step: str = option("what is measured")
    folder: Path = option("of the corpus and of all that is made of it")
    rows: int = option("of the corpus", least=1)


def text_of_row(number: int) -> str:
    """Return three words that no row with another number below 125 thousand has."""
    size = len(WORDS)
    places = number % size, number // size % size, number // size**2 % size
    return " ".join(WORDS[place] for place in places) + "."


def make_corpus(folder: Path, rows: int) -> None:
    """Write `table.tsv` and its recordings: tones of a second, each linked to many names."""
    audio = folder / "audio"
    audio.mkdir(parents=True)
    clock = np.arange(RATE) / RATE
    rng = np.random.default_rng(0)
    for number in range(min(RECORDINGS, rows)):
        tone = 0.3 * np.sin(2 * np.pi * rng.uniform(90, 250) * clock) + 0.01 * rng.standard_normal(RATE)
        save_audio(folder / f"recording{number}.wav", tone.astype(np.float32), RATE)
    lines = ["path\ttext\tspeaker\tlanguage\temotion"]
    for number in range(rows):
        try:
            os.link(folder / f"recording{number % RECORDINGS}.wav", audio / f"{number:06d}.wav")
        except OSError as error:
            raise got("folder", folder, f"one whose disk knows hard links ({error.strerror})") from error
        emotion = EMOTIONS[number // SPEAKERS % len(EMOTIONS)]
        lines.append(f"{number:06d}.wav\t{text_of_row(number)}\tspeaker{number % SPEAKERS:02d}\ten\t{emotion}")
    (folder / "table.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_features(folder: Path, rows: int) -> None:
    """Write features and tokens of as many utterances, with a speaker's vector each."""
    store, tokens = folder / "features", folder / "tokens"
    store.mkdir()
    tokens.mkdir()
    symbols = list(load_symbols("english").names)
    rng = np.random.default_rng(0)
    phones = rng.integers(7, len(symbols), (rows, 10))
    names = [f"speaker{number:02d}" for number in range(SPEAKERS)]
    table = [
        Utterance(f"{names[i % SPEAKERS]}-{i:06d}", names[i % SPEAKERS], EMOTIONS[i // SPEAKERS % len(EMOTIONS)],
                  ROLES[0], "train", text_of_row(i), "en", i * FRAMES, FRAMES, tuple(symbols[p] for p in phones[i]))
        for i in range(rows)
    ]  # fmt: skip
    writer = StoreWriter(store, HOP, MELS, rows * FRAMES, float(FRAMES))
    writer.close(table, symbols, dict.fromkeys(names, Baseline(150.0, -5.0, 0.1, -4.8)))
    flat = np.lib.format.open_memmap(tokens / "tokens.npy", "w+", np.int32, (rows * FRAMES // 2,))
    flat.flush()
    durations = {row.id: [FRAMES // len(row.phones)] * len(row.phones) for row in table}
    (tokens / "durations.json").write_text(json.dumps(durations), encoding="utf-8")
    (tokens / "facts.json").write_text(json.dumps({"codes": 1000}), encoding="utf-8")
    vectors = {name: np.zeros(64, np.float32) for name in names}
    np.savez(tokens / "speakers.npz", allow_pickle=False, **vectors)


def overrides_of(folder: Path) -> list[str]:
    """Return the words with which this corpus would be trained on."""
    return ["experiment=own_voice", "corpus=table", f"corpus.root={folder / 'table.tsv'}",
            f"corpus.audio={folder / 'audio'}", f"paths.runs={folder / 'runs'}"]  # fmt: skip


def run_doctor(folder: Path) -> None:
    """Check the corpus for an experiment, as the command does.

    Raises:
        InputError: it finds something wrong with it.
    """
    printed = io.StringIO()
    with redirect_stdout(printed):
        status = doctor_command.main(overrides_of(folder))
    if status:
        raise InputError(f"bench corpus: the doctor ended with {status}: {printed.getvalue().strip()[-300:]}")


def built_stages(folder: Path) -> tuple[Plan, dict[str, BuiltStage]]:
    """Return the plan of the experiment, and its stages."""
    plan = doctor_command.plan_of(overrides_of(folder))
    stages = {
        name: BuiltStage(check_stage(name, spec.node, plan.raw, spec.runtime), spec.inputs, spec.folder)
        for name, spec in plan.stages.items()
    }
    return plan, stages


def run_plan(folder: Path) -> None:
    """Plan the experiment and compare the corpus with what it needs: what `train.py` does before any compute.

    Before there is a manifest, the header of every recording is read.
    """
    plan, stages = built_stages(folder)
    check_corpora(stages, plan.raw)


def write_manifest(folder: Path) -> None:
    """Check all recordings and write the manifest where the plan looks for it."""
    plan, stages = built_stages(folder)
    out = plan.stages["corpus"].folder
    out.mkdir(parents=True, exist_ok=True)
    stages["corpus"].stage.run({}, out, Silent())


def plan_features(folder: Path) -> None:
    """Read the manifest and deal its recordings to parts, as the stage `features` does first."""
    plan, stages = built_stages(folder)
    work = stages["features"].stage.plan({"corpus": plan.stages["corpus"].folder})
    assert work.parts > 0, "a corpus that was checked has rows"


def write_shards(folder: Path) -> None:
    """Write the features as shards, by one process."""
    stage, out = WriteShards(SHARD), folder / "shards"
    out.mkdir()
    inputs = {"features": folder / "features", "tokens": folder / "tokens"}
    work = stage.plan(inputs)
    parts = Parts(out / "parts", work.parts)
    parts.open()
    parts.take(work.make)
    stage.gather(inputs, parts, out, Silent())
    parts.remove()


def draw_batch(folder: Path) -> None:
    """Open features, tokens and speakers, and draw the first batch of a training."""
    prepared = open_prepared({"features": folder / "features", "tokens": folder / "tokens"})
    store, rows = prepared.store, training_rows(prepared, ROLES, BATCH_SECONDS)
    data = SpeechData(
        store, rows, prepared.tokens, prepared.speakers, Labels.of(store, rows), References(store, rows),
        BATCH_SECONDS, 0, waveforms=True,
    )  # fmt: skip
    assert len(data.batch(0).tokens), "a batch has rows"


STEPS: Mapping[str, Callable[[Path], None]] = {
    "doctor": run_doctor,
    "survey": run_plan,
    "manifest": write_manifest,
    "plan": run_plan,
    "features": plan_features,
    "shards": write_shards,
    "batch": draw_batch,
}
MAKERS: Mapping[str, Callable[[Path, int], None]] = {"make-corpus": make_corpus, "make-features": make_features}


def main(argv: list[str]) -> int:
    """Do one step and print what it took as JSON; packages that load later count, those above do not."""
    end_with_bench()
    options = read_options(StepOptions, argv)
    began, used = time.perf_counter(), processor_seconds()
    if options.step in MAKERS:
        MAKERS[options.step](options.folder, options.rows)
    else:
        STEPS[options.step](options.folder)
    seconds, processor = time.perf_counter() - began, processor_seconds() - used
    peak = max(peak_megabytes(), peak_megabytes(children=True))
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
