"""Pictures as inline SVG whose lines take the page's text colour, so that they read in light and in dark."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evaluation.prosody.measurement import HOP, RATE, measure_prosody
from evaluation.scoring.estimates import Estimate
from evaluation.style.vectors import StyleVectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

INK = "#123457"  # stands for the page's text colour until the SVG is written
COLOURS = ("#3b82f6", "#e4572e", "#f2b134", "#17a398", "#9b5de5", "#8d6a9f", "#6c757d", "#b56576")
MARKERS = "osD^vP*X<>phH8d"


class DrawnClip(NamedTuple):
    """A recording to draw and what to call it."""

    label: str
    wav: np.ndarray


def make_drawing(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Drawing, np.ndarray]:
    """Make a transparent figure without a window, its axes [rows, columns] in the page's ink."""
    from matplotlib.figure import Figure as Drawing

    canvas = Drawing(figsize=(width, height), layout="constrained")
    canvas.patch.set_alpha(0)
    axes = canvas.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_facecolor("none")
        axis.tick_params(colors=INK, labelsize=8)
        for spine in axis.spines.values():
            spine.set_color(INK)
            spine.set_alpha(0.4)
        for text in (axis.xaxis.label, axis.yaxis.label, axis.title):
            text.set_color(INK)
            text.set_fontsize(9)
    return canvas, axes


def render_svg(canvas: Drawing, salt: str) -> str:
    """Render a figure as an `<svg>` element; `salt` keeps the ids of several figures on one page apart."""
    import matplotlib

    memory = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}):
        canvas.savefig(memory, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = memory.getvalue()
    width = canvas.get_size_inches()[0]  # on a wide screen a picture is not blown up beyond half again its size
    scaled = text[text.index("<svg") :].replace("<svg ", f'<svg style="max-width: {9 * width:.0f}rem" ', 1)
    return scaled.replace(INK, "currentColor")


def draw_mel_and_pitch(voices: Sequence[DrawnClip]) -> str:
    """Draw mel spectrograms beside each other on one time scale, with F0 over them."""
    from evaluation.prosody.alignment import mel_decibels

    canvas, axes = make_drawing(3.1 * len(voices), 2.4, columns=len(voices))
    measured = [measure_prosody(voice.wav) for voice in voices]
    longest = max(one.duration for one in measured)
    for index, (axis, voice, found) in enumerate(zip(axes[0], voices, measured, strict=True)):
        mel = mel_decibels(found.wav)
        axis.imshow(
            mel.T,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-80,
            vmax=0,
            extent=(0, len(mel) * HOP / RATE, 0, mel.shape[1]),
        )
        axis.set(title=voice.label, xlim=(0, longest), yticks=[], xlabel="s")
        pitch = axis.twinx()
        time = (np.arange(len(found.contour)) + 0.5) * HOP / RATE
        pitch.plot(time, np.where(found.contour > 0, found.contour, np.nan), color="#5eead4", linewidth=1.6)
        pitch.set(ylim=(50, 400), yscale="log")
        pitch.minorticks_off()
        pitch.set_yticks([60, 100, 200, 400], ["60", "100", "200", "400 Hz"] if index == len(voices) - 1 else [""] * 4)
        pitch.tick_params(colors=INK, labelsize=8)
        for spine in pitch.spines.values():
            spine.set_visible(False)
    return render_svg(canvas, "mel" + voices[0].label)


def draw_style_space(style: StyleVectors) -> str:
    """Draw style vectors on their first two principal components: colour is emotion, shape is speaker."""
    from sklearn.decomposition import PCA

    model = PCA(2, random_state=0)
    points = model.fit_transform(style.vectors)
    canvas, axes = make_drawing(6.2, 4.2)
    axis = axes[0, 0]
    speakers = list(np.unique(style.labels.speaker))
    for colour, emotion in zip(_cycle(COLOURS), np.unique(style.labels.emotion), strict=False):
        for marker, speaker in zip(_cycle(tuple(MARKERS)), speakers, strict=False):
            chosen = (style.labels.emotion == emotion) & (style.labels.speaker == speaker)
            axis.scatter(*points[chosen].T, c=colour, marker=marker, s=26, alpha=0.8, linewidths=0)
        axis.scatter([], [], c=colour, marker="s", label=str(emotion))
    if len(speakers) <= 12:
        for marker, speaker in zip(_cycle(tuple(MARKERS)), speakers, strict=False):
            axis.scatter([], [], c="#888888", marker=marker, label=str(speaker))
    shares = 100 * model.explained_variance_ratio_
    axis.set(xlabel=f"first component ({shares[0]:.0f} % of variance)", ylabel=f"second ({shares[1]:.0f} %)")
    axis.legend(fontsize=7, frameon=False, labelcolor=INK, loc="center left", bbox_to_anchor=(1, 0.5))
    return render_svg(canvas, "style")


def draw_trade_off(points: Sequence[Estimate], emotion: str, error: str) -> str:
    """Draw strength against F0 shift, similarity and error rate: one line for each group, 95 % intervals as bands."""
    shown = [
        ("f0_shift", "F0 shift, semitones", 1.0),
        ("similarity", "similarity", 1.0),
        (error, "phone error rate, %", 100.0),
    ]
    shown = [one for one in shown if any(point.name == one[0] for point in points)]
    canvas, axes = make_drawing(3.1 * len(shown), 2.7, columns=len(shown))
    groups = sorted({point.group for point in points})
    for axis, (name, label, scale) in zip(axes[0], shown, strict=True):
        for colour, group in zip(_cycle(COLOURS), groups, strict=False):
            mine = [p for p in points if (p.name, p.group, p.emotion) == (name, group, emotion) and p.value is not None]
            mine.sort(key=lambda p: p.strength or 0)
            at = [p.strength for p in mine]
            axis.plot(at, [scale * (p.value or 0) for p in mine], color=colour, marker="o", markersize=4, label=group)
            band = [p for p in mine if p.low is not None and p.high is not None]
            lows, highs = [scale * (p.low or 0) for p in band], [scale * (p.high or 0) for p in band]
            axis.fill_between([p.strength for p in band], lows, highs, color=colour, alpha=0.18, linewidth=0)
        axis.set(title=label, xlabel="strength")
    axes[0, 0].legend(fontsize=8, frameon=False, labelcolor=INK)
    return render_svg(canvas, "trade" + emotion)


def _cycle(values: Sequence[str]) -> list[str]:
    return [values[i % len(values)] for i in range(64)]
