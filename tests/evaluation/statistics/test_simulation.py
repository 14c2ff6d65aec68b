"""The default test keeps its level in every design; the familiar ones do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.statistics.simulation import DEFAULT, DESIGNS, positives
from evaluation.validity.aa import compare_metrics, main
from sovits_lab.types import InputError


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: f"{design.speakers}x{design.sentences}")
def test_false_positives_stay_between_two_and_eight_percent(design) -> None:
    found = positives(design, 600, tests=(DEFAULT, "utterance t-test"))
    assert 0.02 <= found[DEFAULT].estimate <= 0.08
    assert found["utterance t-test"].estimate > 0.25


def test_two_way_bootstrap_is_close_with_eight_speakers() -> None:
    assert positives(DESIGNS[1], 200, tests=("two-way bootstrap",))["two-way bootstrap"].estimate <= 0.09


def write_run(folder: Path, seeds: tuple[int, ...]) -> tuple[str, str]:
    """Samples and scores of a model whose seeds differ by noise alone."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    samples, scores = [], []
    for seed in seeds:
        for speaker in range(6):
            for text in range(8):
                name = f"{speaker}-{text}-{seed}"
                (folder / f"{name}.wav").touch()
                samples.append({"id": name, "wav": f"{name}.wav", "text": f"text {text}", "speaker": f"s{speaker}",
                                "seed": seed})  # fmt: skip
                for metric in ("wer", "similarity"):
                    value = 0.1 * speaker + rng.normal(0, 0.05)
                    scores.append({"id": name, "metric": metric, "value": value, "judge": "j", "of": "output"})
    for name, rows in (("samples.jsonl", samples), ("scores.jsonl", scores)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"samples={folder / 'samples.jsonl'}", f"scores={folder / 'scores.jsonl'}"


def test_two_seeds_of_one_model_do_not_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*write_run(tmp_path / "one", (1, 2))]) == 0
    assert "of 2 metrics" in capsys.readouterr().out
    first, second = write_run(tmp_path / "a", (1,)), write_run(tmp_path / "b", (1,))
    found = compare_metrics(*[[Path(pair[k].split("=")[1]) for pair in (first, second)] for k in (0, 1)])
    assert [one.pairs for one in found] == [48, 48]


def test_one_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two seeds"):
        main([*write_run(tmp_path / "one", (1,))])
    with pytest.raises(InputError, match="as many"):
        main(["samples=x.jsonl"])
    with pytest.raises(InputError, match="runs"):
        main(["runs=10"])
