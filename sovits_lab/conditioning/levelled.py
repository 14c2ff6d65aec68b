"""A reference encoder that cannot hear how loud a clip is."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sovits_lab.conditioning.checks import refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import Encoded, EncodedFrames, ReferenceEncoder

LEVEL = -3.2  # nats: about that of a neutral voice at -26 dBFS, where encoders expect their input
FEWEST = 1e-12  # power of digital silence


class LevelledReference(ReferenceEncoder):
    """Any encoder, and every clip comes to it at one level.

    A clip's gain is the microphone's, the room's and the distance's before it is the speaker's. An encoder that hears
    it may know emotions by little else, and takes a sad clip that was recorded loudly for an angry one.

    Args:
        encoder: hears log mels of one level.
        depth: dB below that level which are heard; softer bins, where the floor of the logarithm would tell the gain
            after all, come out as this.
        pool: of several references, see `ReferenceEncoder`; the encoder's own is not used.
    """

    level_sensitive = False

    def __init__(self, encoder: ReferenceEncoder, depth: int = 50, pool: ReferencePool | None = None) -> None:
        super().__init__(pool)
        refuse_small("reference", 1, depth=depth)
        self.encoder = encoder
        self.floor = LEVEL - depth * 2.302585 / 20
        self.out_channels, self.frame_channels = encoder.out_channels, encoder.frame_channels
        self.takes_clips = encoder.takes_clips

    def _levelled(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B M L"]:
        """Root mean square, over real frames, of the mean mel magnitude: at `LEVEL`."""
        power = torch.where(mask, mel.exp().mean(-2).square(), 0.0).sum(-1) / mask.sum(-1).clamp(min=1)
        gain = LEVEL - power.clamp(min=FEWEST).log() / 2
        return (mel + gain[..., None, None]).clamp(min=self.floor)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Return what the encoder makes of the clips at one level."""
        style: Tensor = self.encoder(self._levelled(mel, mask), mask)
        return style

    def encode(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Encoded:
        """Encode the clips, with the encoder's own losses."""
        return self.encoder.encode(self._levelled(mel, mask), mask)

    def frames(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> EncodedFrames:
        """Return the encoder's frames."""
        return self.encoder.frames(self._levelled(mel, mask), mask)

    def pooled(self, frames: EncodedFrames) -> Float[Tensor, "B G"]:
        """Return the encoder's vector."""
        return self.encoder.pooled(frames)
