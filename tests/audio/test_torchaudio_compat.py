"""Models of transformers and speechbrain load from local folders and run, whatever torchaudio's shared library does."""

import json
from pathlib import Path

import pytest
import torch

from sovits_lab.audio.torchaudio_compat import ensure

ensure()

ECAPA = """
n_mels: 16
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    res2net_scale: 4
    se_channels: 8
    lin_neurons: 12
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 12
    out_neurons: 3
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    classifier: !ref <classifier>
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
    paths:
        embedding_model: embedding_model.ckpt
"""


def test_torchaudio_imports_and_its_python_part_works() -> None:
    import torchaudio
    from torchaudio.compliance.kaldi import fbank

    ensure()  # a second call changes nothing
    assert torchaudio.functional.resample(torch.randn(1, 1600), 16_000, 8_000).shape == (1, 800)
    assert fbank(torch.randn(1, 16_000)).shape == (98, 23)


def test_ecapa_from_a_local_folder(tmp_path: Path) -> None:
    from speechbrain.inference.speaker import EncoderClassifier
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
    from speechbrain.utils.fetching import FetchConfig, LocalStrategy

    model = ECAPA_TDNN(
        16, channels=[16, 16, 16, 16, 48], attention_channels=8, res2net_scale=4, se_channels=8, lin_neurons=12
    )
    torch.save(model.state_dict(), tmp_path / "embedding_model.ckpt")
    (tmp_path / "hyperparams.yaml").write_text(ECAPA)
    loaded = EncoderClassifier.from_hparams(
        source=str(tmp_path),
        savedir=str(tmp_path),
        fetch_config=FetchConfig(allow_network=False),
        local_strategy=LocalStrategy.NO_LINK,
        run_opts={"device": "cpu"},
    )
    assert torch.equal(loaded.mods.embedding_model.state_dict()["fc.conv.weight"], model.state_dict()["fc.conv.weight"])
    assert loaded.encode_batch(torch.randn(2, 16_000)).shape == (2, 1, 12)


@pytest.mark.parametrize("name", ["Hubert", "WavLM"])
def test_content_encoders_from_a_local_folder(tmp_path: Path, name: str) -> None:
    import transformers

    config = getattr(transformers, f"{name}Config")(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_kernel=(10, 3), conv_stride=(5, 2), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    model_class = getattr(transformers, f"{name}Model")
    model_class(config).save_pretrained(tmp_path)
    again = model_class.from_pretrained(tmp_path, local_files_only=True).eval()
    with torch.no_grad():
        assert again(torch.randn(1, 800)).last_hidden_state.shape == (1, 79, 16)


def test_whisper_from_a_local_folder(tmp_path: Path) -> None:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=64, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=80, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    WhisperForConditionalGeneration(config).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["vocab_size"] == 64
    model = WhisperForConditionalGeneration.from_pretrained(tmp_path, local_files_only=True).eval()
    features = WhisperFeatureExtractor()(torch.randn(8000).numpy(), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        logits = model(
            input_features=features.input_features, decoder_input_ids=torch.ones(1, 3, dtype=torch.long)
        ).logits
    assert logits.shape == (1, 3, 64)
