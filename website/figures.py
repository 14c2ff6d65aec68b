"""`python website/figures.py`: the figures of the documents, drawn anew: docs/figures/architecture.svg."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
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


def draw_architecture(path: Path) -> None:
    """Draw what flows where, with the axes of `sovits_lab/types.py`."""
    plt.rcParams.update({"svg.hashsalt": "sovits_lab", "svg.fonttype": "none", "font.family": "sans-serif"})
    figure, axes = plt.subplots(figsize=(11, 5))
    for x, y, text, shape in BOXES.values():
        training = "training" in text or text == "posterior"
        box = FancyBboxPatch((x - 0.85, y - 0.42), 1.7, 0.84, boxstyle="round,pad=0.04", facecolor="#eef2f8",
                             edgecolor="#1a5fb4", linestyle="--" if training else "-")  # fmt: skip
        axes.add_patch(box)
        axes.text(x, y, text, ha="center", va="center", fontsize=9)
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
    axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def main() -> int:
    """Draw all figures."""
    draw_architecture(OUT / "architecture.svg")
    print(OUT / "architecture.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
