"""`python experiments/conversion/collect.py ARM=FOLDER...`: results/main.csv from what `evaluation conversion` found.

FOLDER holds `conversion.json`. Of ARM the rows are `ARM, conversion/FIGURE`, `ARM, own voice/FIGURE` and `ARM,
source/FIGURE`; they take the place of those that the arm had.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import run_script
from experiments.results import Result, bounded, commit_here, write_results
from sovits_lab.types import got

PERCENT = ("verified", "word error rate", "as a share")
ABOVE = re.compile(r"(?P<way>[a-z ]+): (?P<share>\d+) % of what the source has above chance")


def rows_of(arm: str, folder: Path, commit: str) -> list[Result]:
    """Return the rows of an arm.

    Raises:
        InputError: the folder has no results.
    """
    path = folder / "conversion.json"
    if not path.is_file():
        raise got(arm, folder, "a folder with conversion.json")
    rows: list[Result] = []
    for figure in json.loads(path.read_text(encoding="utf-8"))["figures"]:
        name, percent = figure["name"], any(word in figure["name"] for word in PERCENT)
        for way, one in figure["arms"].items():
            if one["estimate"] is not None:
                bounds = ((100 if percent else 1) * (float("nan") if one[key] is None else one[key])
                          for key in ("estimate", "low", "high"))  # fmt: skip
                rows.append(Result("conversion", f"{arm}, {way}/{name}", f"{name} ({figure['judge']})",
                                   "%" if percent else "", "1 run", **bounded(*bounds), truth="", commit=commit,
                                   n=str(one["n"])))  # fmt: skip
        for found in ABOVE.finditer(figure["note"]):
            rows.append(Result("conversion", f"{arm}, {found['way'].strip()}/above chance",
                               "share of what the source has above chance", "%", "1 run", found["share"], "", "", "",
                               commit))  # fmt: skip
    return rows


def main(argv: list[str]) -> None:
    """Write the rows of all arms."""
    given = dict(word.split("=", 1) for word in argv if "=" in word)
    if not given or len(given) < len(argv):
        raise got("arms", " ".join(argv), "ARM=FOLDER, one or more")
    commit = commit_here()
    rows = [row for arm, folder in given.items() for row in rows_of(arm, Path(folder), commit)]
    print(write_results("conversion", rows, instead_of=[f"{arm}, " for arm in given]))


if __name__ == "__main__":
    run_script(main)
