"""A second task for an encoder of few voices: hear the pitch of every frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.losses.regulariser import Facts, Regulariser

OCTAVES_WEIGHT = 3.0  # of the error of F0 against that of voicing
MIDDLE = 150.0  # Hz: where the reader starts from
TOLERANCE = 0.1  # octaves: beyond it errors count linearly, so that octave jumps of the analysis do not rule


class PitchOfFrames(Regulariser):
    """A linear reader of voicing (cross-entropy) and, where voiced, of F0 in octaves (smooth absolute error).

    Emotion labels say one thing about a clip, pitch one about each frame; what is learned for it does not depend on who
    speaks and is most of what a level-normalised clip says of emotion.

    Args:
        input: name of the frames `B L C`; `mask` says which are real, `f0` is in Hz, 0 where unvoiced.
        width: C.
    """

    def __init__(self, input: str, width: int) -> None:
        super().__init__(input)
        self.read = nn.Linear(width, 2)

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        mask, f0 = facts["mask"], facts["f0"]
        pitch, voicing = self.read(facts[self.input].float()).unbind(-1)
        voiced = mask & (f0 > 0)
        loss = F.binary_cross_entropy_with_logits(voicing[mask], voiced[mask].float())
        if not voiced.any():
            return loss
        octaves = torch.log2(f0[voiced] / MIDDLE)
        return loss + OCTAVES_WEIGHT * F.smooth_l1_loss(pitch[voiced], octaves, beta=TOLERANCE)
