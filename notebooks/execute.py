"""`python notebooks/execute.py [NAME...]`: run the notebooks and write each as .ipynb with what it printed and drew.

A notebook is a Python file in the percent form, which editors and Jupytext open as a notebook. It runs in the folder of
the repository. An error ends with 1 and names the cell.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
MARK = "# %%"


class NotebookCell(NamedTuple):
    """One cell: whether it is text, and its source."""

    text: bool
    source: str


def read_cells(path: Path) -> Iterator[NotebookCell]:
    """Read the cells of a percent file."""
    for block in path.read_text(encoding="utf-8").split(MARK)[1:]:
        head, _, body = block.partition("\n")
        text = "[markdown]" in head
        source = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines()) if text else body
        yield NotebookCell(text, source.strip("\n"))


def execute(path: Path, changes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a notebook; return it with its outputs, in the form of .ipynb (version 4.5).

    Args:
        path: the percent file.
        changes: lines to put in place of others, such as a folder.

    Raises:
        RuntimeError: a cell failed; the cause is what it raised.
    """
    space: dict[str, Any] = {"__name__": "__main__"}
    cells = []
    for number, cell in enumerate(read_cells(path)):
        made: dict[str, Any] = {"id": f"cell{number}", "metadata": {}, "source": cell.source}
        if cell.text:
            cells.append({"cell_type": "markdown", **made})
            continue
        source = cell.source
        for old, new in (changes or {}).items():
            source = source.replace(old, new)
        try:
            outputs = _run(source, space, f"{path.name}, cell {number}")
        except Exception as error:
            raise RuntimeError(f"{path.name}, cell {number}: {type(error).__name__}: {error}") from error
        cells.append({"cell_type": "code", "execution_count": None, "outputs": outputs, **made})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _run(source: str, space: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What a cell printed, then what it drew."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(ast.parse(source), name, "exec"), space)  # noqa: S102  our own notebook, of this repository
    outputs: list[dict[str, Any]] = []
    if said.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": said.getvalue()})
    for number in plt.get_fignums():
        memory = io.BytesIO()
        plt.figure(number).savefig(memory, format="png", dpi=70, bbox_inches="tight", metadata={"Software": None})
        picture = base64.b64encode(memory.getvalue()).decode("ascii")
        outputs.append({"output_type": "display_data", "data": {"image/png": picture}, "metadata": {}})
    plt.close("all")
    return outputs


def main(words: list[str]) -> int:
    """Run notebooks by name, or all."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    here = Path(__file__).parent
    chosen = [here / f"{word.removesuffix('.py')}.py" for word in words] or sorted(here.glob("[a-z]*_*.py"))
    for path in chosen:
        try:
            made = execute(path)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        target = path.with_suffix(".ipynb")
        target.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
