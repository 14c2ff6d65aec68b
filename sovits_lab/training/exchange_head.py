"""Stage `bundle` of a light head: the base with the head that was trained -> a voice that speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sovits_lab.checkpoints.bundle import WEIGHTS, build
from sovits_lab.checkpoints.exchanged_head import write_with_head
from sovits_lab.training.assemble_adapters import refuse_other_base


class ExchangeHead:
    """Write the base's bundle with the trained head in the place of its own.

    Args:
        base: the bundle of the trained models.
        audio, frontend: nodes with which the head was trained; the base's own are the same.
        sampling: node of the `Sampler` that is the voice's default; a converted base keeps its own.
        variant: the experiment's name, for people.
    """

    resumable = False

    def __init__(
        self,
        base: str | None,
        audio: Mapping[str, Any],
        frontend: Mapping[str, Any],
        sampling: Mapping[str, Any],
        variant: str,
    ) -> None:
        self.base, self.audio, self.frontend = base, audio, frontend
        self.changed = {"sampling": dict(sampling), "variant": variant}
        build(sampling)  # a setting out of range would be refused by the voice, after all training

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `out/voice`; needs the stage folder `head`."""
        base = Path(self.base or "")
        refuse_other_base(base, self.audio, self.frontend)
        write_with_head(base, inputs["head"] / "bundle", out / "voice", self.changed)
        before, after = ((folder / WEIGHTS).stat().st_size / 1e6 for folder in (base, out / "voice"))
        report.say(f"weights: {after:.2f} MB, with the base's own head {before:.2f} MB")
