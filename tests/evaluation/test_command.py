"""`python -m evaluation`: scores a manifest, serves a second run from the cache, names mistakes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evaluation.__main__ import main
from evaluation.suite import own_run
from evaluation.suite.stage import ScoreRun
from sovits_lab.reporting import Silent
from tests.evaluation.voices import read_items, run_folder, save, write_items

ECHO = {"_target_": "tests.evaluation.voices.Echo", "_partial_": True}
CHEAP = ["judge@judges.speaker=none", "judge@judges.alignment=none", "judge@judges.words=none"]


def test_a_run_is_scored_and_the_second_time_from_the_cache(tmp_path, capsys):
    folder = run_folder(tmp_path / "s")
    arguments = [f"run={folder}", f"out={tmp_path / 'o'}", "title=A run, with = and ,", *CHEAP]
    assert main(arguments) == 0
    first = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert first["speed"]["cache_hits"] == 0
    assert main(arguments) == 0
    second = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert second["speed"]["cache_hits"] > 0
    assert second["figures"] == first["figures"]
    assert (tmp_path / "o" / "report" / "index.html").stat().st_size > 10_000
    assert "report:" in capsys.readouterr().out


def test_a_run_brings_its_style_vectors_and_trials(tmp_path):
    folder = run_folder(tmp_path / "run" / "samples")
    emotion, speaker = np.tile(["a", "b"], 32), np.repeat(["w", "x", "y", "z"], 16)
    np.savez(folder / "style_vectors.npz", vectors=np.random.default_rng(0).normal(size=(64, 4)), emotion=emotion,
             speaker=speaker, text=np.tile(["1", "1", "2", "2"], 16), level=np.tile([-20.0, -30.0], 32))  # fmt: skip
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "style.md").write_text("# On trial\n\nWhat it says.\n", encoding="utf-8")
    places = {"samples": "samples", "style_trial": "../trial"}
    (tmp_path / "run" / "stages.json").write_text(json.dumps(places), encoding="utf-8")
    assert main([f"run={tmp_path / 'run'}", f"out={tmp_path / 'o'}", *CHEAP]) == 0
    page = (tmp_path / "o" / "report" / "index.html").read_text(encoding="utf-8")
    for words in ("On trial", "What it says.", "Style space", "Level alone tells 100.0 %", "no proof"):
        assert words in page


def test_a_run_of_ours_is_scored_again_by_its_own_judges_and_bars(tmp_path, monkeypatch):
    """Phone errors by the run's recognisers, enrolment and requirements come from the run, not from the command."""
    monkeypatch.setattr(own_run, "ALLOWED", ("evaluation.", "tests."))
    run = tmp_path / "run"
    samples = run_folder(run / "samples")
    node = {
        "_target_": "evaluation.suite.stage.ScoreRun",
        "inputs": ["samples", "content", "judge"],
        "speaker": {"_target_": "tests.evaluation.test_scores.Pitchfork"},
        "recognisers": [
            {"name": "echo", "stage": "content", "load": ECHO, "self_graded": True},
            {"name": "gone", "stage": "judge", "load": ECHO},
        ],
        "bars": [{"figure": "per.echo", "at_most": 0.5}],
    }
    (tmp_path / "content").mkdir()
    (run / "stages.json").write_text(json.dumps({"samples": "samples", "content": "../content", "judge": "../none"}))
    config = {"name": "sad_transfer", "seed": 3, "stages": {"scores": node, "report": None}}
    (run / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    (run / "environment.json").write_text(json.dumps({"git": {"commit": "0123456789abcdef", "diff": None}}))
    kept = {key: node[key] for key in ("speaker", "bars")} | {"recognisers": node["recognisers"][:1]}
    (tmp_path / "own").mkdir()
    ScoreRun(**kept).run({"samples": samples, "content": tmp_path / "content"}, tmp_path / "own", Silent())
    own = json.loads((tmp_path / "own" / "scores.json").read_text(encoding="utf-8"))
    assert main([f"run={run}", f"out={tmp_path / 'o'}", *CHEAP]) == 1, "a bar is not reached"
    again = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert [one for one in again["figures"] if one in own["figures"]] == own["figures"]
    assert again["bars"] == own["bars"]
    assert "Stage judge of the run is no longer there." in again["notes"]
    page = (tmp_path / "o" / "report" / "index.html").read_text(encoding="utf-8")
    for said in ("sad_transfer", "seed: <code>3</code>", "0123456789ab", "python -m evaluation run="):
        assert said in page


def test_a_judge_that_heard_a_part_in_the_run_is_not_asked_a_second_time(tmp_path):
    """The run's own scoring lets a judge hear a declared part; the command's configuration has the same judge."""
    run = tmp_path / "run"
    run_folder(run / "samples")
    part = {"_target_": "evaluation.suite.subset.SubsetScorer", "sentences": 1}
    part["scorer"] = {"_target_": "evaluation.quality.scorer.SoundScorer"}
    node = {"_target_": "evaluation.suite.stage.ScoreRun", "inputs": ["samples"], "scorers": [part]}
    (run / "config.yaml").write_text(json.dumps({"stages": {"scores": node}}), encoding="utf-8")
    assert main([f"run={run}", f"out={tmp_path / 'o'}", *CHEAP]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert any("as declared" in one for one in content["notes"])


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system ['true']", "a: &x [1, 1]\nb: [*x, *x]", "[1, 2]", "a: [", "a: \x00", "a: ${b",
     "- " * 3000],
)  # fmt: skip
def test_a_configuration_that_was_found_is_data_and_refused_in_one_line(tmp_path, text, capsys):
    run = tmp_path / "run"
    run_folder(run / "samples")
    (run / "config.yaml").write_text(text, encoding="utf-8")
    assert main([f"run={run}", f"out={tmp_path / 'o'}", *CHEAP]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: configuration of a run") and message.count("\n") == 1


def test_style_vectors_that_are_damaged_are_named(tmp_path, capsys):
    run = tmp_path / "run"
    samples = run_folder(run / "samples")
    for content in (b"", b"PK\x03\x04" + bytes(500), b"no archive"):
        (samples / "style_vectors.npz").write_bytes(content)
        assert main([f"run={run}", f"out={tmp_path / 'o'}", *CHEAP]) == 2
        message = capsys.readouterr().err
        assert "style_vectors.npz" in message and message.count("\n") == 1


@pytest.mark.parametrize(
    "target",
    ["os.system", "subprocess.run", "evaluation.judges._private.run", "evaluation.scoring.manifest.os.system",
     "evaluation.scoring.manifest.Path.touch", "evaluation.scoring.manifest.Path",
     "evaluation.listening.folder.write_whole", "evaluation.suite.stage.instantiate",
     "evaluation.suite.command.main", "evaluation.nothing.Here", 7],
)  # fmt: skip
def test_a_run_that_was_found_builds_no_class_of_anybody_else(tmp_path, target, capsys):
    run = tmp_path / "run"
    run_folder(run / "samples")
    node = {"_target_": "evaluation.suite.stage.ScoreRun", "inputs": ["samples"]}
    inner = {"_target_": "evaluation.scoring.manifest.Path", "_args_": [str(tmp_path / "trace")]}
    word = "command" if "system" in str(target) else "_args_"
    node["scorers"] = [{"_target_": target, word: f"touch {tmp_path / 'trace'}" if word == "command" else [inner]}]
    (run / "config.yaml").write_text(json.dumps({"stages": {"scores": node}}), encoding="utf-8")
    assert main([f"run={run}", f"out={tmp_path / 'o'}", *CHEAP]) == 2
    assert str(target) in capsys.readouterr().err
    assert not (tmp_path / "trace").exists()
    assert main([f"run={run}", f"out={tmp_path / 'o'}", "own_judges=false", *CHEAP]) == 0


@pytest.mark.parametrize(
    "change",
    [{"scorers": [{"_target_": "evaluation.quality.scorer.SoundScorer", "colour": 3}]},
     {"recognisers": [{"name": "a"}]}, {"bars": 3},
     {"scorers": [{"_target_": "evaluation.scoring.estimates.Requirement", "figure": "f", "at_most": 1}]},
     {"speaker": {"_target_": "evaluation.scoring.estimates.Requirement", "figure": "f", "at_most": 1}}],
)  # fmt: skip
def test_judges_of_a_run_that_cannot_be_built_are_one_line(tmp_path, change, capsys):
    run = tmp_path / "run"
    run_folder(run / "samples")
    node = {"_target_": "evaluation.suite.stage.ScoreRun", "inputs": ["samples"], **change}
    (run / "config.yaml").write_text(json.dumps({"stages": {"scores": node}}), encoding="utf-8")
    assert main([f"run={run}", f"out={tmp_path / 'o'}", *CHEAP]) == 2
    message = capsys.readouterr().err
    assert "own_judges=false" in message and message.count("\n") == 1


def test_awkward_audio_is_counted_with_its_reason(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = read_items(folder)
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    save(folder / "stereo.wav", np.stack([noise, noise], axis=1))
    save(folder / "silent.wav", np.zeros(16000))
    save(folder / "click.wav", np.ones(160))
    save(folder / "clipped.wav", np.sign(noise))
    names = ["stereo.wav", "silent.wav", "click.wav", "clipped.wav", "missing.wav"]
    for item, name in zip(items, names, strict=False):
        item["wav"] = name
    write_items(folder, items)
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", *CHEAP]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    reasons = " ".join(content["failures"])
    assert all(word in reasons for word in ("silent", "10 ms", "file is missing"))
    assert sum(content["failures"].values()) == 3, "stereo and clipped audio can be scored"
    clipping = next(
        f for f in content["figures"] if (f["name"], f["group"], f["emotion"]) == ("clipping", "all", "all")
    )
    assert clipping["value"] > 1 / 32


def test_one_speaker_and_one_emotion_give_reasons_not_nan(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = [item for item in read_items(folder) if item["speaker"] == "ann" and item["emotion"] == "sad"][:1]
    write_items(folder, items)
    judge = "judges.speaker.judge={_target_: tests.evaluation.test_scores.Pitchfork}"
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", judge, *CHEAP[1:]]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    for one in content["figures"]:
        assert one["value"] is not None or one["reason"], one
        assert one["low"] is not None or one["reason"], one
    top1 = next(f for f in content["figures"] if f["name"] == "speaker_top1")
    assert top1["value"] is None


def test_without_any_reference_likeness_has_a_reason_and_the_rest_is_scored(tmp_path):
    folder = run_folder(tmp_path / "s")
    write_items(folder, [{**item, "speaker_reference": None} for item in read_items(folder)])
    judge = "judges.speaker.judge={_target_: tests.evaluation.test_scores.Pitchfork}"
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", judge, *CHEAP[1:]]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    found = {f["name"]: f for f in content["figures"] if (f["group"], f["emotion"]) == ("all", "all")}
    assert found["similarity"]["value"] is None
    assert found["similarity"]["reason"]
    assert found["silence"]["n"] == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run=.", "judge@judges.phones=recogniser"], "judges.phones.folder"),
        (["run=/nowhere/at/all"], "samples/samples.jsonl"),
        (["run=a", "manifest=b"], "exactly one of"),
        (["manifest=x.csv", "spekaer=1"], "spekaer"),
        (["dance"], "expected one of"),
        (["manifest=x.csv", "judge@judges.words=wisper"], "judge: got 'wisper', expected one of"),
        (["manifest=x.csv", "langauge=en"], "key: got 'langauge', expected one of"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_every_command_has_a_main():
    import importlib

    from evaluation.__main__ import COMMANDS

    for module, about in COMMANDS.values():
        assert callable(importlib.import_module(module).main), module
        assert about


def test_help_lists_the_commands(capsys):
    assert main([]) == 0
    assert "ladder" in capsys.readouterr().out


def test_every_judge_file_composes_and_names_a_class():
    import importlib

    import yaml

    from evaluation.suite.command import CONF

    def targets(node):
        if isinstance(node, dict):
            if "_target_" in node:
                yield node["_target_"]
            for value in node.values():
                yield from targets(value)

    files = sorted((CONF / "judge").glob("*.yaml"))
    assert len(files) > 10
    for path in files:
        for target in targets(yaml.safe_load(path.read_text(encoding="utf-8"))):
            module, _, name = target.rpartition(".")
            assert hasattr(importlib.import_module(module), name), target
