"""What the fingerprint of a stage takes from Python files, remembered from one command to the next.

To parse all modules that a training reaches takes two seconds of every command, and few of them change. So what was
found is kept in the user's cache, by the bytes that were read: it holds for them wherever they lie.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sovits_lab.pipeline.files import write_text
from sovits_lab.user_cache import cache_folder

DATA_SUFFIXES = frozenset({".json", ".tsv", ".txt"})
MOST_KEPT = 3000  # modules: some versions of the project
_NEW: dict[str, ModuleSyntax] = {}


class ImportStatement(NamedTuple):
    """`from BASE import NAMES`, with the dots of a relative one; of `import NAMES` the base is empty."""

    base: str
    names: tuple[str, ...]


class ModuleSyntax(NamedTuple):
    """What counts of a module.

    Attributes:
        content: hash of its syntax tree without docstrings, and of the data files beside it.
        imports: the statements that are executed, those inside functions too.
    """

    content: str
    imports: tuple[ImportStatement, ...]


def read_syntax(path: Path) -> ModuleSyntax:
    """Read a Python file, or remember what was found in the same bytes before; `keep_syntax` keeps it for others."""
    text, data = path.read_bytes(), _data_beside(path.parent)
    key = _key(text, data)
    if key not in _known():
        _known()[key] = _NEW[key] = _parse(text, data, path)
    return _known()[key]


def keep_syntax() -> None:
    """Write what this process has parsed into the cache; where that cannot be written, every command parses anew."""
    if not _NEW:
        return
    with suppress(OSError, RuntimeError):  # not ours to write, a full disk, nobody's home
        kept = {**_read(_place()), **_NEW}
        write_text(_place(), json.dumps(dict(list(kept.items())[-MOST_KEPT:])))
    _NEW.clear()


@cache
def _known() -> dict[str, ModuleSyntax]:
    """Key -> what was found, by this process or others before."""
    with suppress(RuntimeError):
        return _read(_place())
    return {}


def _place() -> Path:
    return cache_folder("syntax") / f"{sys.implementation.cache_tag}.json"


def _read(path: Path) -> dict[str, ModuleSyntax]:
    """What a file holds; nothing where it is absent or damaged."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads(path.read_bytes())
        return {
            key: ModuleSyntax(str(content), tuple(ImportStatement(str(base), tuple(names)) for base, names in imports))
            for key, (content, imports) in found.items()
        }
    return {}


@cache
def _data_beside(folder: Path) -> list[tuple[bytes, bytes]]:
    """Name and content of each data file in a folder."""
    files = sorted(folder.iterdir())
    return [(f.name.encode(), f.read_bytes()) for f in files if f.suffix in DATA_SUFFIXES and f.is_file()]


def _key(text: bytes, data: list[tuple[bytes, bytes]]) -> str:
    """Hash of all that a result follows from: what was read, this module and Python."""
    hashed = hashlib.sha256(sys.version.encode())
    for part in (Path(__file__).read_bytes(), text, *(part for pair in data for part in pair)):
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()


def _parse(text: bytes, data: list[tuple[bytes, bytes]], path: Path) -> ModuleSyntax:
    tree = ast.parse(text, filename=str(path))
    imports = tuple(_import_statements(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                node.body = body[1:]
    hashed = hashlib.sha256(ast.dump(tree).encode())
    for name, content in data:
        hashed.update(name + content)
    return ModuleSyntax(hashed.hexdigest(), imports)


def _import_statements(tree: ast.AST) -> Iterator[ImportStatement]:
    for node in _runtime_nodes(tree):
        if isinstance(node, ast.Import):
            yield ImportStatement("", tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            yield ImportStatement("." * node.level + (node.module or ""), tuple(alias.name for alias in node.names))


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes except the bodies of `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield other
                yield from _runtime_nodes(other)
            continue
        yield child
        yield from _runtime_nodes(child)
