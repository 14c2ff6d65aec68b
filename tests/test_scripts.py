"""Scripts that no test runs, because they take recordings or hours, still import what there is."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("sovits_lab", "evaluation", "experiments", "website", "notebooks")
SCRIPTS = sorted(path for folder in ("experiments", "notebooks", "website", "deploy")
                 for path in (ROOT / folder).rglob("*.py"))  # fmt: skip


@cache
def names_of(module: str) -> frozenset[str]:
    """What a module defines or imports, with the modules of a package; nothing where there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    inside = {one.stem for one in path.iterdir()} if path.is_dir() else set()
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if source.is_file() else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            inside.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            inside |= {one.asname or one.name for one in node.names}
    return frozenset(inside)


def lacking(source: str) -> list[str]:
    """Names that a source imports from us and that are not there."""
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if (node.module or "").partition(".")[0] in OURS]
    return [f"{node.module}.{one.name}" for node in ours for one in node.names
            if one.name not in names_of(str(node.module))]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_imports_what_there_is(script: Path) -> None:
    assert lacking(script.read_text(encoding="utf-8")) == []


def test_a_name_that_is_gone_is_found() -> None:
    assert lacking("from evaluation.nowhere import a\nfrom sovits_lab.types import InputError, nothing") == [
        "evaluation.nowhere.a",
        "sovits_lab.types.nothing",
    ]
