"""HuBERT and WavLM as content encoders, by a hub id or from a local folder."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from sovits_lab.content.contract import RATE
from sovits_lab.types import InputError, got

KINDS = ("hubert", "wavlm", "wav2vec2")


class TransformersContent:
    """Waveform at 16 kHz -> features at 50 Hz of one hidden layer (Hsu et al. 2021; Chen et al. 2022).

    Nothing is loaded before the first use. Utterances are heard one at a time: these networks normalise over the whole
    clip, so padding would change what they hear.

    Args:
        source: hub id, or a folder with `config.json` and weights.
        layer: hidden layer, counted from 1; 0 is the input of the first, None the last.
    """

    def __init__(self, source: str, layer: int | None = None) -> None:
        self.source, self.layer = source, layer
        self._model: nn.Module | None = None
        self._normalise = True

    @property
    def model(self) -> nn.Module:
        """The network, in eval mode.

        Raises:
            InputError: it cannot be found or read, is of another kind, or has no such layer.
        """
        if self._model is None:
            self._model = self._load()
        return self._model

    @property
    def config(self) -> Any:
        """The network's own configuration."""
        return self.model.config

    @property
    def channels(self) -> int:
        """Width D of the features."""
        return int(self.config.hidden_size)

    @property
    def stride(self) -> int:
        """Samples between two features, 320 for all released models."""
        return math.prod(self.config.conv_stride)

    @torch.no_grad()
    def __call__(self, wav: Float32[np.ndarray, " T"]) -> Float[Tensor, "L D"]:
        """Features of one waveform at 16 kHz, exactly T // stride of them."""
        x = torch.from_numpy(np.ascontiguousarray(wav, dtype=np.float32))
        if len(x) < self.stride:
            return torch.zeros(0, self.channels)
        model = self.model
        if self._normalise:
            x = (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + 1e-7)
        spare = self._field() - self.stride  # so that L = T // stride, each feature centred on its frame
        padded = nn.functional.pad(x, (spare // 2, spare - spare // 2))
        states = model(padded[None], output_hidden_states=self.layer is not None)
        return states.last_hidden_state[0] if self.layer is None else states.hidden_states[self.layer][0]

    def digest(self) -> str:
        """Return the SHA-256 of all weights: clusters belong to one encoder only."""
        hashed = hashlib.sha256()
        for name, value in sorted(self.model.state_dict().items()):
            hashed.update(name.encode())
            hashed.update(value.detach().cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()

    def _field(self) -> int:
        """Samples that one feature of the convolutions hears."""
        field, step = 1, 1
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            field += (kernel - 1) * step
            step *= stride
        return field

    def _load(self) -> nn.Module:
        from sovits_lab.audio import torchaudio_compat

        torchaudio_compat.ensure()
        from transformers import AutoConfig, AutoModel

        try:
            config = AutoConfig.from_pretrained(self.source)
        except (OSError, ValueError) as error:
            raise self._missing(error) from error
        if config.model_type not in KINDS:
            raise got(f"content encoder {self.source}", config.model_type, f"one of {', '.join(KINDS)}")
        if self.layer is not None and not 0 <= self.layer <= config.num_hidden_layers:
            raise got(f"content encoder {self.source}: layer", self.layer, f"0 to {config.num_hidden_layers}")
        try:
            model = AutoModel.from_pretrained(self.source, config=config)
        except (OSError, ValueError) as error:
            raise self._missing(error) from error
        self._normalise = self._wants_normalised()
        return model.eval().requires_grad_(False)

    def _wants_normalised(self) -> bool:
        """What the model's own feature extractor says; released models without one were trained on normalised waves."""
        from transformers import AutoFeatureExtractor

        local = Path(self.source)
        if local.is_dir() and not (local / "preprocessor_config.json").is_file():
            return True
        extractor: Any = AutoFeatureExtractor.from_pretrained(self.source)  # type: ignore[no-untyped-call]
        if extractor.sampling_rate != RATE:
            raise got(f"content encoder {self.source}: sampling rate", extractor.sampling_rate, str(RATE))
        return bool(extractor.do_normalize)

    def _missing(self, error: Exception) -> InputError:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return InputError(
            f"content encoder: got {self.source!r}, expected a hub id that can be reached or a local folder with "
            f"config.json and weights ({why})"
        )
