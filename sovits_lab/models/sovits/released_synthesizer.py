"""What every model of waveforms of the released family shares: how it hears content, and who speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.audio.upstream import spectrogram_32k
from sovits_lab.models.contracts import Build, DataSizes, with_labels
from sovits_lab.models.sovits.reference import StyleReference
from sovits_lab.quantization.vector import VectorQuantizer


class ReleasedSynthesizer(nn.Module):
    """Content projection, quantizer and reference encoder, and what they do together.

    Attributes:
        content: content `B C 2S` -> projected content `B C S` at the token rate.
        quantizer: vectors <-> tokens.
        reference: spectrogram of a clip -> voice vector.
        token_frames: frames for each token.
    """

    content: nn.Module
    quantizer: VectorQuantizer
    reference: StyleReference
    token_frames: int

    @staticmethod
    def sized(node: Mapping[str, Any], sizes: DataSizes, build: Build) -> dict[str, Any]:
        """Return the model's node with what only the data know: codes, phones, and the Pro models' speaker vector."""
        reference = dict(node["reference"])
        if "speaker_channels" in reference:
            reference["speaker_channels"] = sizes.speaker
        known = {
            "quantizer": {**node["quantizer"], "codes": sizes.codes},
            "prior": {**node["prior"], "phones": sizes.phones},
        }
        return with_labels({**node, **known, "reference": reference}, sizes)

    @property
    def takes_vector(self) -> bool:
        """Whether `speaker` needs a vector of the speaker-verification network."""
        return self.reference.uses_speaker

    def start_codebook(self) -> None:
        """Draw rows for a quantizer that has none: with tokens from elsewhere it is an embedding, nothing more."""
        if not self.quantizer.initialised.item():
            self.quantizer.codebook.normal_()
            self.quantizer.initialised.fill_(1)

    def speaker(
        self, wav: Float[Tensor, "B T"] | None, mask: Bool[Tensor, "B L"] | None, vector: Float[Tensor, "B V"] | None
    ) -> Float[Tensor, "B G"]:
        """Return the voice vector of clips at 32 kHz; the Pro models need the vector of the speaker network too.

        Raises:
            ValueError: no clip, or no vector for a Pro model.
        """
        if wav is None:
            raise ValueError("speaker clip: got none, expected one for each row")
        spec = spectrogram_32k(wav)
        mask = torch.ones(spec.shape[0], spec.shape[2], dtype=torch.bool, device=wav.device) if mask is None else mask
        return self.reference.voice(spec * mask[:, None].to(spec.dtype), mask, vector if self.takes_vector else None)

    def tokens(self, content: Float[Tensor, "B C L"]) -> Int[Tensor, "B S"]:
        """Turn content features (50 Hz) into semantic tokens (25 Hz)."""
        return self.quantizer(self.content(content).transpose(1, 2)).tokens

    def quantized(self, tokens: Int[Tensor, "B S"]) -> Float[Tensor, "B C L"]:
        """Turn tokens into their vectors, each repeated for its frames."""
        return self.quantizer.vectors(tokens).transpose(1, 2).repeat_interleave(self.token_frames, dim=2)

    def frames(self, content: Tensor | None, tokens: Tensor | None, mask: Tensor) -> Float[Tensor, "B C L"]:
        """Return quantized vectors of the content, or of tokens from elsewhere, as many as `mask`."""
        if content is None:
            assert tokens is not None
            return self.quantized(tokens)[..., : mask.shape[1]]
        vectors = self.quantizer(self.content(content).transpose(1, 2)).vectors.transpose(1, 2)
        return vectors.repeat_interleave(self.token_frames, dim=2)[..., : mask.shape[1]]
