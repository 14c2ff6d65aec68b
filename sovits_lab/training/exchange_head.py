"""Stage `bundle` of a light head: the base with the head that was trained -> a voice that speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sovits_lab.checkpoints.bundle import WEIGHTS
from sovits_lab.checkpoints.exchanged_head import write_with_head
from sovits_lab.training.assemble_on_base import AssembleOnBase


class ExchangeHead(AssembleOnBase):
    """Write the base's bundle with the trained head in the place of its own; a converted base keeps its sampling.

    Args: as `AssembleOnBase`.
    """

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `out/voice`; needs the stage folders `head` and `corpus`."""
        base = Path(self.base or "")
        self.refuse_other_base(base)
        write_with_head(base, inputs["head"] / "bundle", out / "voice", self.own, self.origin(inputs, base))
        before, after = ((folder / WEIGHTS).stat().st_size / 1e6 for folder in (base, out / "voice"))
        report.say(f"weights: {after:.2f} MB, with the base's own head {before:.2f} MB")
