"""Stage `bundle` of adapters: the base's own files and the adapters beside them -> a voice that speaks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.checkpoints.adapters import FOLDER, base_facts, join_adapters
from sovits_lab.checkpoints.bundle import build
from sovits_lab.provenance.cards import DATA_CARD
from sovits_lab.types import got


class AssembleAdapters:
    """Put adapters beside their base: the base's own files, unchanged, and a folder `adapters`.

    Args:
        base: the bundle of the trained models.
        audio, frontend: nodes with which the adapters were trained; the base's own are the same.
        sampling: node of the `Sampler` that is the default with these adapters.
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
        self.sampling, self.variant = sampling, variant
        build(sampling)  # a setting out of range would be refused by the voice, after all training

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Assemble the voice of the stage folders of adapters; writes `out/voice`. Large files are linked if they can
        be."""
        base, voice = Path(self.base or ""), out / "voice"
        refuse_other_base(base, self.audio, self.frontend)
        voice.mkdir()
        for name in ("bundle.json", "model.safetensors", *([DATA_CARD] if (base / DATA_CARD).is_file() else [])):
            try:
                os.link((base / name).resolve(), voice / name)
            except OSError:  # another disk
                shutil.copyfile(base / name, voice / name)
        facts = {"variant": self.variant, "sampling": dict(self.sampling)}
        join_adapters([folder / "bundle" for folder in inputs.values()], base, voice / FOLDER, facts)
        size = (voice / FOLDER / "model.safetensors").stat().st_size
        whole = (voice / "model.safetensors").stat().st_size
        report.say(f"adapters: {size / 1e6:.2f} MB beside {whole / 1e6:.2f} MB of the base, {size / whole:.1%}")


def refuse_other_base(base: Path, audio: Mapping[str, Any], frontend: Mapping[str, Any]) -> None:
    """Compare what a training heard and read with what its base hears and reads.

    Raises:
        InputError: they differ.
    """
    facts = base_facts(base)
    released = facts["kind"] != "voice"
    wanted = SPEC_32K if released else build(facts["audio"])
    if build(audio) != wanted:
        raise got("audio", f"{build(audio)}", f"{wanted}, as the base hears")
    front = "sovits_lab.text.frontend.ReleasedFrontend" if released else facts["frontend"]["_target_"]
    if frontend["_target_"] != front:
        raise got("frontend", frontend["_target_"], f"{front}, as the base reads")
