"""F0 and energy by hand: curves over time, from arrays or files, and the contour of a clip. See `docs/controls.md`."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sovits_lab.files import MIB, regular_file
from sovits_lab.types import InputError, got

LOWEST_F0, HIGHEST_F0 = 20.0, 2000.0
FURTHEST = {"f0": 48.0, "energy": 60.0}  # relative: semitones, dB
EXPECTED = {
    ("f0", False): f"0 (unvoiced) or {LOWEST_F0:g} to {HIGHEST_F0:g} Hz",
    ("f0", True): "-48 to 48 semitones",
    ("energy", False): "-200 to 20 dB",
    ("energy", True): "-60 to 60 dB",
}


@dataclass(frozen=True)
class Curve:
    """Values over time.

    Attributes:
        values: absolute (F0 in Hz with 0 for unvoiced, energy in dB) or relative to what the model says (semitones,
            dB).
        seconds: when, rising; straight lines between, held at both ends. None: one value for each frame of the speech.
        relative: which of the two.
    """

    values: ArrayLike
    seconds: ArrayLike | None = None
    relative: bool = False

    def on_frames(self, what: str, frames: int, frames_per_second: float) -> NDArray[np.float32]:
        """Take one value at the centre of each frame. Absolute F0 is interpolated from its voiced points on a
        logarithmic scale, and unvoiced where the nearest point is.

        Raises:
            InputError: not a list of finite numbers in the range of `what` ("f0" or "energy"), a wrong length, or times
                that do not rise.
        """
        values = self.check(what)
        if self.seconds is None:
            if len(values) != frames:
                raise got(what, f"{len(values)} values without seconds", f"{frames}, one for each frame of the speech")
            return values.astype(np.float32)
        seconds = np.asarray(self.seconds, dtype=np.float64)
        centres = (np.arange(frames) + 0.5) / frames_per_second
        if what != "f0" or self.relative or not (values > 0).any():
            return np.interp(centres, seconds, values).astype(np.float32)
        voiced = values > 0
        pitch = np.exp(np.interp(centres, seconds[voiced], np.log(values[voiced])))
        nearest = np.abs(centres[:, None] - seconds[None]).argmin(1)
        return np.where(voiced[nearest], pitch, 0.0).astype(np.float32)

    def check(self, what: str) -> NDArray[np.float64]:
        """Return the values.

        Raises:
            InputError: not a list of finite numbers in the range of `what`, or times that do not rise.
        """
        values = numbers(what, self.values)
        if self.relative:
            wrong = np.abs(values) > FURTHEST[what]
        elif what == "f0":
            wrong = (values != 0) & ((values < LOWEST_F0) | (values > HIGHEST_F0))
        else:
            wrong = (values < -200) | (values > 20)
        if wrong.any():
            raise got(f"{what} value {int(wrong.argmax())}", float(values[wrong][0]), EXPECTED[what, self.relative])
        if self.seconds is not None:
            seconds = numbers(f"{what} seconds", self.seconds)
            if len(seconds) != len(values):
                raise got(what, f"{len(values)} values at {len(seconds)} seconds", "as many of both")
            if (np.diff(seconds) <= 0).any() or seconds[0] < 0:
                raise got(f"{what} seconds", "times that do not rise from 0 on", "each later than the one before")
        return values


def numbers(what: str, given: ArrayLike) -> NDArray[np.float64]:
    """Return a list of finite numbers, at least one."""
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise got(what, type(given).__name__, "a list of numbers") from error
    if values.ndim != 1 or not values.size:
        raise got(what, f"an array of shape {values.shape}", "one row of numbers")
    if not np.isfinite(values).all():
        place = int((~np.isfinite(values)).argmax())
        raise got(f"{what} value {place}", float(values[place]), "a finite number")
    return values


def curve_of(what: str, given: Curve | str | Path | ArrayLike) -> Curve:
    """Return the curve that is given: a `Curve`, a file of one, or an array of absolute values for each frame."""
    if isinstance(given, Curve):
        return given
    return read_curve(what, Path(given)) if isinstance(given, str | Path) else Curve(given)


MOST_CURVE = 64 * MIB


def read_curve(what: str, path: Path) -> Curve:
    """Read a file with `seconds` and either `absolute` or `relative`: columns of a CSV with a header, or lists in a
    JSON.

    Raises:
        InputError: names the file and what is wrong in it.
    """
    if path.suffix not in (".csv", ".json"):
        raise got(what, path, "a file that ends in .csv or .json")
    try:
        text = regular_file(path, what, MOST_CURVE).read_text(encoding="utf-8-sig")
        table = _columns(text) if path.suffix == ".csv" else json.loads(text)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{what} {path}: cannot be read ({error})") from error
    kinds = {"absolute", "relative"} & set(table) if isinstance(table, dict) else set()
    if len(kinds) != 1 or set(table) - kinds - {"seconds"}:
        shown = ", ".join(map(str, table)) if isinstance(table, dict) else type(table).__name__
        raise got(f"{what} {path}", shown, "seconds (optional) and either absolute or relative")
    kind = kinds.pop()
    curve = Curve(table[kind], table.get("seconds"), kind == "relative")
    try:
        curve.check(what)
    except InputError as error:
        raise InputError(f"{what} {path}: {error}") from error
    return curve


def _columns(text: str) -> dict[str, list[Any]]:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if not rows:
        raise ValueError("it is empty")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise ValueError(f"two columns have one name: {', '.join(names)}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(f"line {number} has {len(row)} columns, the header {len(names)}")
    return {name: [float(row[i]) for row in rows[1:]] for i, name in enumerate(names)}


class Contour(NamedTuple):
    """What a clip does around its own means over voiced frames: log F0 (filled through pauses) and energy, nats [L]."""

    pitch: NDArray[np.float64]
    energy: NDArray[np.float64]
    voiced: NDArray[np.bool_]


def contour_of(f0: NDArray[np.float32], energy: NDArray[np.float32]) -> Contour:
    """Make a contour of Hz per frame (0 unvoiced, at least one voiced) and log mel energy."""
    voiced = f0 > 0
    pitch = np.log(f0[voiced])
    filled = np.interp(np.arange(len(f0)), np.flatnonzero(voiced), pitch)
    return Contour(filled - pitch.mean(), energy - energy[voiced].mean(), voiced)


def proportional(voiced: Sequence[bool] | NDArray[np.bool_], clip: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Find for each frame of the speech its place in the clip: one voiced span is laid linearly upon the other."""
    mine, theirs = np.flatnonzero(voiced), np.flatnonzero(clip)
    return np.interp(np.arange(len(voiced)), [mine[0], max(mine[-1], mine[0] + 1)], [theirs[0], theirs[-1]])


def align_by_words(mel: NDArray[np.float32], clip: NDArray[np.float32]) -> NDArray[np.float64]:
    """Find for each frame its place in a clip of the same words.

    By dynamic time warping of mel cepstra (Sakoe & Chiba 1978).

    Args:
        mel, clip: natural-log mels [M, L] and [M, N].
    """
    import librosa
    from scipy.fft import dct

    def cepstra(x: NDArray[np.float32]) -> NDArray[np.float64]:
        made = dct(x, type=2, norm="ortho", axis=0)[1:14]
        return np.asarray(made - made.mean(1, keepdims=True), dtype=np.float64)

    path = librosa.sequence.dtw(cepstra(mel), cepstra(clip))[1]
    sums, counts = np.zeros(mel.shape[1]), np.zeros(mel.shape[1])
    np.add.at(sums, path[:, 0], path[:, 1])
    np.add.at(counts, path[:, 0], 1)
    return sums / counts
