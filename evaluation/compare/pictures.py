"""Pictures of several arms: learning curves, parallel coordinates, the trade between objectives; inline SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.compare.arms import ScoredRun
from evaluation.compare.best import ArmValue
from evaluation.compare.configs import ConfigDifference
from evaluation.compare.paired import ComparedFigure
from evaluation.report.pictures import INK, make_drawing, render_svg
from evaluation.report.wording import label, number

COLOURS = ("#3b82f6", "#e4572e", "#17a398", "#9b5de5", "#f2b134", "#b56576", "#6c757d", "#2a9d4a", "#d1495b", "#00798c")
FEWEST_POINTS, MOST_POINTS = 40, 150
COLUMNS = 4  # panels in a row
NOT_DRAWN = ("time/", "train/gradient_norm")
Curves = dict[str, dict[str, list[tuple[int, float]]]]  # stage -> name -> (step, value)


def choose_colour(index: int) -> str:
    """Choose the colour of an arm, the same in every picture."""
    return COLOURS[index % len(COLOURS)]


def read_curves(records: Iterable[Mapping[str, Any]]) -> Curves:
    """Read the values over steps of every stage that has more than one step."""
    found: Curves = {}
    for record in records:
        for key, value in record.items():
            if key not in ("stage", "step", "seconds") and not key.startswith(NOT_DRAWN) and value is not None:
                found.setdefault(record["stage"], {}).setdefault(key, []).append((record["step"], value))
    long = {stage: {k: v for k, v in names.items() if len(v) > 1} for stage, names in found.items()}
    return {stage: names for stage, names in long.items() if names}


def draw_curves(stage: str, arms: Sequence[ScoredRun], found: Sequence[Curves]) -> str:
    """Draw all curves of a stage, one panel each, one colour for each arm; training is faint where validation shows the
    same.
    """
    names = list(dict.fromkeys(name for one in found for name in one.get(stage, {})))
    panels = sorted({name.partition("/")[2] or name for name in names}, key=lambda name: (name != "total", name))
    rows = -(-len(panels) // COLUMNS)
    columns = min(COLUMNS, len(panels))
    canvas, axes = make_drawing(2.7 * columns, 1.9 * rows, rows, columns)
    most = min(MOST_POINTS, max(FEWEST_POINTS, 600 // len(arms)))
    for axis, panel in zip(axes.flat, panels, strict=False):
        seen_twice = f"train/{panel}" in names and f"valid/{panel}" in names
        for index, one in enumerate(found):
            for name, points in one.get(stage, {}).items():
                if (name.partition("/")[2] or name) == panel:
                    faint = seen_twice and name.startswith("train/")
                    x, y = _thinned(points, most).T
                    axis.plot(
                        x, y, color=choose_colour(index), linewidth=0.8 if faint else 1.5, alpha=0.35 if faint else 0.95
                    )
        axis.set(title=panel)
        _clip(axis, [v for one in found for n, p in one.get(stage, {}).items() if n.endswith(panel) for _, v in p])
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    return render_svg(canvas, f"curves{stage}")


def draw_parallel(
    arms: Sequence[ScoredRun],
    varied: Sequence[ConfigDifference],
    chosen: Sequence[ComparedFigure],
    table: Sequence[Sequence[ArmValue]],
    highlighted: Iterable[int],
) -> str:
    """Draw an axis for each key that differs and each measure (better is up), and a line for each arm; the front is
    bold.
    """
    axes_of: list[tuple[str, list[float], list[tuple[float, str]]]] = []
    for one in varied:
        axes_of.append((one.key.rpartition(".")[2], *_config_axis(one.values)))
    for j, measure in enumerate(chosen):
        axes_of.append((_wrapped(measure), *_measure_axis(measure, [row[j] for row in table])))
    canvas, grid = make_drawing(max(6.0, 1.35 * len(axes_of) + 1), 3.6)
    axis, bold = grid[0, 0], set(highlighted)
    for index, arm in enumerate(arms):
        heights = [heights[index] for _, heights, _ in axes_of]
        width, alpha = (2.4, 1.0) if index in bold else (1.2, 0.7)
        axis.plot(range(len(axes_of)), heights, color=choose_colour(index), linewidth=width, alpha=alpha, marker="o",
                  markersize=3.5, label=arm.label)  # fmt: skip
    for place, (_, _, ticks) in enumerate(axes_of):
        axis.axvline(place, color=INK, linewidth=0.6, alpha=0.5)
        for height, text in ticks:
            axis.annotate(text, (place, height), (4, 5), textcoords="offset points", fontsize=9, color=INK)
    axis.set_xticks(range(len(axes_of)), [name for name, _, _ in axes_of], fontsize=9)
    axis.set(yticks=[], xlim=(-0.2, len(axes_of) - 0.35), ylim=(-0.08, 1.1))
    for side in ("top", "right", "left", "bottom"):
        axis.spines[side].set_visible(False)
    return render_svg(canvas, "parallel")


def draw_trade(
    arms: Sequence[ScoredRun],
    chosen: Sequence[ComparedFigure],
    table: Sequence[Sequence[ArmValue]],
    highlighted: set[int],
) -> str:
    """Draw every two objectives against each other with 95 % intervals; ringed arms are on the front."""
    couples = [(i, j) for i in range(len(chosen)) for j in range(i + 1, len(chosen))]
    canvas, axes = make_drawing(3.4 * len(couples), 3.0, columns=len(couples))
    for axis, (i, j) in zip(axes[0], couples, strict=True):
        for index, row in enumerate(table):
            x, y = row[i], row[j]
            if x.value is None or y.value is None:
                continue
            axis.errorbar(
                x.value, y.value, xerr=_error(x), yerr=_error(y), color=choose_colour(index), alpha=0.4, linewidth=1
            )
            axis.plot(x.value, y.value, "o", color=choose_colour(index), markersize=6)
            if index in highlighted:
                axis.plot(x.value, y.value, "o", markerfacecolor="none", markeredgecolor=INK, markersize=11)
            if len(arms) > len(COLOURS):
                axis.annotate(
                    str(index + 1), (x.value, y.value), (5, 4), textcoords="offset points", fontsize=7, color=INK
                )
        axis.set(xlabel=_wrapped(chosen[i]), ylabel=_wrapped(chosen[j]))
    return render_svg(canvas, "trade")


def _thinned(points: Sequence[tuple[int, float]], most: int) -> np.ndarray:
    """At most `most` points [N, 2], each the mean of its neighbours."""
    array = np.asarray(points, dtype=float)
    parts = np.array_split(array, min(most, len(array)))
    return np.stack([part.mean(axis=0) for part in parts])


def _clip(axis: Any, values: Sequence[float]) -> None:
    """Leave the first steps' peaks out of the picture when they would flatten the rest."""
    if len(values) > 20:
        low, high = np.quantile(values, [0.0, 0.97])
        room = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
        axis.set_ylim(low - room, high + room)


def _config_axis(values: Sequence[str]) -> tuple[list[float], list[tuple[float, str]]]:
    try:
        numbers = [float(value) for value in values]
        order = sorted(set(numbers))
        names = dict(zip(numbers, values, strict=True))
    except ValueError:
        return _steps(list(values))
    low, high = order[0], order[-1]
    heights = [(n - low) / (high - low) if high > low else 0.5 for n in numbers]
    shown = order if len(order) <= 6 else [low, high]
    return heights, [((n - low) / (high - low) if high > low else 0.5, names[n][:14]) for n in shown]


def _steps(values: list[str]) -> tuple[list[float], list[tuple[float, str]]]:
    order = sorted(set(values))
    place = {value: i / max(1, len(order) - 1) for i, value in enumerate(order)}
    return [place[value] for value in values], [(at, value[:14]) for value, at in place.items()]


def _measure_axis(measure: ComparedFigure, entries: Sequence[ArmValue]) -> tuple[list[float], list[tuple[float, str]]]:
    known = [one.bad for one in entries if one.bad is not None]
    if not known:
        return [0.5] * len(entries), []
    worst, best = max(known), min(known)
    if worst == best:
        shown = next(one.value for one in entries if one.bad == best)
        return [0.5] * len(entries), [(0.5, number(measure.name, shown))]
    heights = [np.nan if one.bad is None else (worst - one.bad) / (worst - best) for one in entries]
    ends = {one.bad: one.value for one in entries}
    return heights, [(0.0, number(measure.name, ends[worst])), (1.0, number(measure.name, ends[best]))]


def _wrapped(measure: ComparedFigure) -> str:
    import textwrap

    place = "" if (measure.group, measure.emotion) == ("all", "all") else f" ({measure.group}, {measure.emotion})"
    return textwrap.fill(label(measure.name) + place, 17)


def _error(one: ArmValue) -> list[list[float]] | None:
    if one.value is None or one.low is None or one.high is None:
        return None
    return [[max(0.0, one.value - one.low)], [max(0.0, one.high - one.value)]]
