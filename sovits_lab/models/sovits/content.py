"""Content frames to the token rate."""

from __future__ import annotations

from torch import nn


class TokenRateProjection(nn.Conv1d):
    """One convolution whose kernel is its stride: `B C L` at 50 Hz to `B C S` at 25 Hz.

    Args:
        channels: width C.
        stride: content frames for each token.
    """

    def __init__(self, channels: int = 768, stride: int = 2) -> None:
        super().__init__(channels, channels, stride, stride)
