"""The contract of what asks something of vectors beside a model's own losses: one module, one named term."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

# What a task knows of a batch. Of each row: `style`, `speaker_vector` (`B Y`), `emotion`, `speaker`, `sentence` (ids
# `B`, -1 where a row is not to be asked). Of a sequence: `content` (`B S D`), and for each of its vectors (`B S`) if it
# is real (`mask`), which of the phones it speaks (`phone`, -1 unknown), how far into it (`position`, 0 to 1). Of an
# encoder that shows them: `frames` (`B L C`), their `mask`, and their pitch (`f0` in Hz, 0 where unvoiced).
Facts = Mapping[str, Tensor]


class Regulariser(nn.Module):
    """A loss on facts; 0 where a batch has nothing to say about it.

    Args:
        input: name of the vectors.
    """

    def __init__(self, input: str) -> None:
        super().__init__()
        self.input = input

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        raise NotImplementedError("a regulariser defines forward")
