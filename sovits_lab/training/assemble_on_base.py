"""What stages share that make a voice of a trained base and of what was trained on top of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.checkpoints.adapters import base_facts
from sovits_lab.checkpoints.bundle import build
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.provenance.origin import Origin
from sovits_lab.provenance.trace import MANIFEST
from sovits_lab.types import got

CORPUS = "corpus"  # the input with the recordings


class AssembleOnBase:
    """A stage `bundle` whose voice is a base and something more.

    Of its input `corpus`, the recordings that taught what is on top, the voice names licences and consents.

    Args:
        base: the bundle of the trained models.
        audio, frontend: nodes with which something was trained on top; the base's own are the same.
        sampling: node of the `Sampler` that is the voice's default.
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
        self.own = {"variant": variant, "sampling": dict(sampling)}
        build(sampling)  # a setting out of range would be refused by the voice, after all training

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Refuse another base before anything is computed; a missing one is named by the stage that trains on it.

        Raises:
            InputError: as `refuse_other_base`.
        """
        if self.base is not None:
            self.refuse_other_base(Path(self.base))
        return []

    @staticmethod
    def origin(inputs: Mapping[str, Path], base: Path) -> Origin:
        """Return what the voice is made of. Errors as `Origin.of`, and no input with the recordings."""
        if CORPUS not in inputs:
            raise got("stages.bundle.inputs", ", ".join(inputs), f"also {CORPUS}, whose licences the voice names")
        return Origin.of(inputs[CORPUS] / MANIFEST, base)

    def refuse_other_base(self, base: Path) -> None:
        """Compare what the training hears and reads with what the base hears and reads.

        Raises:
            InputError: they differ, or there is no such base.
        """
        facts = base_facts(base)
        released = facts["kind"] != "voice"
        audio = SPEC_32K if released else build(facts["audio"])
        if build(self.audio) != audio:
            raise got("audio", f"{build(self.audio)}", f"{audio}, as the base hears")
        front = "sovits_lab.text.frontend.ReleasedFrontend" if released else facts["frontend"]["_target_"]
        if self.frontend["_target_"] != front:
            raise got("frontend", self.frontend["_target_"], f"{front}, as the base reads")
