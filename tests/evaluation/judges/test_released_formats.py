"""Judges with released weights, on small folders in the very formats of the releases."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evaluation.judges.ecapa import Ecapa
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.judges.wavlm import WavlmSpeaker
from evaluation.judges.whisper import Whisper
from sovits_lab.types import InputError
from tests.evaluation.judges.folders import ecapa_folder, wavlm_folder, whisper_folder
from tests.evaluation.voices import voice

CLIPS = [voice("ann", 1.0), voice("bob", 1.7), voice("cat", 0.6)]


@pytest.fixture(scope="module")
def whisper_files(tmp_path_factory):
    return whisper_folder(tmp_path_factory.mktemp("whisper"))


def test_whisper_reads_a_folder_and_batching_changes_nothing(whisper_files):
    judge = Whisper(whisper_files, batch=3, longest=6, device="cpu")
    together = judge.transcribe(CLIPS, "en")
    assert together == Whisper(whisper_files, batch=1, longest=6, device="cpu").transcribe(CLIPS, "en")
    assert len(together) == 3
    assert not any("<|" in text for text in together)
    assert len(judge.card.weight_hash) == 16
    judge.release()
    assert "_parts" not in vars(judge)


def test_whisper_hears_every_window_of_a_long_recording(whisper_files):
    judge = Whisper(whisper_files, longest=6, device="cpu")
    asked = []
    judge._decode = lambda wavs, language: asked.extend(wavs) or [str(len(wav)) for wav in wavs]
    assert judge.transcribe([np.zeros(70 * 16000, dtype=np.float32)], "en") == ["480000 480000 160000"]


def test_faster_whisper_reads_a_converted_folder(whisper_files, tmp_path):
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(whisper_files), copy_files=["tokenizer.json", "processor_config.json"]).convert(
        str(tmp_path / "ct2")
    )
    judge = FasterWhisper(tmp_path / "ct2", beam=1, device="cpu")
    assert all(isinstance(text, str) for text in judge.transcribe(CLIPS[:1], "en"))


def test_ecapa_equals_speechbrains_own_loader(tmp_path):
    folder = ecapa_folder(tmp_path / "ecapa")
    mine = Ecapa(folder).embed(CLIPS)
    from speechbrain.inference.speaker import EncoderClassifier
    from speechbrain.utils.fetching import FetchConfig, LocalStrategy

    theirs = EncoderClassifier.from_hparams(
        str(folder), savedir=str(tmp_path / "save"), local_strategy=LocalStrategy.COPY,
        fetch_config=FetchConfig(allow_network=False),
    )  # fmt: skip
    for clip, vector in zip(CLIPS, mine, strict=True):
        expected = theirs.encode_batch(torch.from_numpy(clip))[0, 0]
        np.testing.assert_allclose(vector, expected / expected.norm(), atol=1e-5)


def test_ecapa_refuses_other_weights(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "embedding_model.ckpt")
    with pytest.raises(InputError, match="weights of an ECAPA-TDNN"):
        Ecapa(tmp_path).embed(CLIPS)


def test_wavlm_vectors_do_not_depend_on_company(tmp_path):
    judge = WavlmSpeaker(wavlm_folder(tmp_path))
    together = judge.embed(CLIPS)
    assert together.shape == (3, 12)
    np.testing.assert_allclose(together[:1], judge.embed(CLIPS[:1]), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", [Whisper, FasterWhisper, Ecapa, WavlmSpeaker])
def test_missing_weights_are_one_clear_error(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match=r"judge .*folder .*nothing that matches"):
        kind(tmp_path)
    with pytest.raises(InputError, match="owner/name"):
        kind(tmp_path / "absent")


def test_a_hub_name_without_network_says_so(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="neither in the hub's cache nor"):
        Ecapa("nobody/nothing")
