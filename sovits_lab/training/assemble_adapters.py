"""Stage `bundle` of adapters: the base's own files and the adapters beside them -> a voice that speaks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sovits_lab.checkpoints.adapters import FOLDER, join_adapters
from sovits_lab.files import write_whole
from sovits_lab.training.assemble_on_base import CORPUS, AssembleOnBase


class AssembleAdapters(AssembleOnBase):
    """Put adapters beside their base: the base's own files, unchanged, and a folder `adapters`.

    Args: as `AssembleOnBase`.
    """

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Assemble the voice of the stage folders of adapters and the stage `corpus`; writes `out/voice`. Large files
        are linked if they can be. The adapters' folder, which may go elsewhere alone, has the data card, too."""
        base, voice = Path(self.base or ""), out / "voice"
        self.refuse_other_base(base)
        origin = self.origin(inputs, base)
        voice.mkdir()
        for name in ("bundle.json", "model.safetensors"):
            try:
                os.link((base / name).resolve(), voice / name)
            except OSError:  # another disk
                shutil.copyfile(base / name, voice / name)
        trained = [folder / "bundle" for name, folder in inputs.items() if name != CORPUS]
        join_adapters(trained, base, voice / FOLDER, {**self.own, "consents": origin.consents})
        for folder in (voice, voice / FOLDER):
            for name, text in origin.data_card().items():
                write_whole(folder / name, text.encode())
        size = (voice / FOLDER / "model.safetensors").stat().st_size
        whole = (voice / "model.safetensors").stat().st_size
        report.say(f"adapters: {size / 1e6:.2f} MB beside {whole / 1e6:.2f} MB of the base, {size / whole:.1%}")
