"""What can be asked of a voice: mixes, strength, guidance, hooks, spans of markup; and what it lacks, in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab import Synthesizer
from sovits_lab.audio.baseline import FEWEST
from sovits_lab.audio.files import load_audio
from sovits_lab.conditioning.conditions import given, without
from sovits_lab.inference.curves import LOWEST_F0, Curve
from sovits_lab.inference.guidance import guided_plan
from sovits_lab.inference.request import Request
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.inference.waveforms import planned_utterance
from sovits_lab.text.limits import TextLimits
from sovits_lab.types import InputError
from tests.inference.voices import EMOTIONS, nodes, write_voice

TEXT = "The river is cold."
NONE = {"_target_": "sovits_lab.conditioning.reference.NoReference"}


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    """A voice of clips and labels, either of which may be absent."""
    return Synthesizer.load(write_voice(tmp_path_factory.mktemp("both"), labels=4, dropout=0.3))


@pytest.fixture(scope="session")
def label(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    """A voice of labels alone, never without."""
    return Synthesizer.load(write_voice(tmp_path_factory.mktemp("label"), NONE, 1, labels=4))


@pytest.fixture(scope="session")
def neither(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    return Synthesizer.load(write_voice(tmp_path_factory.mktemp("neither"), NONE, 1))


SEED = 6  # with which the tiny voices say something


def same(a: Any, b: Any) -> bool:
    return np.array_equal(a.wav, b.wav)


@pytest.mark.parametrize("kind", ["synthesizer", "both", "label"])
def test_a_mix_of_one_label_is_the_label_and_only_proportions_count(kind: str, request: pytest.FixtureRequest) -> None:
    voice = request.getfixturevalue(kind)
    sad = voice.speak(TEXT, "ann", emotion="sad", seed=SEED)
    assert same(sad, voice.speak(TEXT, "ann", emotion={"sad": 0.3}, seed=SEED))
    assert not same(sad, voice.speak(TEXT, "ann", seed=SEED))
    mixed = voice.voice.mixture({"sad": 3, "neutral": 1})
    other = voice.voice.mixture({"sad": 0.75, "neutral": 0.25})
    expected = voice.voice.emotion("neutral").towards(voice.voice.emotion("sad"), 0.75)
    for name, vector in mixed.sovits.items():
        torch.testing.assert_close(vector, other.sovits[name])
        torch.testing.assert_close(vector, expected.sovits[name])


@pytest.mark.parametrize("kind", ["synthesizer", "both", "label"])
def test_strength_0_is_neutral_whatever_the_style(kind: str, request: pytest.FixtureRequest, clips: Path) -> None:
    voice = request.getfixturevalue(kind)
    neutral = voice.speak(TEXT, "ann", seed=SEED)
    asked: list[dict[str, Any]] = [{"emotion": "sad"}]
    asked += [{"style": clips / "high.wav"}] if voice.voice.takes_style else []
    for how in asked:
        assert same(neutral, voice.speak(TEXT, "ann", strength=0, seed=SEED, **how))
        near, at = (voice.style(Request(TEXT, "ann", strength=x, **how)) for x in (0.500001, 0.5))
        assert all(torch.allclose(near.gpt[name], at.gpt[name], atol=1e-4) for name in at.gpt)


def test_f0_and_energy_go_in_equal_steps(synthesizer: Synthesizer) -> None:
    """The same tokens: between neutral and the style log F0 and energy move in proportion to the strength."""
    asked = Request(TEXT, "ann", emotion="sad", seed=SEED)
    utterance = utterances_of(asked, synthesizer.clips)[0]
    tokens = torch.arange(8) % 5
    voice = synthesizer.voice
    neutral, half, full = (
        planned_utterance(voice, replace(utterance, style=voice.neutral.towards(voice.emotion("sad"), s)), tokens)
        for s in (0, 0.5, 1)
    )
    torch.testing.assert_close(half.pitch, (neutral.pitch + full.pitch) / 2)
    torch.testing.assert_close(half.energy, (neutral.energy + full.energy) / 2)
    assert not torch.allclose(neutral.pitch, full.pitch)


@pytest.mark.parametrize("kind", ["synthesizer", "both", "label"])
def test_neutral_in_a_mix_is_what_is_missing_of_strength(kind: str, request: pytest.FixtureRequest) -> None:
    voice: Synthesizer = request.getfixturevalue(kind)
    for share in (0.0, 0.3, 1.0):
        mix = {"sad": 2 * share, "neutral": 2 * (1 - share)}
        mixed = voice.speak(TEXT, "ann", emotion=mix, strength=0.5, seed=SEED)
        assert same(mixed, voice.speak(TEXT, "ann", emotion="sad", strength=0.5 * share, seed=SEED))
    with pytest.raises(InputError, match="emotion: got 'weights without a finite sum'"):
        voice.speak(TEXT, "ann", emotion={"sad": 1e308, "neutral": 1e308})


def test_a_pitch_at_which_no_voice_was_measured_is_held_and_flagged(synthesizer: Synthesizer) -> None:
    asked: dict[str, Any] = {"text": TEXT, "speaker": "ann", "seed": SEED}
    assert "pitch" not in synthesizer.speak(**asked).flags
    for hertz in (30.0, 900.0):
        assert "pitch" in synthesizer.speak(**asked, f0=Curve([hertz], [0.0])).flags
    low = synthesizer.speak(**asked, f0=Curve([21.0], [0.0]), pitch_shift=-24)
    assert set(low.f0.tolist()) <= {0.0, LOWEST_F0} and "pitch" in low.flags
    assert same(low, synthesizer.speak(**asked, f0=low.f0))


def test_a_soft_clip_says_the_same_where_loudness_is_not_heard(
    tmp_path: Path, synthesizer: Synthesizer, clips: Path
) -> None:
    wav = load_audio(clips / "high.wav", 16_000)
    levelled = {
        "_target_": "sovits_lab.conditioning.levelled.LevelledReference",
        "encoder": nodes()["gpt"]["reference"],
    }
    deaf = Synthesizer.load(write_voice(tmp_path / "levelled", levelled))
    styles = {}
    for gain in (1.0, 0.01, 0.001):
        soundfile.write(path := tmp_path / f"{gain}.wav", wav * gain, 16_000, subtype="FLOAT")
        for name, voice in (("levelled", deaf), ("not", synthesizer)):
            styles[name, gain] = voice.style(Request(TEXT, "ann", path)).sovits["style"]
    for gain in (0.01, 0.001):
        torch.testing.assert_close(styles["levelled", gain], styles["levelled", 1.0], atol=1e-4, rtol=1e-4)
        assert not torch.allclose(styles["not", gain], styles["not", 1.0], atol=1e-2)


def test_several_clips_are_averaged_whatever_their_order(synthesizer: Synthesizer, clips: Path) -> None:
    low, high = clips / "low.wav", clips / "high.wav"
    once = synthesizer.speak(TEXT, "ann", low)
    assert same(once, synthesizer.speak(TEXT, "ann", [low]))
    np.testing.assert_allclose(once.wav, synthesizer.speak(TEXT, "ann", [low, low]).wav, atol=1e-5)
    styles = [synthesizer.style(Request(TEXT, "ann", s)).gpt["style"] for s in (low, high, [low, high], [high, low])]
    torch.testing.assert_close((styles[0] + styles[1]) / 2, styles[2])
    torch.testing.assert_close(styles[2], styles[3])


@pytest.mark.parametrize("kind", ["synthesizer", "both"])
def test_a_clip_taken_for_its_emotion_is_the_nearest_mean(
    kind: str, request: pytest.FixtureRequest, clips: Path
) -> None:
    made: Synthesizer = request.getfixturevalue(kind)
    voice, told = made.voice, {"text": TEXT, "speaker": "ann", "seed": SEED}
    for label in EMOTIONS:
        assert voice.nearest(voice.emotion(label)) == label
    assert voice.nearest(voice.mixture({"neutral": 0.4, "sad": 0.6})) == "sad"
    clip = clips / "high.wav"
    nearest = voice.nearest(made.style(Request(TEXT, "ann", clip)))
    by_emotion = made.speak(**told, style=clip, style_as="emotion", strength=0.7)
    assert same(by_emotion, made.speak(**told, emotion=nearest, strength=0.7))
    assert same(made.speak(**told, style=clip), made.speak(**told, style=clip, style_as="vector"))
    assert not same(made.speak(**told, style=clip), made.speak(**told, style=clip, style_as="emotion"))


def test_guidance_of_1_is_none_and_more_moves_away(both: Synthesizer, clips: Path) -> None:
    told = {"text": TEXT, "speaker": "ann", "style": clips / "high.wav", "seed": SEED}
    plain = both.speak(**told)
    assert same(plain, both.speak(**told, guidance=1.0)) and not same(plain, both.speak(**told, guidance=2))
    near = both.speak(**told, guidance=1 + 1e-6)
    assert near.tokens == plain.tokens
    np.testing.assert_allclose(near.f0, plain.f0, rtol=1e-3)
    np.testing.assert_allclose(near.wav, plain.wav, atol=1e-3)


def test_guidance_of_0_is_a_voice_that_is_told_nothing(both: Synthesizer, clips: Path) -> None:
    a = both.speak(TEXT, "ann", clips / "high.wav", guidance=0.0, seed=SEED)
    b = both.speak(TEXT, "ann", emotion="sad", guidance=0.0, seed=SEED)
    assert a.tokens == b.tokens and np.allclose(a.f0, b.f0, rtol=1e-5)


def test_guidance_moves_swing_and_level_too(both: Synthesizer) -> None:
    sovits, told = both.voice.sovits, {"speaker": both.voice.speakers["ann"].vector, **both.voice.emotion("sad").sovits}
    said = given(**{name: vector[None] for name, vector in told.items()})
    tokens, phones = torch.tensor([[3, 1, 4, 1]]), torch.tensor([[5, 9, 2]])
    what = tokens, torch.ones(1, 8, dtype=torch.bool), phones, torch.ones(1, 3, dtype=torch.bool)
    with torch.no_grad():
        one, none = sovits.plan(*what, said), sovits.plan(*what, without(said, "style", "emotion"))
        three = guided_plan(sovits, *what, said, 3.0)
    assert (one.extent - none.extent).abs().min() > 1e-3
    torch.testing.assert_close(three.extent, none.extent + 3 * (one.extent - none.extent))


def test_strength_moves_swing_and_level_in_equal_steps(both: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sovits_lab.models.sovits.acoustic.MOST", 10.0)  # contours of random weights are wild

    def heard(strength: float) -> tuple[float, float]:
        said = both.speak(TEXT, "ann", emotion="sad", strength=strength, seed=SEED)
        voiced = said.f0 > 0
        assert voiced.sum() >= FEWEST
        level = np.log(np.mean(10 ** (said.energy[voiced] / 10))) / 2
        return float(np.log(np.log(said.f0[voiced]).std())), float(level)

    neutral, half, full = (np.array(heard(strength)) for strength in (0.0, 0.5, 1.0))
    assert np.abs(full - neutral).min() > 1e-3, (full, neutral)
    np.testing.assert_allclose(half, (neutral + full) / 2, atol=2e-5)


def test_guided_neighbours_change_nothing(both: Synthesizer) -> None:
    requests = [Request(TEXT, "ann", emotion="sad", guidance=g, seed=SEED) for g in (1.0, 1.5, 3.0)]
    for request, said in zip(requests, both.speak_all(requests), strict=True):
        alone = both.speak_all([request])[0]
        assert said.tokens == alone.tokens
        np.testing.assert_allclose(said.wav, alone.wav, atol=1e-5)


def test_a_clip_and_a_label_go_together_where_both_were_learned(both: Synthesizer, clips: Path) -> None:
    clip = clips / "high.wav"
    alone, named = both.speak(TEXT, "ann", clip, seed=SEED), both.speak(TEXT, "ann", clip, "sad", seed=SEED)
    assert not same(alone, named) and not same(named, both.speak(TEXT, "ann", emotion="sad", seed=SEED))


def test_spans_speak_as_their_parts_do(synthesizer: Synthesizer) -> None:
    marked = synthesizer.speak("Yes. [emotion:sad]The river is cold.[/emotion] [pause:0.3]No.", "ann", seed=7)
    plain = synthesizer.speak("Yes. ", "ann", seed=7)
    assert np.array_equal(marked.wav[: len(plain.wav)], plain.wav)
    sad = synthesizer.speak("The river is cold.", "ann", emotion="sad", seed=7 + 1_000_003)
    assert np.array_equal(marked.wav[len(plain.wav) : len(plain.wav) + len(sad.wav)], sad.wav)
    assert len(marked.wav) == 320 * len(marked.f0) == 640 * len(marked.tokens) + 320 * 15
    whole = synthesizer.speak("[emotion:sad|0.5]Yes.[/emotion]", "ann", strength=0.5)
    assert same(whole, synthesizer.speak("Yes.", "ann", emotion="sad", strength=0.25))
    assert same(synthesizer.speak("[rate:0.8]Yes.", "ann"), synthesizer.speak("Yes.", "ann", rate=0.8))
    assert same(synthesizer.speak("[emotion:sad]Yes.", "ann"), synthesizer.speak("Yes.", "ann", emotion="sad"))


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9, 1.5, 4.0])
def test_rate_changes_the_length_and_no_token(synthesizer: Synthesizer, clips: Path, rate: float) -> None:
    usual = synthesizer.speak(TEXT, "ann", clips / "high.wav", strength=0.5, seed=SEED)
    told = synthesizer.speak(TEXT, "ann", clips / "high.wav", strength=0.5, seed=SEED, rate=rate)
    assert told.tokens == usual.tokens
    assert len(told.f0) == round(len(usual.f0) / rate)
    assert len(told.wav) == 320 * len(told.f0)


def test_a_hook_is_asked_where_nothing_else_says_how(synthesizer: Synthesizer, clips: Path) -> None:
    heard = []

    def hook(text: str, context: Any) -> Any:
        heard.append((text, context))
        return context

    def speak(text: str = TEXT, context: Any = "sad", **how: Any) -> Any:
        return synthesizer.speak(text, "ann", emotion_from=hook, context=context, **how)

    sad = synthesizer.speak(TEXT, "ann", emotion="sad")
    assert same(speak(), sad) and same(speak(context={"sad": 2.0}), sad) and heard[0] == (TEXT, "sad")
    assert same(speak(context=None), synthesizer.speak(TEXT, "ann"))
    assert same(speak(context=clips / "high.wav"), synthesizer.speak(TEXT, "ann", clips / "high.wav"))
    heard.clear()
    assert same(speak(emotion="neutral"), synthesizer.speak(TEXT, "ann")) and not heard
    speak("Yes. [emotion:sad]No.", context="neutral")
    assert heard == [("Yes. ", "neutral")]
    with pytest.raises(InputError, match="emotion_from: got 'int', expected a label"):
        speak(context=3)


ACCEPTS = {
    "synthesizer": ("style", "emotion", "mix", "strength", "f0", "energy", "rate"),
    "both": ("style", "emotion", "mix", "strength", "guidance", "f0", "energy", "rate"),
    "label": ("emotion", "mix", "strength", "f0", "energy", "rate"),
    "neither": ("f0", "energy", "rate"),
}


@pytest.mark.parametrize("kind", ACCEPTS)
def test_a_bundle_declares_what_it_accepts(kind: str, request: pytest.FixtureRequest) -> None:
    assert request.getfixturevalue(kind).voice.accepts == ACCEPTS[kind]


@pytest.mark.parametrize(
    ("kind", "how", "match"),
    [
        (
            "label",
            {"style": "b.wav"},
            "style: got 'b.wav', expected none: this voice does not support style: trained without a reference encoder",
        ),
        (
            "neither",
            {"emotion": {"sad": 1.0}},
            "emotion: got .*this voice does not support mix: trained without .*it accepts f0, energy, rate",
        ),
        ("label", {"emotion": "sad", "guidance": 2.0}, "guidance: got 2.0, expected none.*dropout above 0"),
        ("synthesizer", {"guidance": 2.0}, "guidance: got 2.0, expected none.*dropout above 0"),
        ("both", {"guidance": float("nan")}, "guidance: got nan, expected a number from 0 to 10"),
        ("both", {"emotion": "sda"}, r"emotion: got 'sda', expected one of neutral, sad \(did you mean sad\?\)"),
        ("both", {"emotion": {"sad": 0.5, "hapy": 0.5}}, "emotion: got 'hapy', expected one of neutral, sad"),
        ("both", {"emotion": {"sad": -0.5}}, "emotion weight of sad: got -0.5, expected 0 or more"),
        ("both", {"emotion": {"sad": float("nan")}}, "emotion weight of sad: got nan"),
        ("both", {"emotion": {"sad": 0.0}}, "emotion: got 'a mix of nothing'"),
        ("both", {"style": []}, "style: got an empty list"),
        ("both", {"style": "b.wav", "style_as": "label"}, "style_as: got 'label', expected one of vector, emotion"),
        ("both", {"style_as": "emotion"}, "style_as: got 'emotion', expected a style beside it"),
        ("both", {"style": "b.wav", "style_as": "emotion", "emotion": "sad"}, "style_as=emotion and emotion: got both"),
        ("label", {"style": "b.wav", "style_as": "emotion"}, "style: got 'b.wav', expected none"),
        (
            "neither",
            {"strength": 0.5},
            "strength: got 0.5, .*does not support strength.*accepts f0, energy, rate",
        ),
        ("neither", {"text": "[emotion:neutral|0.5]Yes."}, "strength of a tag: got 0.5, expected none"),
        ("both", {"strength": 0.5}, "strength: got 0.5, expected a style or an emotion beside it"),
        ("both", {"warp": "words"}, "warp: got 'words', expected a clip beside it"),
        (
            "both",
            {"rate": 0.25, "text": "[rate:0.5]Yes."},
            r"rate: got '0.25 x \[rate:0.5\]', expected 0.25 to 4 in all",
        ),
        ("both", {"style": ""}, "style: got '', expected an audio file, its bytes, or an AudioArray, or a list"),
        ("both", {"style": ["a.wav", ""]}, r"style: got \['a.wav', ''\], expected an audio file, its bytes"),
        ("both", {"prosody": "none.wav"}, "none.wav: got 'nothing there'"),
        ("both", {"f0": "none.csv"}, "f0 none.csv: got 'nothing there'"),
        ("both", {"energy": [25.0]}, "energy value 0: got 25.0, expected -200 to 20 dB"),
        ("both", {"seed": 2**63}, "seed: got 9223372036854775808, expected a whole number from 0"),
        ("both", {"pitch_shift": 90.0}, "pitch_shift: got 90.0, expected a number from -24 to 24"),
        ("both", {"text": "[emotion:sda]Yes."}, r"emotion: got 'sda'.*did you mean sad"),
        ("both", {"text": "[emotion:sad|2]Yes."}, "markup at position 0"),
        ("both", {"text": "[laugh]Yes."}, r"markup at position 0: got '\[laugh\]'"),
        ("both", {"text": "[ph:en|YY EH1 S]Yes[/ph]."}, "phones for en: got 'YY'"),
        ("both", {"text": "[emotion:sad] ... [/emotion]"}, "expected at least one letter"),
    ],
)
def test_what_a_voice_lacks_or_cannot_read_is_one_line(
    kind: str, how: dict[str, Any], match: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(InputError, match=match) as caught:
        request.getfixturevalue(kind).speak(**{"text": TEXT, "speaker": "ann", **how})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", None), ("speaker", 5), ("style", np.zeros(16_000)), ("style", 5), ("emotion", 5), ("emotion", ["sad"]),
        ("emotion", {"sad": "x"}), ("strength", "x"), ("strength", None), ("rate", "fast"), ("seed", 1.5),
        ("prosody", 5), ("emotion_from", "sad"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_named(name: str, value: Any) -> None:
    asked = Request(TEXT, "ann", emotion="sad")
    object.__setattr__(asked, name, value)  # past the type checker, as a caller without one
    with pytest.raises(InputError, match=f"^{name}.*: got .*expected") as caught:
        asked.check()
    assert len(str(caught.value)) < 200


def test_files_are_heard_before_anything_is_spoken(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.csv").write_text("seconds,relative\n0,nan\n")
    monkeypatch.setattr("sovits_lab.inference.synthesizer.generate_tokens", lambda *_: pytest.fail("spoke"))
    for asked, match in (
        ({"prosody": tmp_path / "no.wav"}, "no.wav"),
        ({"f0": tmp_path / "c.csv"}, "c.csv: f0 value 0"),
    ):
        with pytest.raises(InputError, match=match):
            synthesizer.speak(TEXT, "ann", **asked)


def test_a_seed_may_come_from_numpy(synthesizer: Synthesizer) -> None:
    asked = Request(TEXT, "ann", seed=SEED)
    object.__setattr__(asked, "seed", np.int64(SEED))  # past the type checker
    assert same(synthesizer.speak_all([asked])[0], synthesizer.speak(TEXT, "ann", seed=SEED))


def test_the_limits_of_markup_are_those_of_the_request(both: Synthesizer) -> None:
    marked = Request("One. [pause:2] Two. [pause:2] Three.", EMOTIONS[0], markup=TextLimits(pauses=1))
    with pytest.raises(InputError, match="at most 1 pauses"):
        utterances_of(marked, both.clips)
