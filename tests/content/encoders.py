"""Tiny HuBERT and WavLM folders of random weights, in the released format."""

from __future__ import annotations

from pathlib import Path

import torch

from sovits_lab.audio import torchaudio_compat


def write_encoder(folder: Path, kind: str, normalise: bool = True, layers: int = 2) -> Path:
    """A local folder as a hub would give it: 320 samples a frame, width 16."""
    torchaudio_compat.ensure()
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor, WavLMConfig, WavLMModel

    config_class, model_class = {"hubert": (HubertConfig, HubertModel), "wavlm": (WavLMConfig, WavLMModel)}[kind]
    torch.manual_seed(0)
    config = config_class(
        hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=24, conv_dim=[8] * 7,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    model_class(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=normalise).save_pretrained(folder)
    return folder
