"""What the pages about extensions show: the code blocks, and a way to put a file into a package for one test."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Code blocks of a page in one language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)


def add_module(monkeypatch, package: str, folder: Path, name: str, text: str) -> None:
    """Make a module of a package from a file in another folder, until the test ends."""
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    root = importlib.import_module(package)
    monkeypatch.setattr(root, "__path__", [*root.__path__, str(folder)])
    monkeypatch.setitem(sys.modules, f"{package}.{name}", None)
    monkeypatch.delitem(sys.modules, f"{package}.{name}")
    monkeypatch.delattr(root, name, raising=False)
    importlib.invalidate_caches()


def run_tests(text: str) -> int:
    """Run the test functions of a code block; how many there were."""
    names: dict[str, object] = {}
    exec(compile(text, "block", "exec"), names)
    tests = [one for name, one in names.items() if name.startswith("test_")]
    for one in tests:
        one()
    return len(tests)
