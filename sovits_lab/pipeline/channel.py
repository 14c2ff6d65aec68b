"""The reporter of a running stage: JSON messages go to the runner, metrics and media to the stage's own folder."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

METRICS = "metrics.jsonl"
MEDIA = "media.jsonl"
RESERVED = frozenset({"stage", "step", "seconds"})


class Channel:
    """A `Reporter` over a pipe.

    Args:
        pipe: the stage's end of the pipe to the runner.
        stage: the stage's name.
        out: the stage's folder while it works; gets `metrics.jsonl`, `media/` and its list `media.jsonl`.
        interval: least seconds between two messages of progress.
    """

    def __init__(self, pipe: Connection, stage: str, out: Path, interval: float = 0.1):
        self.pipe, self.stage, self.out, self.interval = pipe, stage, out, interval
        self._start = time.monotonic()
        self._last = -math.inf

    def send(self, kind: str, **content: Any) -> None:
        """Send one message; a runner that is gone ends this process elsewhere, so a broken pipe is no error here."""
        try:
            self.pipe.send_bytes(json.dumps({"kind": kind, **content}).encode())
        except (BrokenPipeError, ConnectionResetError):
            return

    def progress(self, done: int, total: int, unit: str) -> None:
        """See `Reporter`; all but the last message of a burst within `interval` are dropped."""
        now = time.monotonic()
        if now - self._last >= self.interval or done >= total:
            self._last = now
            self.send("progress", done=int(done), total=int(total), unit=unit)

    def say(self, text: str) -> None:
        """See `Reporter`."""
        self.send("say", text=text)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """See `Reporter`; a value that is not finite is kept as null."""
        clash = RESERVED & values.keys()
        assert not clash, f"metrics named {sorted(clash)}: these names are the record's own"
        plain = {key: float(value) for key, value in values.items()}
        record = {
            "stage": self.stage,
            "step": int(step),
            "seconds": round(time.monotonic() - self._start, 3),
            **{key: value if math.isfinite(value) else None for key, value in plain.items()},
        }
        self._append(METRICS, record)
        self.send("metrics", record=record)

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        """See `Reporter`."""
        import soundfile

        path = self._media(name, step, ".wav")
        soundfile.write(path, np.clip(wave, -1.0, 1.0), sample_rate, subtype="PCM_16")
        self._shown("audio", name, step, path)

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        """See `Reporter`."""
        from matplotlib import colormaps
        from matplotlib.image import imsave

        path = self._media(name, step, ".png")
        imsave(path, np.asarray(image, dtype=float), cmap=colormaps["magma"], origin="lower")
        self._shown("picture", name, step, path, caption)

    def _shown(self, kind: str, name: str, step: int, path: Path, caption: str = "") -> None:
        message = {"type": kind, "name": name, "step": int(step), "path": str(path.relative_to(self.out))}
        self._append(MEDIA, message | {"caption": caption})
        self.send("media", **message, caption=caption)

    def _append(self, name: str, record: Mapping[str, Any]) -> None:
        with (self.out / name).open("a", encoding="utf-8") as file:  # closed, so flushed, at each line
            file.write(json.dumps(record) + "\n")

    def _media(self, name: str, step: int, suffix: str) -> Path:
        path = self.out / "media" / f"{name}-{step:07d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the records of a `metrics.jsonl` or `media.jsonl`; a missing file has none.

    A last line cut short by a kill is left out.
    """
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # only a kill in mid-write leaves such a line, and its record was never whole
    return records
