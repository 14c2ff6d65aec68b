"""Parts are made once each, whatever dies, whoever helps and however many work."""

from __future__ import annotations

import filecmp
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.audio.files import save_audio
from sovits_lab.corpora.manifest import Header, Record, cut, write_cuts
from sovits_lab.data.store import FeatureStore
from sovits_lab.pipeline.parts import FOLDER, PartedStage, Parts, Work
from sovits_lab.preparation import features as features_module
from sovits_lab.preparation.features import BuildFeatures
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.data.stores import SPEC, voice

FORK = multiprocessing.get_context("fork")
AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels}
ENGLISH = {"_target_": "sovits_lab.text.frontend.EnglishFrontend"}


class Squares(PartedStage):
    """Squares of numbers; every part made is noted in `journal`."""

    def __init__(self, journal: Path, count: int = 24, seconds: float = 0.02, threads: int = 3) -> None:
        super().__init__({"threads": threads})
        self.journal, self.count, self.seconds = journal, count, seconds

    def plan(self, inputs: Mapping[str, Path]) -> Work:
        def make(number: int, folder: Path) -> None:
            time.sleep(self.seconds)
            (folder / "square").write_text(str(number**2))
            with self.journal.open("a") as file:  # one write of a short line is whole
                file.write(f"{number}\n")

        return Work(self.count, make, self.count)

    def gather(self, inputs: Mapping[str, Path], parts: Parts, out: Path, report: Any) -> None:
        (out / "squares").write_text(" ".join((parts.path(n) / "square").read_text() for n in range(self.count)))


def go(stage: PartedStage, out: Path, helping: bool) -> None:
    """A run of its own, as on another machine."""
    os.setpgid(0, 0)
    (stage.help if helping else stage.run)({}, out, Silent())


def start(stage: PartedStage, out: Path, helping: bool = False) -> Any:
    process = FORK.Process(target=go, args=(stage, out, helping))
    process.start()
    return process


def until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def made(journal: Path) -> list[int]:
    return [int(line) for line in journal.read_text().split()] if journal.exists() else []


def test_every_part_is_made_once_by_several_runs(tmp_path: Path) -> None:
    stage = Squares(tmp_path / "journal")
    runner = start(stage, tmp_path)
    until((tmp_path / FOLDER / "claims").exists)
    helpers = [start(stage, tmp_path, helping=True) for _ in range(2)]
    for process in (runner, *helpers):
        process.join(120)
        assert process.exitcode == 0
    assert sorted(made(tmp_path / "journal")) == list(range(24))
    assert (tmp_path / "squares").read_text() == " ".join(str(n * n) for n in range(24))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "squares"], "nothing stays lying about"


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_it_loses_only_the_parts_in_work(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    count = 80  # so much that the first kill finds it at work
    stage, kills = Squares(tmp_path / "journal", count), 0
    while kills < 5 and not (tmp_path / "squares").exists():
        process = start(stage, tmp_path)
        time.sleep(draw.uniform(0.03, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
        until(lambda pid=process.pid: not group_lives(pid))  # workers end with their stage
    if not (tmp_path / "squares").exists():
        stage.run({}, tmp_path, Silent())
    assert (tmp_path / "squares").read_text() == " ".join(str(n * n) for n in range(count))
    repeated = len(made(tmp_path / "journal")) - count
    assert repeated <= 3 * kills, "each kill costs at most a part of each of three workers"


def group_lives(group: int) -> bool:
    """Some process of a group is running."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_a_killed_worker_leaves_its_part_to_the_others(tmp_path: Path) -> None:
    class Deadly(Squares):
        def plan(self, inputs: Mapping[str, Path]) -> Work:
            make = super().plan(inputs).make

            def deadly(number: int, folder: Path) -> None:
                if number == 5 and not (tmp_path / "died").exists():
                    (tmp_path / "died").touch()
                    (folder / "half").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                make(number, folder)

            return Work(self.count, deadly, self.count)

    Deadly(tmp_path / "journal").run({}, tmp_path, Silent())
    assert sorted(made(tmp_path / "journal")) == list(range(24)) and (tmp_path / "died").exists()


def test_a_helper_takes_over_when_the_runner_dies(tmp_path: Path) -> None:
    stage = Squares(tmp_path / "journal", seconds=0.05, threads=1)
    runner = start(stage, tmp_path)
    until(lambda: made(tmp_path / "journal"))
    helper = start(stage, tmp_path, helping=True)
    os.kill(runner.pid, signal.SIGKILL)
    helper.join(20)
    assert helper.exitcode == 0 and Parts(tmp_path / FOLDER, 24).missing() == [], "all parts are there to be gathered"
    before = len(made(tmp_path / "journal"))
    stage.run({}, tmp_path, Silent())
    assert len(made(tmp_path / "journal")) == before


def test_errors_come_out_of_the_workers(tmp_path: Path) -> None:
    class Wrong(Squares):
        def __init__(self, error: Exception) -> None:
            super().__init__(tmp_path / "journal")
            self.error = error

        def plan(self, inputs: Mapping[str, Path]) -> Work:
            def make(number: int, folder: Path) -> None:
                raise self.error

            return Work(3, make, 3)

    for error, kind in ((InputError("recording a.wav: is empty"), InputError), (KeyError("x"), RuntimeError)):
        with pytest.raises(kind, match=str(error)):
            Wrong(error).run({}, tmp_path, Silent())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen recordings without alignment, two of them unusable."""
    folder = tmp_path_factory.mktemp("corpus")
    cuts = []
    for number in range(16):
        wav, _ = voice(number, 40 + 3 * number)
        wav = wav[:2000] if number == 6 else wav
        name = f"clip-{number:02d}"
        save_audio(folder / f"{name}.flac", wav, SPEC.sample_rate)
        text = "..." if number == 9 else "one two"
        record = Record(name, Path(f"{name}.flac"), text, "ann", "en")
        cuts.append(cut(record, Header(SPEC.sample_rate, len(wav)), "train", "emotional"))
    write_cuts(cuts, folder)
    return folder


def test_features_do_not_depend_on_parts_or_processes(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size, threads in ((128, 1), (3, 4)):
        monkeypatch.setattr(features_module, "PART", size)
        out = tmp_path / str(size)
        out.mkdir()
        BuildFeatures(AUDIO, ENGLISH, trim=False, runtime={"threads": threads}).run({"corpus": corpus}, out, Silent())
    names = ["f0.npy", "info.json", "left_out.tsv", "mel.npy", "table.jsonl", "wav.npy"]
    assert sorted(path.name for path in (tmp_path / "3").iterdir()) == names
    assert all(filecmp.cmp(tmp_path / "3" / name, tmp_path / "128" / name, shallow=False) for name in names)
    store = FeatureStore(tmp_path / "3")
    assert [row.id for row in store.rows] == [f"clip-{n:02d}" for n in range(16) if n not in (6, 9)]
    assert all(len(store.wav(i)) == row.frames * SPEC.hop for i, row in enumerate(store.rows))
    assert np.isclose(np.log(store.wav(3) ** 2 + 1e-9).mean(), np.log(voice(3, 49)[0][:15360] ** 2 + 1e-9).mean(), 0.01)
