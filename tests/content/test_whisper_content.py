"""Whisper's encoder: its mel equals the release's, its features fit the clip, other models are refused."""

from __future__ import annotations

import numpy as np
import pytest

from sovits_lab.content.whisper_content import LONGEST, RATE, STRIDE, WhisperContent, whisper_mel
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present

BASE = CATALOGUE["whisper-base"]
with_weights = pytest.mark.skipif(not present("whisper-base"), reason=f"`{BASE.install}` brings the weights")


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("mels", [80, 128])
def test_the_mel_is_that_of_the_released_front_end(mels):
    from sovits_lab.audio.torchaudio_compat import ensure

    ensure()
    from transformers import WhisperFeatureExtractor

    wav = noise(2.0) * np.linspace(0, 1, 2 * RATE, dtype=np.float32)
    theirs = WhisperFeatureExtractor(feature_size=mels)(
        wav, sampling_rate=RATE, padding=False, return_tensors="np"
    ).input_features[0]
    np.testing.assert_allclose(whisper_mel(wav, mels), theirs, atol=2e-4)


def test_missing_weights_and_other_models_are_one_line(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"content encoder.*config\.json"):
        WhisperContent(str(tmp_path)).digest()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="a Whisper model of CTranslate2") as caught:
        WhisperContent(str(tmp_path))(noise(1.0))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="weights list"):
        WhisperContent("whisper-bas").digest()


@with_weights
def test_one_feature_a_stride_whatever_the_length():
    encoder = WhisperContent()
    assert (encoder.channels, encoder.stride) == (512, 320)
    for samples in (0, STRIDE - 1, STRIDE, 5 * RATE + 17, LONGEST + RATE):
        wav = noise(1.0)[:1].repeat(samples) if samples < RATE else noise(samples / RATE)[:samples]
        found = encoder(wav)
        assert found.shape == (samples // STRIDE, 512)
        assert found.isfinite().all()


@with_weights
def test_the_digest_is_the_hash_of_the_release():
    assert WhisperContent().digest() == BASE.files[0].sha256


@with_weights
def test_a_forked_worker_loads_its_own_model():
    import multiprocessing

    encoder, wav = WhisperContent(), noise(1.0)
    here = encoder(wav)
    context = multiprocessing.get_context("fork")
    mail = context.SimpleQueue()
    worker = context.Process(target=lambda: mail.put(encoder(wav).numpy()), daemon=True)
    worker.start()
    there = mail.get()
    worker.join()
    np.testing.assert_allclose(there, here, atol=1e-5)
