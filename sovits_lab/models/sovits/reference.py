"""The voice vector of a reference clip for flow, posterior and head, and the prior's view of it (`text`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class StyleReference(nn.Module):
    """v1 and v2: the style vector serves both.

    Args:
        style: spectrogram and mask -> `B G`.
    """

    uses_speaker = False

    def __init__(self, style: nn.Module) -> None:
        super().__init__()
        self.style = style

    @property
    def channels(self) -> int:
        """Width G of the voice vector; 0 for a stand-in without one."""
        return int(getattr(self.style, "out_channels", 0))

    @property
    def text_channels(self) -> int:
        """Width E of the prior's view of it."""
        return self.channels

    def voice(
        self, spec: Float[Tensor, "B F L"], mask: Bool[Tensor, "B L"], speaker: Float[Tensor, "B V"] | None = None
    ) -> Float[Tensor, "B G"]:
        """Return the vector of one reference clip; `speaker` is not heard."""
        return self.style(spec, mask)

    def text(self, voice: Float[Tensor, "B G"]) -> Float[Tensor, "B E"]:
        """Return the prior's view of a voice vector."""
        return voice

    def average(
        self, specs: Sequence[Float[Tensor, "B F _"]], speakers: Sequence[Float[Tensor, "B V"]] | None = None
    ) -> Float[Tensor, "B G"]:
        """Return the mean of the voice vectors of several unpadded clips."""
        voices = []
        for i, spec in enumerate(specs):
            mask = torch.ones(spec.shape[0], spec.shape[2], dtype=torch.bool, device=spec.device)
            voices.append(self.voice(spec, mask, None if speakers is None else speakers[i]))
        return torch.stack(voices).mean(0)


class VerifiedStyleReference(StyleReference):
    """v2Pro and v2ProPlus: a speaker-verification vector is added before a PReLU; the prior gets a narrower projection.

    Args:
        style: spectrogram and mask -> `B G`.
        speaker_channels: width V of the speaker vector.
        channels: G.
        text_channels: E.
    """

    uses_speaker = True

    def __init__(
        self, style: nn.Module, speaker_channels: int = 20480, channels: int = 1024, text_channels: int = 512
    ) -> None:
        super().__init__(style)
        self.speaker = nn.Linear(speaker_channels, channels)
        self.activation = nn.PReLU(channels)
        self.narrow = nn.Linear(channels, text_channels)

    @property
    def text_channels(self) -> int:
        """Width E of the prior's view of it."""
        return self.narrow.out_features

    def voice(
        self, spec: Float[Tensor, "B F L"], mask: Bool[Tensor, "B L"], speaker: Float[Tensor, "B V"] | None = None
    ) -> Float[Tensor, "B G"]:
        """Raise a ValueError without a speaker vector."""
        if speaker is None:
            raise ValueError(f"speaker vector: got none, expected {self.speaker.in_features} values per reference")
        return F.prelu(self.style(spec, mask) + self.speaker(speaker), self.activation.weight)

    def text(self, voice: Float[Tensor, "B G"]) -> Float[Tensor, "B E"]:
        return self.narrow(voice)
