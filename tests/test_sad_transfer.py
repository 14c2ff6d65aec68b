"""The scripts of experiments/sad_transfer: arms and their tables, what styles ask for, clips at one level."""

from __future__ import annotations

import json
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab.audio.energy import NATS_PER_DB, level_dbfs, mel_energy
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from tests.data.stores import write_store
from tests.test_configs import ROOT, check, composed

STUDY = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "study.py"))


@pytest.mark.parametrize("question", STUDY["QUESTIONS"])
def test_every_arm_of_the_study_composes(question: str) -> None:
    for arm in STUDY["arms_of"](question):
        check(composed("experiment=sad_transfer_screen", *sorted(arm)))


def test_an_arm_is_told_by_what_was_swept_and_its_seeds_are_one(tmp_path: Path) -> None:
    def figure(value: float) -> dict[str, Any]:
        told = {"name": "f0_share", "emotion": "sad", "group": "target", "strength": None}
        return {**told, "value": value, "low": value - 0.1, "high": value + 0.1}

    folder = tmp_path / "sweeps" / "sad_transfer_screen" / "abc"
    folder.mkdir(parents=True)
    lines: list[dict[str, Any]] = [{"kind": "sweep", "format": 1}, {"kind": "begin", "keep": False}]
    for seed, value in (("1", 0.8), ("2", 1.0), ("3", None)):
        run = f"sad_transfer_screen/{seed}"
        told = [
            "experiment=sad_transfer_screen",
            "paths.runs=x",
            f"seed={seed}",
            "style_sites=all",
            "hydra.launcher.jobs=3",
        ]
        lines.append({"kind": "arm", "key": seed, "label": seed, "config": seed, "overrides": told, "run": run})
        (tmp_path / run).mkdir(parents=True)
        start = {"git": {"commit": "abcdefghij"}}
        (tmp_path / run / "environment.json").write_text(json.dumps({"starts": [start]}), "utf-8")
        if value is not None:
            (tmp_path / run / "scores.json").write_text(json.dumps({"figures": [figure(value)]}), "utf-8")
    whole = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(whole + '{"kind": "ar', "utf-8")  # cut by a kill
    head, _, row = STUDY["table"]("style_sites", tmp_path)
    assert dict(zip(head.split(" | "), row.split(" | "), strict=True))["F0 sad"] == "90 [80, 100] {80-100}"
    assert "`style_sites=all` | 2 of 3 | -" in row, (
        "a seed without scores is counted, a figure that is missing is a dash"
    )
    assert row.endswith("| abcdefg |")
    each = [row.split(" | ")[:5] for row in STUDY["table"]("style_sites", tmp_path, each=True)[2:]]
    assert [row[0] for row in each] == [f"| `style_sites=all`, `seed={seed}`" for seed in (1, 2, 3)]
    assert [row[1] for row in each] == ["1 of 1", "1 of 1", "0 of 1"]
    assert [row[4] for row in each] == ["80 [70, 90]", "100 [90, 110]", "-"]
    (tmp_path / run / "environment.json").write_text('{"starts": [{"git": {"commit": "0123456789"}}]}', "utf-8")
    assert len(STUDY["table"]("style_sites", tmp_path)) == 4, "other code, another row"
    assert len(STUDY["table"]("fusion", tmp_path)) == 2, "arms of another question are not shown"


@pytest.mark.parametrize(("told", "seeds"), [([], ["seed=1,2,3"]), (["--", "seed=2"], ["seed=2"])])
def test_a_question_is_asked_with_three_seeds_or_those_told(
    told: list[str], seeds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    assert STUDY["main"](["run", "style_sites", "fusion", *told]) == 0
    assert [[one for one in command if one.startswith("seed=")] for command in asked] == [seeds, seeds]
    assert "style_sites=explicit,all,gpt,acoustic" in asked[0]


def test_what_styles_ask_for_is_relative_to_neutral_clips(tmp_path: Path) -> None:
    store = write_store(tmp_path, speakers=("ann",))
    rows = list(range(len(store.rows)))
    sovits = SimpleNamespace(
        conditions=SimpleNamespace(widths={"speaker": 2}),
        reference=lambda mel, mask: mel.mean((1, 2))[:, None],
        part_conditions=lambda told: SimpleNamespace(prosody=told["style"].value),
        prior=SimpleNamespace(extent=lambda style: torch.cat([style, -2 * style], 1)),
    )
    told = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "asked.py"))
    of = {e: np.mean([store.mel(i).mean() for i in rows if store.rows[i].emotion == e]) for e in ("neutral", "sad")}
    change = of["sad"] - of["neutral"]
    assert abs(change) > 1e-3
    assert told["asked"](sovits, store, rows)["sad"].tolist() == pytest.approx([change, -2 * change], rel=1e-3)
    said = [("neutral", torch.tensor([1.0])), ("sad", torch.tensor([2.0])), ("sad", torch.tensor([6.0]))]
    assert told["changes"](said)["sad"].tolist() == [3.0]


def test_noise_that_is_taken_for_voice_widens_what_is_heard_and_not_what_is_heard_where_told() -> None:
    planned = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "planned.py"))
    rate, seconds = 16000, np.arange(32000) / 16000
    hertz = 150 * 2 ** (np.sin(2 * np.pi * seconds) / 6)
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 6)) * (seconds < 1.5)
    hum = sum(np.sin(k * 2 * np.pi * 70 * seconds) / k for k in range(1, 6)) * (seconds > 1.6) * 0.3
    told = np.where(seconds < 1.5, hertz, 0.0)[160::320]
    spoken, clean = ((voice + more).astype(np.float32) for more in (hum, 0))
    said, where_told, heard, truth, noise = planned["of_one"](told, spoken, clean)
    assert where_told == pytest.approx(said, rel=0.1)
    assert truth == pytest.approx(said, rel=0.1)
    assert heard > 2 * said
    assert 0.1 < noise < 0.25
    spec = AudioSpec()
    said = mel_energy(log_mel(clean, spec)) / NATS_PER_DB - 3
    speech = SimpleNamespace(f0=told, energy=said, wav=clean / 2)
    levels = planned["levels_of_one"](speech, clean, spec)
    assert levels[0] - levels[2] == pytest.approx(-3, abs=0.1)
    assert levels[1] - levels[2] == pytest.approx(-6.02, abs=0.1)


def hum(semitones: float, gain: float) -> np.ndarray:
    """A second and a half of five harmonics, so many semitones above 150 Hz."""
    phase = 2 * np.pi * 150 * 2 ** (semitones / 12) * np.arange(24000) / 16000
    return (gain * sum(np.sin(k * phase) / k for k in range(1, 6))).astype(np.float32)


def test_a_clip_at_neutrals_level_and_what_of_a_clip_arrives_within_an_emotion(tmp_path: Path) -> None:
    clips = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "clips.py"))
    items = []
    (tmp_path / "samples" / "truth").mkdir(parents=True)

    def write(name: str, wav: np.ndarray) -> str:
        soundfile.write(tmp_path / "samples" / name, wav, 16000, subtype="FLOAT")
        return name

    for text, own in (("a", -1.0), ("b", -3.0), ("c", -5.0)):
        write(f"truth/bob-{text}-neutral.wav", hum(0, 0.2))
        for emotion, said, clip in (("neutral", 0.0, 0.0), ("sad", -4 - own, own)):
            softer = 1.0 if emotion == "neutral" else 0.1
            item = {"id": text + emotion, "role": "target", "strength": 1, "emotion": emotion, "speaker": "ann"}
            item |= {"text": text, "seed": 1, "style_speaker": "bob"}
            item["wav"] = write(f"{text}-{emotion}.wav", hum(said, 0.1))
            item["style_reference"] = write(f"truth/bob-{text}-{emotion}.wav", hum(clip, 0.2 * softer))
            items.append(item)
    (tmp_path / "samples" / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items), "utf-8")
    heard: list[float] = []

    class Speaks:
        def __init__(self, voice: object) -> None:
            assert voice == "voice"

        def speak_all(self, requests: list[Any]) -> list[SimpleNamespace]:
            heard.extend(level_dbfs(soundfile.read(one.style, dtype="float32")[0]) for one in requests)
            return [SimpleNamespace(wav=hum(0, 0.1)) for _ in requests]

    samples = clips["Samples"](tmp_path)
    clips["levelled"].__globals__["Synthesizer"] = Speaks
    said = clips["levelled"](samples, samples.items, "voice")
    assert heard == pytest.approx([level_dbfs(hum(0, 0.2))] * 3, abs=0.01), "the sad clips were 20 dB softer"
    assert [samples.output(item, one)[0] for item, one in zip(samples.items, said, strict=True)] == pytest.approx(
        [0] * 3
    )
    assert samples.output(samples.items[2])[0] == pytest.approx(1, abs=0.1)
    assert clips["within"](samples, samples.items).startswith("r of 3: F0 -1.00")
    assert clips["row"]("x", np.array([[[1, 1, 1, 1], [2, 4, -1, 1]]])) == "| x | 1 | 50 | 25 | -100 | 100 |"
