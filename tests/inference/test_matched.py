"""Bundles of v3 and v4 speak by the same calls: at their own rate, from an opening, whole and in chunks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab import Synthesizer
from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.checkpoints.upstream_bundle import UpstreamBundle, fresh_facts
from sovits_lab.conditioning.conditions import SPEAKER, StyleSites, given
from sovits_lab.inference.command import SOLVERS as NAMED_SOLVERS
from sovits_lab.inference.request import Request, Speech
from sovits_lab.inference.styles import Means
from sovits_lab.models.gpt.packed import supported
from sovits_lab.models.sovits.solvers import SOLVERS, EulerShortcut, Midpoint
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import MATCHED, small_gpt_node, small_sovits, small_sovits_node
from tests.inference.test_released import SHORT, content
from tests.models import small
from tests.models.test_contracts import trained, with_slot

EMOTIONS = {"neutral": 0.0, "sad": 9.0}
RATES = {"v3": 24_000, "v4": 48_000}


@pytest.fixture(scope="module", params=MATCHED)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    version = request.param
    nodes = {"gpt": small_gpt_node() | {"codes": 17}, "sovits": small_sovits_node(version)}
    made = UpstreamBundle({"gpt": build(nodes["gpt"]), "sovits": small_sovits(version)}, fresh_facts(nodes))
    out = tmp_path_factory.mktemp(version) / "bundle"
    write_bundle(out, made.parts, made.facts)
    return out


@pytest.fixture(scope="module")
def voice(bundle: Path) -> Synthesizer:
    return Synthesizer(Synthesizer.load(bundle, content=content).voice, SHORT)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path: Path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(32_000 * 3), 32_000)
    return {"speaker": path, "speaker_text": "A clip.", "speaker_language": "en", "language": "en"}


def test_it_speaks_at_its_rate_from_an_opening(voice: Synthesizer, asked: dict[str, Any]) -> None:
    heard = voice.clips.speaker(asked["speaker"], "A clip.", "en").value
    assert heard.opening is not None and heard.opening.frames > 250
    speech = voice.speak("Hello there.", top_k=1, seed=3, **asked)
    assert speech.sample_rate == RATES[voice.voice.variant]
    assert abs(len(speech.wav) / speech.sample_rate - 37 / 25) < 0.011
    assert np.isfinite(speech.wav).all() and speech.wav.std() > 0
    assert np.array_equal(speech.wav, voice.speak("Hello there.", top_k=1, seed=3, **asked).wav)


def test_a_stream_is_the_plan_of_its_pieces(voice: Synthesizer, asked: dict[str, Any]) -> None:
    request, model = Request("Hello there.", top_k=1, seed=3, rate=0.9, **asked), voice.voice.sovits
    model.windows = model.windows._replace(
        call=voice.clips.speaker(asked["speaker"], "A clip.", "en").value.opening.frames + 20
    )
    pieces = list(voice.stream_timed(request, chunk=5))
    assert len(pieces) > 2
    whole, plan = voice.speak_all([request])[0], model.plan
    first = round(10 * model.network.upsampling) + model.head.context_frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "plan", lambda *args, **more: plan(*args, **more, first=first))
        again = voice.speak_all([request])[0]
    streamed = np.concatenate([piece.wav for piece in pieces])
    np.testing.assert_allclose(streamed, again.wav, atol=1e-4)
    assert abs(len(streamed) - len(whole.wav)) == 0
    assert "".join(w.word for p in pieces for w in p.timings.words) == "Hellothere"


def test_steps_solver_and_precision_of_the_flow_are_chosen(bundle: Path, asked: dict[str, Any]) -> None:
    usual, few = (
        Synthesizer.load(bundle, content=content, **more) for more in ({}, {"steps": 1, "solver": "midpoint"})
    )
    assert usual.voice.sovits.solver == EulerShortcut(2) and few.voice.sovits.solver == Midpoint(1)
    assert Synthesizer.load(bundle, content=content, steps=4).voice.sovits.solver == EulerShortcut(4)
    assert tuple(SOLVERS) == NAMED_SOLVERS
    for more, words in (({"steps": 0}, "steps: got 0"), ({"solver": "heun"}, "solver: got 'heun', expected one of")):
        with pytest.raises(InputError, match=words):
            Synthesizer.load(bundle, content=content, **more)
    with pytest.raises(InputError, match="steps: got 4, expected none: this voice has no flow"):
        Synthesizer.load(steps=4)


@pytest.mark.skipif(not supported("bf16"), reason="this processor packs no bfloat16")
def test_bfloat16_packs_the_flow_and_hardly_changes_the_sound(bundle: Path, asked: dict[str, Any]) -> None:
    full, packed = (Synthesizer.load(bundle, content=content, precision=kind) for kind in ("fp32", "bf16"))
    flows = [voice.voice.sovits.flow.estimator.blocks[0] for voice in (full, packed)]
    assert [block.expand.weight.dtype for block in flows] == [torch.float32, torch.bfloat16]
    tokens, phones = torch.arange(12)[None] % 16, torch.arange(9)[None]
    inputs = tokens, torch.ones(1, 24).bool(), phones, torch.ones_like(phones).bool()
    mels = []
    for voice in (full, packed):
        model, who = voice.voice.sovits, voice.clips.speaker(asked["speaker"], "A clip.", "en").value
        told = given(**{SPEAKER: who.acoustic_vector[None]})
        with torch.no_grad():
            mels.append(model.plan(*inputs, told, generator=torch.Generator().manual_seed(1)).mel)
    assert not torch.equal(*mels)
    assert float((mels[0] - mels[1]).norm() / mels[0].norm()) < 0.05


def test_guidance_of_a_style_reaches_the_flow_and_its_streams(voice: Synthesizer, asked: dict[str, Any]) -> None:
    loaded = voice.voice
    with pytest.raises(InputError, match=r"guidance: got 2\.0, .*does not support guidance"):
        voice.speak("Hello.", guidance=2.0, **asked)
    sites = {"_target_": f"{StyleSites.__module__}.StyleSites", "dropout": {"style": 0.2, "emotion": 0.2}}
    styled = with_slot(small_sovits_node(loaded.variant), small_sovits(loaded.variant), style_sites=sites, labels=None)
    trained(styled, styled.styles)
    hop = styled.head.samples_per_frame
    styled.vocoded = lambda mel: (0.1 * mel.mean(1)).repeat_interleave(hop, 1)  # random vocoders hardly hear their mel
    emotions = {label: Means(torch.zeros(1), torch.full((small.STYLE,), at)) for label, at in EMOTIONS.items()}
    accepts = ("emotion", "guidance", "rate")
    guided = Synthesizer(replace(loaded, sovits=styled, emotions=emotions, accepts=accepts), SHORT)

    def speak(scale: float) -> Speech:
        return guided.speak("Hello there.", emotion="sad", guidance=scale, top_k=1, seed=3, **asked)

    usual, more, none = speak(1.0), speak(2.0), speak(0.0)
    assert usual.tokens == more.tokens and not np.allclose(usual.wav, more.wav, atol=1e-3)
    assert not np.allclose(usual.wav, none.wav, atol=1e-3)
    request = Request("Hello there.", emotion="sad", guidance=2.0, top_k=1, seed=3, **asked)
    np.testing.assert_allclose(np.concatenate(list(guided.stream(request, chunk=100))), more.wav, atol=1e-4)


def test_a_cancelled_stream_makes_no_further_piece(voice: Synthesizer, asked: dict[str, Any]) -> None:
    stream = voice.stream(Request("Hello there.", top_k=1, seed=3, **asked), 5, cancelled=lambda: True)
    with pytest.raises(StopIteration) as ended:
        next(stream)
    assert ended.value.value == ("cancelled",)
