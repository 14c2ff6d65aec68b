"""A converted bundle speaks: whole and streamed alike, and says what is wrong with a reference."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.checkpoints.upstream_bundle import fresh_bundle
from sovits_lab.inference.upstream import UpstreamSynthesizer, joined
from sovits_lab.models.contracts import Bounds
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import small_gpt_node, small_sovits_node

GREEDY, SHORT = Sampler(top_k=1), Bounds(max_tokens=37, banned_steps=37)


def content(wav):
    """Stands for HuBERT: eight channels at 50 Hz."""
    return wav[: len(wav) // 320 * 320].view(-1, 320)[:, :8].contiguous()


@pytest.fixture
def synthesizer(tmp_path):
    torch.manual_seed(0)
    gpt = small_gpt_node() | {"codes": 17}
    bundle = fresh_bundle({"gpt": gpt, "sovits": small_sovits_node("v2pro")})
    write_bundle(tmp_path / "bundle", bundle.parts, bundle.facts)
    return UpstreamSynthesizer.load(tmp_path / "bundle", content, speaker=lambda wav: torch.ones(len(wav), 20))


@pytest.fixture
def clip(tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "clip.wav", 0.1 * rng.standard_normal(32_000 * 3), 32_000)
    return tmp_path / "clip.wav"


def test_speaks_and_streams_the_same_tokens(synthesizer, clip):
    voice = synthesizer.voice(clip, "A clip.", "en")
    assert len(voice.tokens) == (3 * 50 + 30) // 2
    speech = synthesizer.speak("Hello there.", "en", voice, GREEDY, SHORT, noise_scale=0.0)
    assert speech.flags == ("runaway",) and len(speech.tokens) == 37
    assert len(speech.wav) == 37 * 1280 and np.isfinite(speech.wav).all()
    pieces = list(synthesizer.stream("Hello there.", "en", voice, 16, 2, GREEDY, SHORT, noise_scale=0.0))
    assert sum(map(len, pieces)) == len(speech.wav) and len(pieces) == 4


def test_one_chunk_is_the_whole(synthesizer, clip):
    voice = synthesizer.voice(clip, "A clip.", "en")
    speech = synthesizer.speak("Hello.", "en", voice, GREEDY, SHORT, noise_scale=0.0)
    streamed = np.concatenate(list(synthesizer.stream("Hello.", "en", voice, 99, 2, GREEDY, SHORT, noise_scale=0.0)))
    np.testing.assert_allclose(streamed, speech.wav, atol=1e-6)


def test_what_went_wrong_is_said_whole_and_streamed_alike(synthesizer, clip):
    voice = synthesizer.voice(clip, "A clip.", "en")
    text, told = "Hello Привет.", []

    def streamed():
        told.append((yield from synthesizer.stream(text, "en", voice, 16, 2, GREEDY, SHORT)))

    assert list(streamed())
    assert synthesizer.speak(text, "en", voice, GREEDY, SHORT).flags == told[0] == ("runaway", "unread")


def test_seeds_decide(synthesizer, clip):
    voice = synthesizer.voice(clip, "A clip.", "en")
    wavs = [
        synthesizer.speak("Hi.", "en", voice, stopping=SHORT, generator=torch.Generator().manual_seed(s)).wav
        for s in (1, 1, 2)
    ]
    assert np.array_equal(wavs[0], wavs[1]) and not np.array_equal(wavs[0], wavs[2][: len(wavs[0])])


def test_references_must_be_three_to_ten_seconds(synthesizer, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(32_000), 32_000)
    with pytest.raises(InputError, match=r"short\.wav.*3 to 10"):
        synthesizer.voice(tmp_path / "short.wav", "A clip.", "en")


def test_pro_models_need_a_speaker_network(tmp_path):
    bundle = fresh_bundle({"gpt": small_gpt_node(), "sovits": small_sovits_node("v2pro")})
    write_bundle(tmp_path / "bundle", bundle.parts, bundle.facts)
    with pytest.raises(InputError, match="speaker network"):
        UpstreamSynthesizer.load(tmp_path / "bundle", content)


def test_joining_is_a_partition_of_unity():
    one = torch.ones(10)
    assert torch.allclose(joined(torch.ones(4), one), one) and torch.equal(joined(torch.zeros(0), one), one)
