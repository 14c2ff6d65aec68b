"""The transfer tables and the strength picture, for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.real_speech.signature import NAMES, UNITS
from evaluation.statistics import Interval
from evaluation.transfer.matrix import MatrixCell
from evaluation.transfer.signature import SignatureAgreement
from evaluation.transfer.strength import Monotonicity

HEAD = (
    "timbre", "style source", "emotion", "n (failed)", "heard right, %", "real recordings, %", "emotion gain",
    "gain of real recordings", "similarity to timbre minus to style speaker",
)  # fmt: skip


def markdown(
    cells: Sequence[MatrixCell],
    agreements: Sequence[SignatureAgreement],
    trends: Mapping[str, Monotonicity | str],
    excess: Mapping[str, Interval],
    notes: Sequence[str],
) -> str:
    """Write all tables; the judge of the emotion is a probe on real recordings of other speakers."""
    lines = ["# Emotion transfer", "", "Emotion judge: logistic regression on prosody and voice quality of "
             "real recordings, trained without the timbre and the style speaker.", "", "## Matrix", ""]  # fmt: skip
    lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += [  # single cells are in transfer.json: most hold one or two outputs
        f"| {c.timbre} | {c.style} | {c.emotion} | {c.accuracy.n} ({c.failed}) | {cell(c.accuracy, 1)} | "
        f"{cell(c.ceiling, 1)} | {cell(c.gain, 3)} | {cell(c.gain_ceiling, 3)} | {cell(c.similarity_margin, 3)} |"
        for c in cells
        if "all" in (c.timbre, c.style)
    ]
    lines += ["", "## Signature: change against own neutral", "", *_signatures(agreements), "", "## Strength", ""]
    lines += _strength(trends)
    lines += ["", "## Errors of emotional outputs minus those of true emotional recordings", ""]
    lines += [f"- {name}: {cell(one, 4)}" for name, one in excess.items()] or ["Not measured: no scores with truths."]
    lines += ["", "## Notes", "", *([f"- {note}" for note in notes] or ["None."])]
    return "\n".join(lines) + "\n"


def _signatures(agreements: Sequence[SignatureAgreement]) -> list[str]:
    lines = ["| emotion | cosine with real change | real speakers among themselves | slope | "
             + " | ".join(f"{name} ({unit}): system / real" for name, unit in zip(NAMES, UNITS, strict=True)) + " |",
             "|" + "---|" * (4 + len(NAMES))]  # fmt: skip
    for one in agreements:
        moved = [f"{one.system[name]:+.2f} / {cell(one.real[name], 2) if one.real else '-'}" for name in NAMES]
        lines.append(f"| {one.emotion} | {cell(one.cosine, 2)} | {cell(one.ceiling, 2)} | {cell(one.slope, 2)} | "
                     + " | ".join(moved) + " |")  # fmt: skip
    return lines


def _strength(trends: Mapping[str, Monotonicity | str]) -> list[str]:
    head = (
        "measure",
        "mean tau",
        "p (crossed)",
        "p (Page)",
        "series that never fall",
        "mean at each strength",
        "failed",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, one in trends.items():
        if isinstance(one, str):
            lines.append(f"| {name} | - ({one}) | - | - | - | - | - |")
            continue
        curve = ", ".join(f"{strength:g}: {value.estimate:.3g}" for strength, value in one.curve.items())
        page = "-" if one.page_p is None else f"{one.page_p:.3g}"
        p = f"- ({one.test.note})" if math.isnan(one.test.p) else f"{one.test.p:.3g}"
        lines.append(
            f"| {name} | {cell(one.tau, 2)} | {p} | {page} | {cell(one.monotone, 2)} | {curve} | {one.failed} |"
        )
    return lines


def cell(interval: Interval, digits: int) -> str:
    """Print an interval in a table, or a dash with the reason."""
    if math.isnan(interval.estimate):
        return f"- ({interval.note})"
    value = f"{interval.estimate:.{digits}f}"
    if math.isnan(interval.low):
        return f"{value} ({interval.note})"
    return f"{value} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def strength_picture(trends: Mapping[str, Monotonicity | str], path: Path) -> Path | None:
    """Draw the mean of each measure over strength with its interval; None when there is no series."""
    drawn = {name: one for name, one in trends.items() if not isinstance(one, str)}
    if not drawn:
        return None
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(drawn), figsize=(4.2 * len(drawn), 3.6), squeeze=False)
    for axis, (name, one) in zip(axes[0], drawn.items(), strict=True):
        values = list(one.curve.values())
        middle = [v.estimate for v in values]
        low = [v.estimate - v.low for v in values]
        high = [v.high - v.estimate for v in values]
        axis.errorbar(list(one.curve), middle, yerr=[low, high], fmt="o-", capsize=3)
        axis.set(title=name, xlabel="strength")
        axis.title.set_fontsize(8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
