"""Reference encoder: three convolutions over mel, then a GRU whose final state is the style vector.

After Skerry-Ryan et al. 2018, section 3.1, with one-dimensional convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.checks import refuse_even, refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.nn.normalisation import MaskedBatchRenorm


class ConvGruReference(ReferenceEncoder):
    """Mel of a reference clip -> style vector.

    Args:
        mels: mel bins.
        channels: of the three (or more) convolutions.
        kernel: odd kernel length.
        stride: of every convolution.
        hidden: GRU width = width of the style vector, unless `out_channels` is given.
        out_channels: 0, or the width of a linear bottleneck after the final state.
        pool: of several references, see `ReferenceEncoder`.
    """

    def __init__(
        self,
        mels: int = 80,
        channels: Sequence[int] = (128, 256, 512),
        kernel: int = 3,
        stride: int = 1,
        hidden: int = 512,
        out_channels: int = 0,
        pool: ReferencePool | None = None,
    ) -> None:
        super().__init__(pool)
        refuse_small("reference", mels=mels, channels=channels, kernel=kernel, stride=stride, hidden=hidden)
        refuse_small("reference", 0, out_channels=out_channels)
        refuse_even("reference.kernel", kernel)
        widths = [mels, *channels]
        self.stride = stride
        self.convs = nn.ModuleList(
            nn.Conv1d(a, b, kernel, stride=stride, padding=kernel // 2) for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(MaskedBatchRenorm(b) for b in channels)
        self.gru = nn.GRU(widths[-1], hidden, batch_first=True)
        self.out = nn.Linear(hidden, out_channels) if out_channels else nn.Identity()
        self.out_channels = out_channels or hidden

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Turn log-mel `B M L` (natural log) and its mask into the GRU's state at each clip's own last frame."""
        h = (mel + 5) / 2  # about zero mean and unit spread of natural-log mel; the level is part of the style
        for conv, norm in zip(self.convs, self.norms, strict=True):
            assert isinstance(norm, MaskedBatchRenorm)
            h = conv(h * mask[:, None])
            mask = mask[:, :: self.stride]
            h = norm(F.relu(h), mask)
        packed = nn.utils.rnn.pack_padded_sequence(
            h.transpose(1, 2).float(), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        return self.out(self.gru(packed)[1][0])
