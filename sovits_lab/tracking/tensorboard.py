"""`logger=tensorboard`: TensorBoard."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sovits_lab.tracking.contract import NOT_VALUES, RunInfo, media_key
from sovits_lab.tracking.results import Results
from sovits_lab.types import InputError


class TensorBoardLogger:
    """Event files in `<run>/tensorboard`, written anew at each start: a board with every step once."""

    def __init__(self) -> None:
        self._writer: Any = None

    def open(self, run: RunInfo) -> str:
        """Open the writer.

        Raises:
            InputError: TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise InputError(
                f"logger tensorboard: needs {error.name!r}: pip install 'sovits-lab[tensorboard]'"
            ) from None
        folder = run.folder / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(log_dir=str(folder))
        return f"tensorboard --logdir {folder}"

    def known(self) -> Mapping[str, int]:
        """Return nothing: the files are new."""
        return {}

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Write values as `<stage>/<name>`."""
        for key, value in record.items():
            if key not in NOT_VALUES:
                shown = float("nan") if value is None else value
                self._writer.add_scalar(f"{record['stage']}/{key}", shown, record["step"])

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Write sounds as `<stage>/audio/<name>`, pictures as `<stage>/picture/<name>`."""
        tag = media_key(stage, message)
        if message["type"] == "audio":
            import soundfile
            import torch

            wave, rate = soundfile.read(message["path"], dtype="float32")
            self._writer.add_audio(tag, torch.from_numpy(wave)[None], message["step"], sample_rate=rate)
        else:
            from matplotlib.image import imread

            self._writer.add_image(tag, imread(message["path"])[..., :3], message["step"], dataformats="HWC")

    def finished(self, stage: str, folder: Path) -> None:
        """Write headline scores as scalars, style vectors for the projector."""
        found = Results.read(folder)
        for one in found.headlines():
            self._writer.add_scalar(one.key, one.value, 0)
        if found.style is not None:
            rows = [list(row) for row in zip(*found.style.labels.values(), strict=True)]
            header = list(found.style.labels)
            self._writer.add_embedding(found.style.vectors, rows, tag=f"{stage}/style", metadata_header=header)

    def close(self, status: int) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
