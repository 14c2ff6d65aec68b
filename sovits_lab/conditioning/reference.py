"""The contract of reference encoders, so that one can stand for another by `reference=`."""

from __future__ import annotations

from torch import nn


class ReferenceEncoder(nn.Module):
    """Log-mel `B M L` and its mask `B L` -> style vector `B G`; G is `out_channels`. Padding changes nothing."""

    out_channels: int
