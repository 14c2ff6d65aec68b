"""`python website/run_figures.py RUN`: the report's picture and the trade-off curve of a whole run, for the documents.

Writes docs/figures/report.png (by Chromium), trade.svg, and run.json, which says of which run they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "figures"
WINDOW = (1100, 900)
PANELS = {"f0_shift": "F0 against neutral, semitones", "similarity_calibrated": "similarity, calibrated",
          "per.": "phones misread, share"}  # fmt: skip


def read_points(scores: dict[str, Any], emotion: str) -> dict[str, list[tuple[float, float, float, float]]]:
    """Read strength, value and interval of each panel's figure, of target voices where they are told apart."""
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    points = [f for f in scores["figures"] if f["strength"] is not None and f["emotion"] == emotion]
    groups = {f["group"] for f in points}
    points = [f for f in points if f["group"] == ("target" if "target" in groups else "all") and f["low"] is not None]
    for start in PANELS:
        names = sorted({f["name"] for f in points if f["name"].startswith(start)})
        mine = [f for f in points if names and f["name"] == names[0]]
        found[start] = sorted((f["strength"], f["value"], f["low"], f["high"]) for f in mine)
    return found


def draw_trade(scores: dict[str, Any], path: Path, emotion: str = "sad") -> None:
    """Draw what each strength buys in pitch, and what it costs in likeness and in words."""
    plt.rcParams.update({"svg.hashsalt": "sovits_lab", "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, len(PANELS), figsize=(10, 3), layout="constrained")
    for axis, (start, rows) in zip(axes, read_points(scores, emotion).items(), strict=True):
        strength, value, low, high = zip(*rows, strict=True) if rows else ((), (), (), ())
        axis.plot(strength, value, "o-", color="#1a5fb4")
        axis.fill_between(strength, low, high, color="#1a5fb4", alpha=0.2)
        axis.set_xlabel(f"strength of {emotion}")
        axis.set_title(PANELS[start], fontsize=10)
        axis.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def take_picture(page: Path, path: Path) -> bool:
    """Take a picture of a page by Chromium; False where there is none."""
    import shutil

    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        return False
    from tests.browser import open_browser

    with open_browser(*WINDOW) as driver:
        driver.get(page.resolve().as_uri())
        driver.execute_script("document.querySelector('header p').remove()")  # paths of this machine; see run.json
        driver.save_screenshot(str(path))
    return True


def main(words: list[str]) -> int:
    """Make the pictures of one run."""
    if len(words) != 1 or not (Path(words[0]) / "scores.json").is_file():
        sys.exit("usage: python website/run_figures.py RUN, the folder of a finished run")
    run = Path(words[0])
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    draw_trade(scores, OUT / "trade.svg")
    taken = take_picture(run / "report" / "index.html", OUT / "report.png")
    facts = {"experiment": run.resolve().parent.name, "run": run.resolve().name, "samples": scores["samples"],
             "commit": str(environment["git"]["commit"])[:7], "seed": environment.get("seed")}  # fmt: skip
    (OUT / "run.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    print(f"{OUT / 'trade.svg'}{', ' + str(OUT / 'report.png') if taken else '; no chromium, so no picture'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
