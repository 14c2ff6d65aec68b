"""What every model of waveforms of the released family shares: how it hears content, who speaks and in which style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.audio.upstream import spectrogram_32k
from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Conditioner, Filled, StyleSites
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import NoReference, ReferenceEncoder
from sovits_lab.models.contracts import Build, DataSizes, with_labels
from sovits_lab.models.sovits.reference import StyleReference
from sovits_lab.nn.modulation import zero_linear
from sovits_lab.quantization.vector import VectorQuantizer


class ReleasedSynthesizer(nn.Module):
    """Content projection, quantizer and reference encoder, and what they do together.

    Attributes:
        content: content `B C 2S` -> projected content `B C S` at the token rate.
        quantizer: vectors <-> tokens.
        reference: spectrogram of a clip -> voice vector.
        token_frames: frames for each token.
        sites: where the style is heard -> the parts of `style_sites` that ask for it.
        styles: projections of the style, which start at zero, by where it is heard.
    """

    sites: ClassVar[Mapping[str, tuple[str, ...]]]
    content: nn.Module
    quantizer: VectorQuantizer
    reference: StyleReference
    token_frames: int
    style_encoder: ReferenceEncoder
    labels: LabelEmbedding | NoLabels
    conditions: Conditioner
    styles: nn.ModuleDict

    def _open_style_slot(
        self,
        style_encoder: ReferenceEncoder | None,
        labels: LabelEmbedding | NoLabels | None,
        style_sites: StyleSites | None,
        out: Mapping[str, int],
    ) -> None:
        """Build what hears the style; `out` is the width of what it is added to, for each of `sites`."""
        self.style_encoder, self.labels = style_encoder or NoReference(), labels or NoLabels()
        style = self.style_encoder.out_channels if self.style_encoder.takes_clips else 0
        widths = {SPEAKER: self.reference.channels, STYLE: style, EMOTION: self.labels.out_channels}
        self.conditions = Conditioner(style_sites or StyleSites(), widths)
        styled = {site for site, parts in self.sites.items() if set(parts) & set(self.conditions.style_sites.parts)}
        width = sum(self.conditions.widths.values()) - self.reference.channels
        self.styles = nn.ModuleDict(
            {site: zero_linear(width, out[site]) for site in self.sites if width and site in styled}
        )

    def _styled(self, vectors: Mapping[str, Tensor | None], filled: Filled) -> dict[str, Any]:
        """Add the projected style to the vector of each part that hears it; None stands for nothing to add to."""
        if not self.styles:
            return dict(vectors)
        style = torch.cat([filled[name] for name in self.conditions.widths if name != SPEAKER], dim=1)
        added = {}
        for site, project in self.styles.items():
            base = vectors[site]
            added[site] = project(style) if base is None else base + project(style)
        return {**vectors, **added}

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
