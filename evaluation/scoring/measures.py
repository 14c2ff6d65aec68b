"""One record for each measure: its name, unit, direction and wording, who measures it, and where it is used.

A module declares its measures when it is imported; figures, tables, comparisons, dashboards and the torchmetrics
objects read the records. `evaluation.catalogue` imports every module of the suite that declares any.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Better = Literal["lower", "higher", "near", "none"]
Use = Literal["slices", "agreement", "curve", "overview"]
Compute = Callable[[np.ndarray, np.ndarray | None], float | None]

INTELLIGIBILITY = "Intelligibility"
AGREEMENT = "Agreement with the parallel truth"
SPEAKER = "Speaker"
TRANSFER = "Transfer of emotion"
STYLE = "Style vectors"
EMOTION = "Emotion"
SOUND = "Sound"
ROBUSTNESS = "Robustness and speed"
OTHER = "Other"
SECTIONS = (INTELLIGIBILITY, AGREEMENT, SPEAKER, TRANSFER, STYLE, EMOTION, SOUND, ROBUSTNESS, OTHER)
SHARE = "share"  # 0 to 1, printed in percent
SHORT_UNITS = {"semitones": "st"}


@dataclass(frozen=True)
class Measure:
    """What the suite knows about one measure.

    Attributes:
        name: name of the figure; in figures the judge's name may follow after a dot.
        label: the name in words; empty: the name with spaces.
        section: heading of the report under which it stands.
        better: lower, higher, near (to the truth) or none.
        unit: "share" for 0 to 1, printed in percent; semitones, dB, ...; empty for a plain number.
        signed: a difference, printed with its sign.
        row: metric of the measurements that the figure is a mean of, where that has another name.
        construct: of what the measure is evidence when judges are tried on known damage; empty: it is not tried.
        uses: "slices" (means by speaker, emotion and length), "agreement" (held against other judges), "curve" (drawn
            over strength), "overview" (on dashboards).
        rank: place among the measures by which the worst outputs are found, 1 first; 0: not among them.
        note: short name beside a sound; empty: it is not shown there.
        scorer: "sound" when `evaluation.quality.scorer.SoundScorer` measures it by `compute`.
        compute: value of one recording [T] at 16 kHz and of its true recording, None where it cannot be measured.
        needs_truth: whether `compute` needs the true recording.
        worst: what an output that failed is scored as, for measures with `compute`.
        version: raise it when `compute` changes, so that the cache is not believed.
    """

    name: str
    label: str = ""
    section: str = OTHER
    better: Better = "none"
    unit: str = ""
    signed: bool = False
    row: str = ""
    construct: str = ""
    uses: tuple[Use, ...] = ()
    rank: int = 0
    note: str = ""
    scorer: str = ""
    compute: Compute | None = None
    needs_truth: bool = False
    worst: float = 0.0
    version: str = "1"

    @property
    def title(self) -> str:
        """The name in words."""
        return self.label or self.name.replace("_", " ")

    @property
    def sign(self) -> int:
        """-1 where lower is better, else 1: values times this are better when larger."""
        return -1 if self.better == "lower" else 1

    def format(self, value: float | None) -> str:
        """Print a value: percent, a signed difference with its unit, or three decimals; a dash where there is none."""
        if value is None:
            return "–"
        if self.unit == SHARE:
            return f"{100 * value:.1f} %"
        if self.signed:
            return f"{value:+.2f} {SHORT_UNITS.get(self.unit, self.unit)}".replace("-", "−")
        return f"{value:.3f}"

    def format_change(self, value: float) -> str:
        """Print a difference of two values with its sign; percentage points for shares."""
        text = f"{100 * value:+.1f}" if self.unit == SHARE else f"{value:+.3f}"
        return text.replace("-", "−")


_declared: dict[str, Measure] = {}


def declare(*measures: Measure) -> tuple[Measure, ...]:
    """Make measures known to the whole suite; two records under one name are a programmer's error."""
    for one in measures:
        assert one.name not in _declared or _same(_declared[one.name], one), f"measure {one.name} is declared twice"
        _declared[one.name] = one
    return measures


def _same(first: Measure, second: Measure) -> bool:
    """Tell whether two records come from one declaration, such as a module that was loaded again."""
    return getattr(first.compute, "__qualname__", None) == getattr(second.compute, "__qualname__", None)


def load_package(package: str) -> None:
    """Import every module of a package, so that its measures are declared."""
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__):
        importlib.import_module(f"{package}.{module.name}")


def list_measures() -> list[Measure]:
    """List the declared measures in the order of their declaration."""
    return list(_declared.values())


def is_declared(name: str) -> bool:
    """Tell whether a figure's name, or what stands before one of its dots, is declared."""
    return _lookup(name) is not None


def find_measure(name: str) -> Measure:
    """Find the record of a figure or of a measurement's metric.

    Parts after a dot (normaliser, judge) are left off from the right until a declared name is found. A name that nobody
    declared gets a record without a direction.
    """
    return _lookup(name) or Measure(name)


def _lookup(name: str) -> Measure | None:
    while name not in _declared:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return None
    return _declared[name]


def direction(name: str) -> Better:
    """Tell which way is better for a figure or a measurement's metric; "none" for a name that nobody declared."""
    return find_measure(name).better


def badness(name: str, value: float, truth: float | None = None) -> float | None:
    """Turn a value so that less is better; None where no way is better or the truth it should be near is unknown."""
    way = direction(name)
    if way == "near":
        return None if truth is None else abs(value - truth)
    return {"lower": value, "higher": -value}.get(way)
