"""A finished stage whose files are missing or changed is not taken for whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.pipeline.integrity import damage, inventory
from tests.pipeline.bench import Bench
from tests.pipeline.test_runner import DIAMOND


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("file", "harm"), [("number.txt", cut_short), ("number.txt", Path.unlink), ("stage.json", cut_short)]
)
def test_a_damaged_stage_is_named_set_aside_and_made_again(bench: Bench, file: str, harm) -> None:
    plan, _ = bench.run(DIAMOND)
    folder = plan.stages["two"].folder
    before = inventory(folder)
    harm(folder / file)
    assert damage(folder) is not None
    _, display = bench.run(DIAMOND)
    (told,) = [line for line in display.of("two") if "set aside" in line]
    assert file in told
    assert damage(folder, thorough=True) is None
    assert inventory(folder)["number.txt"] == before["number.txt"]
    assert folder.with_name(folder.name + ".damaged").is_dir(), "nothing is deleted"
    assert all(line.startswith("found") for line in display.of("one"))


def test_only_checksums_find_a_flipped_byte(bench: Bench) -> None:
    plan, _ = bench.run(DIAMOND)
    folder = plan.stages["four"].folder
    (folder / "number.txt").write_text("6")
    assert damage(folder) is None
    assert damage(folder, thorough=True) == "number.txt has another checksum than was recorded"
