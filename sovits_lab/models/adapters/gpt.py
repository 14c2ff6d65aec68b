"""Style adapters of the released GPT: one behind every layer."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.conditioning.conditions import GPT_PARTS, Filled
from sovits_lab.conditioning.fusion import AdaptiveNormFusion, Fusion
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.adapters.slot import RelativeLabels, StyleAdapters
from sovits_lab.nn.adapters import ErasingAdapter


class NoGptAdapters(nn.Module):
    """Null object: a decoder without style adapters."""

    parts: Sequence[str] = ()

    def how(self, filled: Filled) -> None:
        """Return None: there is nothing to tell."""

    def behind(self, layer: int, h: Tensor, how: Tensor | None) -> Tensor:
        """Return the output of a layer as it is."""
        return h


class GptAdapters(StyleAdapters):
    """An adapter behind every layer of a `PrefixDecoder`.

    Args:
        width, layers: of the decoder.
        fusion: which adapter, see `Fusion.adapter`; None is a gain and a bias.
        erase: take directions out instead, see `ErasingAdapter`.
        others: see `StyleAdapters`.
    """

    own_losses = ("token",)
    parts = GPT_PARTS

    def __init__(
        self,
        width: int = 512,
        layers: int = 24,
        style_encoder: ReferenceEncoder | None = None,
        labels: RelativeLabels | None = None,
        fusion: Fusion | None = None,
        rank: int = 16,
        dropout: float = 0.0,
        erase: bool = False,
    ) -> None:
        super().__init__(style_encoder, labels, rank, dropout)
        make = ErasingAdapter if erase else (fusion or AdaptiveNormFusion()).adapter
        self.layers = nn.ModuleList(make(width, self.how_channels) for _ in range(layers))

    def how(self, filled: Filled) -> Float[Tensor, "B R"]:
        """Return the condition of every layer's adapter."""
        return self.style_vector(filled)

    def behind(self, layer: int, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"] | None) -> Tensor:
        """Return what follows a layer with this output."""
        adapted: Tensor = h if how is None else self.layers[layer](h, how)
        return adapted
