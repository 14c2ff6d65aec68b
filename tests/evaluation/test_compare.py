"""Runs beside each other: paired differences, best arms, what may not be compared, and the page."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from evaluation.__main__ import main
from evaluation.catalogue import direction, is_declared
from evaluation.compare.arms import check_comparable, label_arms, read_arm
from evaluation.compare.best import ArmValue, choose_objectives, find_front, find_winners
from evaluation.compare.configs import find_config_differences
from evaluation.compare.page import Comparison
from evaluation.compare.paired import (
    ComparedFigure,
    collect_values,
    list_compared,
    measure_difference,
    measure_differences,
)
from evaluation.compare.seeds import average_seeds
from evaluation.suite.run_estimates import find_figure
from sovits_lab.types import InputError
from tests.evaluation.test_scores import score
from tests.evaluation.voices import run_folder

CONFIG = "seed: {seed}\nstages:\n  gpt: {{seed: {seed}, lr: 0.1}}\n  corpus: {{x: 1}}\ntrainer: {{threads: {seed}}}\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs as `train.py` leaves them, that reach 30 % and all of the true shift."""
    root = tmp_path_factory.mktemp("runs")
    for seed, (name, reached) in enumerate((("a", 0.3), ("b", 1.0)), start=1):
        samples = run_folder(root / f"samples-{name}", reached=reached)
        score(samples, root / f"scores-{name}")
        run = root / name
        run.mkdir()
        (run / "samples").symlink_to(samples)
        (run / "scores.json").symlink_to(root / f"scores-{name}" / "scores.json")
        (run / "config.yaml").write_text(CONFIG.format(seed=seed))
        (run / "environment.json").write_text(json.dumps({"git": {"commit": name}}))
        stages = {"corpus": "../corpus-1", "gpt": f"../gpt-{name}", "scores": f"../scores-{name}"}
        (run / "stages.json").write_text(json.dumps(stages))
        records = [{"stage": "gpt", "step": s, "seconds": 0.0, "train/total": 5.0 / (s + seed), "valid/total": 1.0}
                   for s in range(50)]  # fmt: skip
        (run / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return root


@pytest.fixture(scope="module")
def arms(runs):
    return [read_arm(runs / name) for name in "ab"]


def test_a_run_against_itself_differs_nowhere(arms):
    (rows,) = measure_differences([arms[0], arms[0]])
    paired = [row for row in rows if row["difference"] is not None]
    assert len(paired) > 5
    assert all(row["difference"] == 0 and row["verdict"] == "" for row in paired)


def test_the_difference_of_a_paired_figure_is_the_difference_of_the_figures(arms):
    """Error rates are totals, so the pairs are weighted by their words; shares are of the mean true shift."""
    for one in list_compared(arms):
        row = measure_difference(arms[0], arms[1], one)
        if row["difference"] is None:
            continue
        place = (one.name, one.group, one.emotion)
        a, b = (find_figure(arm.report["figures"], *place)["value"] for arm in arms)
        logarithm = one.name == "duration_share"
        assert logarithm or row["difference"] == pytest.approx(b - a, abs=1e-9), one
        assert row["low"] <= row["difference"] <= row["high"]


def test_the_share_of_the_shift_is_paired_by_speaker_and_sentence(arms):
    share = ComparedFigure("f0_share", "WORLD DIO+StoneMask", "all", "sad")
    row = measure_difference(*arms, share)
    assert row["difference"] == pytest.approx(0.7, abs=0.1)
    values = collect_values(arms[0], share)
    assert {emotion for _, _, emotion in values} == {"sad"}
    assert row["n"] == len(values)


def test_every_figure_has_a_declared_direction(arms):
    names = {one["name"] for one in arms[0].report["figures"]} - {"aligned"}
    assert not [name for name in names if not is_declared(name)]
    for one in arms[0].report["figures"]:
        assert one["better"] == direction(one["name"])


def test_best_is_turned_by_direction_and_ties_have_no_winner(arms):
    def at(bad):
        return ArmValue(1.0, None, None, None, bad)

    assert find_winners([at(0.3), at(0.1), at(None)]) == {1}
    assert find_winners([at(0.1), at(0.1)]) == set()
    chosen = choose_objectives(arms, list_compared(arms))
    assert [m.name.partition(".")[0] for m in chosen] == ["f0_share", "similarity_calibrated", "per"]
    assert 1 in find_front(arms, chosen)
    assert find_front(arms, chosen[:1]) == {1}


def test_only_what_differs_is_shown_and_what_differs_alike_is_one_line(arms):
    (one,), how = find_config_differences(arms)
    assert (one.key, one.values, one.also) == ("seed", ["1", "2"], ["stages.gpt.seed"])
    assert how == ["trainer.threads"]
    assert [arm.label for arm in label_arms(arms, {one.key: one.values})] == ["seed=1", "seed=2"]
    assert [arm.label for arm in label_arms([arms[0], arms[0]], {})] == ["a", "a (2)"]


def test_values_of_another_judge_are_not_held_against_each_other(runs, arms, tmp_path):
    shutil.copytree(runs / "scores-b", tmp_path / "c")
    lines = (tmp_path / "c" / "measurements.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        row["judge_hash"] = "feedface" if row["metric"] == "per" else row["judge_hash"]
    (tmp_path / "c" / "measurements.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    pair = [arms[0], read_arm(tmp_path / "c")]
    found = Comparison.of(pair)
    assert {m.name.partition(".")[0] for m in found.apart} == {"per"}
    assert not [m for m, _ in found.best() if m in found.apart]
    assert not found.apart & set(found.chosen)
    per = next(iter(found.apart)).name
    with pytest.raises(InputError, match=r"weights of the judge.*feedface.*score both again"):
        Comparison.of(pair, [per])


def test_what_asks_other_questions_is_refused(runs, arms, tmp_path):
    with pytest.raises(InputError, match=r"corpus of b .*'corpus-2', expected corpus-1"):
        check_comparable([arms[0], replace(arms[1], stages={"corpus": "corpus-2"})])
    index = dict(arms[1].report["index"])
    index.popitem()
    with pytest.raises(InputError, match=r"test sentences of b .*1 missing, 0 others"):
        check_comparable([arms[0], replace(arms[1], report={**arms[1].report, "index": index})])
    half = tmp_path / "half"
    half.mkdir()
    (half / "stages.json").write_text(json.dumps({"corpus": str(runs), "gpt": "../gpt-none"}))
    with pytest.raises(InputError, match=r"unfinished run \(not done: gpt\)"):
        read_arm(half)


def test_the_command_writes_one_page_without_anything_external(runs, tmp_path, capsys):
    a, b = str(runs / "a"), str(runs / "b")
    words = ["compare", a, b, f"out={tmp_path}", "primary=similarity", "margin=similarity:0.5", "examples=2"]
    assert main(words) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert page.count("data:audio/mpeg;base64,") == 2 * 3, "truth and two arms, of two sentences"
    for heading in ("What was configured otherwise", "Arms by metrics", "Parallel coordinates", "The same sentence",
                    "Learning curves", "Tests"):  # fmt: skip
        assert heading in page
    found = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    assert [one["label"] for one in found["arms"]] == ["seed=1", "seed=2"]
    (against,) = found["differences"]
    primary = next(row for row in against["rows"] if row["family"] == "primary")
    assert (primary["name"], primary["equivalent"], primary["verdict"]) == ("similarity", True, "equivalent")
    with (tmp_path / "table.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    assert len(rows) == 2 * len(found["measures"])
    (second,) = (
        row for row in rows if (row["figure"], row["arm"]) == ("similarity", "seed=2") and row["group"] == "all"
    )
    at = next(i for i, one in enumerate(found["measures"]) if (one["name"], one["group"]) == ("similarity", "all"))
    assert float(second["value"]) == found["values"][1][at]["value"] and second["better"] == "higher"
    assert float(second["difference"]) == against["rows"][at]["difference"]
    assert float(second["difference_low"]) == against["rows"][at]["low"] and int(second["difference_n"]) > 0
    assert not any(row["difference"] for row in rows if row["arm"] == "seed=1"), "the first is held against nobody"
    assert main([*words, "baseline=b"]) == 0
    found = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    assert found["arms"][0]["folder"] == b


def test_mistakes_are_one_line(runs, tmp_path, capsys):
    a, b = str(runs / "a"), str(runs / "b")
    for words, said in (
        ([a], "two or more"),
        ([a, b, f"{runs}/b/../a"], "each run once"),
        ([a, b, "primary=beauty"], "beauty"),
        ([a, str(tmp_path / "none")], "an existing folder"),
        ([a, str(tmp_path)], "scores.json"),
        ([a, b, "baseline=c"], "one of a, b"),
        ([a, b, "emotion=sadd"], "emotion: got 'sadd', expected one of "),
        ([], "--sweep FOLDER"),
        (["--sweep", str(tmp_path)], "manifest.jsonl"),
        ([a, "--sweep"], "folder of a sweep"),
    ):
        assert main(["compare", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("scores.json", b'{"figures": [', "scores.json: cannot be read as JSON"),
        ("scores.json", b"[]", "got 'list', expected a JSON object"),
        ("measurements.jsonl", b"\xff\xfe\n", "measurements.jsonl, line 1: got byte 0xff"),
        ("measurements.jsonl", b'{"sample": "a"}\n', "measurements.jsonl, line 1: "),
        ("stages.json", b"{", "stages.json: cannot be read as JSON"),
    ],
)
def test_a_damaged_result_is_one_line(runs, tmp_path, capsys, name, content, said):
    damaged = tmp_path / "b"
    shutil.copytree(runs / "b", damaged)
    shutil.copy(runs / "scores-b" / "measurements.jsonl", damaged)
    (damaged / name).write_bytes(content)
    assert main(["compare", str(runs / "a"), str(damaged)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_sweep_is_compared_under_its_own_labels_and_names_what_is_missing(runs, tmp_path):
    manifest = pytest.importorskip("sovits_lab.sweeps.manifest")
    folder = runs / "sweeps" / "trial" / "night"
    book = manifest.Manifest(folder)
    book.create(experiment="trial")
    book.begin(keep=True)
    for key, label in (("a", "lr=0.1"), ("b", "lr=0.2"), ("c", "lr=0.3")):
        book.add(manifest.SweepArm(key, label, (label,), key, key))
    for key in "ab":
        book.note(key, manifest.State.DONE, status=0)
    book.note("c", manifest.State.FAILED, status=1, text="gpt: loss is not finite")
    assert main(["compare", "--sweep", str(folder)]) == 0
    found = json.loads((folder / "compare" / "compare.json").read_text(encoding="utf-8"))
    assert [one["label"] for one in found["arms"]] == ["lr=0.1", "lr=0.2"]
    assert found["notes"] == ["lr=0.3: failed, gpt: loss is not finite; not compared"]


def sweep(runs, labels: dict[str, str]) -> Path:
    manifest = pytest.importorskip("sovits_lab.sweeps.manifest")
    folder = runs / "sweeps" / "trial" / "-".join(labels)
    book = manifest.Manifest(folder)
    book.create(experiment="trial")
    book.begin(keep=True)
    for key, label in labels.items():
        book.add(manifest.SweepArm(key, label, tuple(label.split(",")), key, key))
        book.note(key, manifest.State.DONE, status=0)
    return folder


def test_seeds_of_a_sweep_are_one_arm_and_seed_is_paired_with_seed(runs, tmp_path):
    for name in ("a1", "a2", "b1", "b2", "b3"):
        if not (runs / name).exists():
            shutil.copytree(runs / name[0], runs / name, symlinks=True)
    labels = {"a1": "lr=0.1,seed=1", "a2": "lr=0.1,seed=2", "b1": "lr=0.2,seed=1", "b2": "lr=0.2,seed=2",
              "b3": "lr=0.2,seed=3"}  # fmt: skip
    folder = sweep(runs, labels)
    assert main(["compare", "--sweep", str(folder), "primary=similarity"]) == 0
    found = json.loads((folder / "compare" / "compare.json").read_text(encoding="utf-8"))
    assert [one["label"] for one in found["arms"]] == ["lr=0.1", "lr=0.2"]
    assert "(1, 2)" in found["notes"][0]
    assert "seed 3 is not compared" in found["notes"][1]
    two = measure_differences([read_arm(runs / name) for name in "ab"], ["similarity"])[0]
    (against,) = found["differences"]
    keys = ("name", "group", "emotion", "difference", "n")
    once, mean = ([{key: row[key] for key in keys} for row in rows] for rows in (two, against["rows"]))
    assert mean == once, "the mean of two equal seeds is one of them"


def test_an_arm_of_seeds_has_the_mean_and_an_interval_over_them(arms):
    first = next(one for one in arms[0].report["figures"] if one["name"] == "f0_share" and one["value"] is not None)
    mean = average_seeds({"1": replace(arms[0], label="x, seed=1"), "2": replace(arms[1], label="x, seed=2")})
    place = (first["name"], first["group"], first["emotion"])
    found = find_figure(mean.report["figures"], *place)
    values = [find_figure(arm.report["figures"], *place)["value"] for arm in arms]
    assert mean.label == "x"
    assert found["value"] == pytest.approx(sum(values) / 2)
    half = 12.706 * abs(values[0] - values[1]) / 2  # Student's t with one degree of freedom
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=1e-3)


def test_a_sweep_over_seeds_alone_is_no_comparison(runs, capsys):
    shutil.copytree(runs / "a", runs / "s1", symlinks=True)
    shutil.copytree(runs / "a", runs / "s2", symlinks=True)
    folder = sweep(runs, {"s1": "seed=1", "s2": "seed=2"})
    assert main(["compare", "--sweep", str(folder)]) == 2
    assert "differ in their seed alone" in capsys.readouterr().err


def test_sounds_in_the_page_are_those_of_the_arm(arms):
    from evaluation.compare.listen import make_cards

    (card,) = make_cards(arms, "sad", 1)
    assert [player.label for player in card.players] == ["true recording", "a", "b"]
    samples = [one for arm in arms for one in arm.headline if one.text == card.title and one.emotion == "sad"]
    assert all(soundfile.info(one.wav).duration > 0.1 for one in samples)
    assert len({player.audio for player in card.players}) > 1
