"""`python website/figures.py`: the drawings of the documents, made anew: docs/figures/architecture.svg, stages.svg."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUT = Path(__file__).resolve().parents[1] / "docs" / "figures"
# name: (x, y, lines, shape of what leaves it)
BOXES = {
    "text": (0.0, 4.0, "text", ""),
    "frontend": (2.2, 4.0, "front end", "phones  B P"),
    "style": (0.0, 2.0, "style clip", "mel  B L M"),
    "reference": (2.2, 2.0, "reference\nencoder", "style  B D"),
    "speaker": (0.0, 0.0, "speaker clip", "mel  B L M"),
    "voice": (2.2, 0.0, "speaker\nencoder", "speaker  B D"),
    "gpt": (5.0, 3.0, "GPT", "tokens  B S   (25 Hz)"),
    "prior": (8.2, 3.0, "prior", "mean, deviation\nB C L   (L = 2 S)"),
    "flow": (8.2, 1.2, "flow", "latents  B C L"),
    "head": (8.2, -0.5, "head", "wav  B T"),
    "recorded": (11.4, 1.4, "recorded speech\n(training)", "spec  B F L"),
    "posterior": (11.4, 3.0, "posterior", "latents  B C L"),
    "content": (5.0, 0.4, "content encoder\n+ quantizer\n(training)", "tokens  B S"),
}
AXES = "B batch   P phones   S tokens   L frames   T samples   C channels\nF bins   M mel bins   D width"
ARROWS = [
    ("text", "frontend"), ("style", "reference"), ("speaker", "voice"), ("frontend", "gpt"), ("reference", "gpt"),
    ("voice", "gpt"), ("gpt", "prior"), ("prior", "flow"), ("flow", "head"), ("recorded", "posterior"),
    ("posterior", "flow"), ("content", "gpt"),
]  # fmt: skip
# name: (x, y, lines)
STAGES = {
    "corpus": (0.0, 2.0, "corpus"),
    "features": (2.2, 2.0, "features"),
    "judge": (3.4, 4.6, "independent\nrecogniser"),
    "content": (4.6, 3.2, "content\ntokenizer"),
    "speaker": (4.6, 1.6, "speaker\nencoder"),
    "style": (4.6, 0.2, "reference\nencoder"),
    "tokens": (7.0, 3.2, "tokens"),
    "gpt": (9.4, 2.8, "GPT"),
    "sovits": (9.4, 0.8, "SoVITS"),
    "bundle": (11.8, 2.0, "bundle"),
    "samples": (14.2, 2.0, "samples"),
    "scores": (14.2, 4.6, "scores"),
    "report": (16.6, 4.6, "report"),
}
FEEDS = [
    ("corpus", "features"), ("features", "judge"), ("features", "content"), ("features", "speaker"),
    ("features", "style"), ("content", "tokens"), ("tokens", "gpt"), ("tokens", "sovits"), ("speaker", "gpt"),
    ("speaker", "sovits"), ("style", "gpt"), ("style", "sovits"), ("gpt", "bundle"), ("sovits", "bundle"),
    ("bundle", "samples"), ("samples", "scores"), ("judge", "scores"), ("scores", "report"),
]  # fmt: skip


def drawn_box(axes: Axes, x: float, y: float, text: str, dashed: bool = False) -> FancyBboxPatch:
    """Draw a box around its text."""
    box = FancyBboxPatch((x - 0.85, y - 0.42), 1.7, 0.84, boxstyle="round,pad=0.04", facecolor="#eef2f8",
                         edgecolor="#1a5fb4", linestyle="--" if dashed else "-")  # fmt: skip
    axes.add_patch(box)
    axes.text(x, y, text, ha="center", va="center", fontsize=9)
    return box


def save_drawing(figure: Figure, path: Path) -> None:
    """Write a drawing without its axes, the same bytes each time."""
    figure.axes[0].set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def draw_stages(path: Path) -> None:
    """Draw which stage of an experiment takes what from which."""
    figure, axes = plt.subplots(figsize=(12, 3.8))
    boxes = {name: drawn_box(axes, *place) for name, place in STAGES.items()}
    for first, second in FEEDS:
        arrow = FancyArrowPatch(STAGES[first][:2], STAGES[second][:2], arrowstyle="-|>", mutation_scale=11,
                                color="#1c2230", linewidth=1, patchA=boxes[first], patchB=boxes[second], shrinkA=2,
                                shrinkB=2)  # fmt: skip
        axes.add_patch(arrow)
    axes.set_xlim(-1.1, 17.7)
    axes.set_ylim(-0.5, 5.3)
    save_drawing(figure, path)


def draw_architecture(path: Path) -> None:
    """Draw what flows where, with the axes of `sovits_lab/types.py`."""
    figure, axes = plt.subplots(figsize=(11, 5))
    for x, y, text, shape in BOXES.values():
        drawn_box(axes, x, y, text, dashed="training" in text or text == "posterior")
        axes.text(x, y - 0.55, shape, ha="center", va="top", fontsize=7.5, color="#5b6475")
    for first, second in ARROWS:
        (x0, y0), (x1, y1) = BOXES[first][:2], BOXES[second][:2]
        start = (x0 + 0.92, y0) if x1 > x0 + 1 else (x0, y0 - 0.95) if y1 < y0 else (x0, y0 + 0.46)
        end = (
            (x1 - 0.92, y1)
            if x1 > x0 + 1
            else (x1 + 0.92, y1)
            if x1 < x0 - 1
            else (x1, y1 + 0.46 if y1 < y0 else y1 - 0.8)
        )
        if x1 < x0 - 1:
            start = (x0 - 0.92, y0)
        axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color="#1c2230", linewidth=1))
    axes.text(
        9.8,
        -1.6,
        "style and speaker also reach prior, flow and head (style_sites)",
        ha="center",
        fontsize=7.5,
        color="#5b6475",
    )
    axes.text(0.9, -1.35, AXES,
              ha="center", va="center", fontsize=7.5, color="#5b6475")  # fmt: skip
    axes.set_xlim(-1.1, 12.6)
    axes.set_ylim(-1.8, 4.7)
    save_drawing(figure, path)


def main() -> int:
    """Draw all figures."""
    plt.rcParams.update({"svg.hashsalt": "sovits_lab", "svg.fonttype": "none", "font.family": "sans-serif"})
    for name, draw in {"architecture": draw_architecture, "stages": draw_stages}.items():
        draw(OUT / f"{name}.svg")
        print(OUT / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
