"""A converted bundle speaks by the same calls as our own voices: whole and streamed alike, refusing what it cannot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from sovits_lab import Synthesizer
from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.inference.clips import AudioArray
from sovits_lab.inference.request import Request
from sovits_lab.inference.streaming import crossfade
from sovits_lab.models.contracts import Bounds
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import fresh_bundle, small_gpt_node, small_sovits_node

SHORT = Bounds(least=0.0, max_tokens=37, banned_steps=37)


def content(wav: Tensor) -> Tensor:
    """Stands for HuBERT: eight channels at 50 Hz."""
    return wav[: len(wav) // 320 * 320].view(-1, 320)[:, :8].contiguous()


def speaker_network(wav: Tensor) -> Tensor:
    return torch.ones(len(wav), 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    bundle = fresh_bundle({"gpt": small_gpt_node() | {"codes": 17}, "sovits": small_sovits_node("v2pro")})
    out = tmp_path_factory.mktemp("released") / "bundle"
    write_bundle(out, bundle.parts, bundle.facts)
    return out


@pytest.fixture(scope="module")
def released(folder: Path) -> Synthesizer:
    voice = Synthesizer.load(folder, content=content, speaker_network=speaker_network).voice
    return Synthesizer(voice, SHORT)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Speaker and transcript."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(32_000 * 3), 32_000)
    return {"speaker": path, "speaker_text": "A clip.", "speaker_language": "en", "language": "en"}


def test_it_speaks(released: Synthesizer, asked: dict[str, Any]) -> None:
    heard = released.clips.speaker(asked["speaker"], "A clip.", "en").value
    assert heard.prompt is not None and len(heard.prompt.tokens) == (3 * 50 + 30) // 2
    speech = released.speak("Hello there.", top_k=1, **asked)
    assert "runaway" in speech.flags and len(speech.tokens) == 37 and speech.sample_rate == 32_000
    assert len(speech.wav) == 37 * 1280 and np.isfinite(speech.wav).all() and not len(speech.f0)


def test_seeds_decide_and_threads_change_nothing(released: Synthesizer, asked: dict[str, Any]) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    alone = [released.speak("Hi.", seed=seed, **asked).wav for seed in (1, 1, 2)]
    assert np.array_equal(alone[0], alone[1]) and not np.array_equal(alone[0], alone[2])
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: released.speak("Hi.", seed=seed, **asked).wav, [1, 2] * 8))
    assert all(np.array_equal(wav, alone[2 * (i % 2)]) for i, wav in enumerate(together))
    assert torch.equal(state, torch.get_rng_state())


def test_neighbours_change_nothing(released: Synthesizer, asked: dict[str, Any]) -> None:
    requests = [Request(text, seed=seed, **asked) for seed, text in enumerate(("Hello.", "A longer text this is."))]
    for request, said in zip(requests, released.speak_all(requests), strict=True):
        assert np.array_equal(said.wav, released.speak_all([request])[0].wav)


def test_clauses_of_a_long_text_are_one_batch(released: Synthesizer, asked: dict[str, Any]) -> None:
    text = "She walked along the bank with her brother, who said nothing at all, and counted the boats. " * 6
    speech = released.speak(text, **asked)
    assert len(speech.tokens) > 3 * 37 and "runaway" in speech.flags
    pauses = len(speech.wav) - 1280 * len(speech.tokens)
    assert pauses > 0 and pauses % 640 == 0
    pieces = list(released.stream(Request(text, **asked)))
    assert sum(map(len, pieces)) == len(speech.wav) and len(pieces) > 4


def test_one_chunk_is_the_whole(released: Synthesizer, asked: dict[str, Any]) -> None:
    request = Request("Hello.", **asked)
    whole = released.speak_all([request])[0]
    streamed = np.concatenate(list(released.stream(request, chunk=99)))
    np.testing.assert_allclose(streamed, whole.wav, atol=1e-6)


def test_chunks_are_together_as_long_as_the_whole(released: Synthesizer, asked: dict[str, Any]) -> None:
    request = Request("Hello there.", **asked)
    whole = released.speak_all([request])[0]
    pieces = list(released.stream(request, chunk=16))
    assert sum(map(len, pieces)) == len(whole.wav) and len(pieces) == 4


def test_what_went_wrong_is_said_whole_and_streamed_alike(released: Synthesizer, asked: dict[str, Any]) -> None:
    request, told = Request("Hello Привет.", **asked), []

    def streamed(chunk: int | None) -> Any:
        told.append((yield from released.stream(request, chunk)))

    assert list(streamed(16)) and list(streamed(None))
    assert set(told[0]) == {"runaway", "unread"}
    assert set(released.speak_all([request])[0].flags) - {"soft"} == set(told[1]) - {"soft"} == set(told[0])


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"style": "b.wav"}, "style: got 'b.wav', expected none: this voice does not support style: trained without"),
        ({"emotion": "sad"}, "emotion: got 'sad', .*does not support emotion: trained without.*accepts rate"),
        ({"guidance": 2.0}, "guidance: got 2.0, .*does not support guidance"),
        ({"f0": [100.0]}, "f0: got .*does not support f0: its head makes its own F0"),
        ({"prosody": "b.wav"}, "prosody: got 'b.wav', .*does not support f0"),
        ({"energy_shift": 3.0}, "energy_shift: got 3.0, .*does not support energy: its head makes its own"),
        ({"strength": 0.5}, "strength: got 0.5, .*does not support strength"),
        ({"text": "[emotion:sad]Hi.[/emotion]"}, "emotion: got 'sad', .*does not support emotion"),
        ({"speaker_text": None}, "speaker_text: got nothing, expected what is said in the clip"),
        ({"speaker_text": "..."}, "text: got '...', expected at least one letter"),
        ({"speaker": "ann"}, "ann"),
        ({"language": "fr"}, "language: got 'fr'"),
        ({"text": "..."}, "text: got"),
    ],
)
def test_what_it_cannot_do_is_said_in_plain_words(
    released: Synthesizer, asked: dict[str, Any], more: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match) as caught:
        released.speak(**{"text": "Hi.", **asked, **more})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_clips_of_other_rates_are_taken(released: Synthesizer, asked: dict[str, Any], rate: int) -> None:
    wav = 0.1 * np.random.default_rng(1).standard_normal((rate * 4, 2)).astype(np.float32)
    speech = released.speak("Hi.", **{**asked, "speaker": AudioArray(wav, rate)})
    assert "mixed_down" in speech.flags and ("low_rate" in speech.flags) == (rate < 32_000)


@pytest.mark.parametrize("seconds", [1, 11])
def test_its_speaker_is_a_clip_of_three_to_ten_seconds(
    released: Synthesizer, asked: dict[str, Any], tmp_path: Path, seconds: int
) -> None:
    soundfile.write(tmp_path / "clip.wav", np.ones(32_000 * seconds) * 0.1, 32_000)
    with pytest.raises(InputError, match=r"clip\.wav: got .* s', expected (3 to 10 s|at most 10 s)"):
        released.speak("Hi.", **{**asked, "speaker": tmp_path / "clip.wav"})


def test_networks_are_asked_for_by_name(folder: Path, voice_folder: Path) -> None:
    for networks, match in (
        ({"content": content}, "speaker_network: got nothing, expected weights of ERes2NetV2"),
        ({"speaker_network": speaker_network}, "content: got nothing, expected chinese-hubert-base"),
    ):
        with pytest.raises(InputError, match=match):
            Synthesizer.load(folder, **networks)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="content: got 'hubert', expected none"):
        Synthesizer.load(voice_folder, content="hubert")
    with pytest.raises(InputError, match="precision: got 'int8', expected fp32: only released models"):
        Synthesizer.load(voice_folder, precision="int8")


def test_features_of_another_width_are_named(folder: Path, asked: dict[str, Any]) -> None:
    wide = Synthesizer.load(folder, content=content, speaker_network=lambda wav: torch.ones(len(wav), 7))
    with pytest.raises(InputError, match="speaker network: got 'features of width 7', expected 20"):
        wide.speak("Hi.", **asked)
    narrow = Synthesizer.load(folder, content=lambda wav: content(wav)[:, :3], speaker_network=speaker_network)
    with pytest.raises(InputError, match="content encoder: got 'features of width 3', expected 8"):
        narrow.speak("Hi.", **asked)


def test_joining_is_a_partition_of_unity() -> None:
    one = torch.ones(10)
    assert torch.allclose(crossfade(torch.ones(4), one), one) and torch.equal(crossfade(torch.zeros(0), one), one)
