"""What our models of tokens share: a vocabulary, a reference encoder, labels, and how conditions reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Conditioner, StyleSites
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.contracts import Bounds, Build, DataSizes, with_labels


class ConditionedGpt(nn.Module):
    """A GPT of ours without its layers. It takes neither a prompt nor BERT features.

    Args:
        codes: token vocabulary K; the end of speech is one more.
        reference: encodes a reference mel to the style vector (`out_channels` wide).
        speaker_channels: width of the speaker vector.
        max_tokens: longest sequence that can be generated.
        style_sites: whether the style is heard here, and how often conditions are dropped; None hears all, drops none.
        labels: vectors of emotion labels; None for none.
    """

    bert_channels, takes_prompt, bounds = 0, False, Bounds()
    codes: int
    end: int
    max_tokens: int
    labels: LabelEmbedding | NoLabels
    conditions: Conditioner

    def __init__(
        self,
        codes: int,
        reference: ReferenceEncoder,
        speaker_channels: int,
        max_tokens: int,
        style_sites: StyleSites | None,
        labels: LabelEmbedding | NoLabels | None,
    ) -> None:
        super().__init__()
        self.codes, self.end, self.max_tokens = codes, codes, max_tokens
        self.reference, self.labels = reference, labels or NoLabels()
        widths = {SPEAKER: speaker_channels, STYLE: reference.out_channels, EMOTION: self.labels.out_channels}
        self.conditions = Conditioner(style_sites or StyleSites(), widths)

    @staticmethod
    def sized(node: Mapping[str, Any], sizes: DataSizes, build: Build) -> dict[str, Any]:
        """Return the model's node with what only the data know."""
        known = {"codes": sizes.codes, "phones": sizes.phones, "speaker_channels": sizes.speaker}
        return with_labels({**node, **known}, sizes)

    @property
    def style_encoder(self) -> ReferenceEncoder:
        """The reference encoder."""
        return self.reference

    def _refuse_prompt(self, prompt: object, bert: object) -> None:
        if prompt is not None or bert is not None:
            name = type(self).__name__
            raise ValueError(f"prompt, bert: got one, expected none: {name} knows phones and conditions alone")
