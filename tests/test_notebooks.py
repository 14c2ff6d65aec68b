"""The notebooks run from their first cell to their last, at smoke size, and are stored with what they showed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from notebooks.execute import ROOT, execute, read_cells
from tests.inference.conftest import clips, voice_folder  # noqa: F401  fixtures of a tiny voice

BOOKS = sorted(path for path in (ROOT / "notebooks").glob("[a-z]*_*.py"))


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def printed(made: dict) -> str:
    return "".join(out.get("text", "") for cell in made["cells"] for out in cell.get("outputs", ()))


def drawn(made: dict) -> int:
    return sum("data" in out for cell in made["cells"] for out in cell.get("outputs", ()))


def test_read_a_study() -> None:
    made = execute(ROOT / "notebooks" / "read_a_study.py")
    assert "f0_share/sad" in printed(made)
    assert drawn(made) == 1


def test_a_style_encoder_on_trial(tmp_path: Path) -> None:
    made = execute(
        ROOT / "notebooks" / "style_encoder_on_trial.py",
        {
            'Path("runs/evaluation/judges/incongruent")': f'Path("{tmp_path}")',
            '("miguel", "Andrea", "f3")': '("miguel", "Andrea")',
        },
    )
    assert "my encoder, shares voice and words" in printed(made)
    assert drawn(made) == 1


def test_speak_and_draw(tmp_path: Path, voice_folder: Path, clips: Path) -> None:  # noqa: F811
    """With a tiny voice in place of a run's."""
    speaker = next(iter(json.loads((voice_folder / "bundle.json").read_text(encoding="utf-8"))["speakers"]))
    same = {"speaker": speaker, "text": "Hello there.", "style_speaker": "other"}
    told = {"neutral": clips / "high.wav", "sad": clips / "low.wav"}
    rows = [{**same, "emotion": name, "style_reference": str(path)} for name, path in told.items()]
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True)
    (run / "samples" / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = execute(
        ROOT / "notebooks" / "speak_and_draw.py",
        {
            'sorted(Path("runs/sad_transfer").glob("*/samples/samples.jsonl"))[-1].parents[1]': f'Path("{run}")',
            "Synthesizer.load(RUN)": f'Synthesizer.load(Path("{voice_folder}"))',
        },
    )
    assert "flags" in printed(made)
    assert drawn(made) == 1


def test_a_failing_cell_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad_one.py").write_text("# %% [markdown]\n# text\n# %%\nx = 1\n# %%\nx / 0\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"bad_one.py, cell 2: ZeroDivisionError"):
        execute(tmp_path / "bad_one.py")


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_the_notebook_with_outputs(book: Path) -> None:
    stored = json.loads(book.with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert [cell["source"] for cell in stored["cells"]] == [cell.source for cell in read_cells(book)]
    assert drawn(stored) >= 1
    assert printed(stored)
