"""What a stage's result depends on, as a hash: its config, its inputs, and the code that it can reach.

The code of a stage is the static import closure of the modules that its config names. Comments, docstrings and layout
do not count: each module enters as its syntax tree.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sovits_lab.pipeline.syntax import keep_syntax, read_syntax
from sovits_lab.plugins import trusted_packages

OURS = frozenset({"sovits_lab", "evaluation"})

# Packages that run, watch or record a stage and cannot change what it computes: editing them costs no training.
# `reporting` and `types` hold the contracts through which stages speak to them.
NOT_HASHED = (
    "sovits_lab.pipeline",
    "sovits_lab.tracking",
    "sovits_lab.training.monitors",
    "sovits_lab.reporting",
    "sovits_lab.types",
)


def digest(value: object) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of `value`: sorted keys, no spaces, no NaN."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def targets(node: object) -> Iterator[str]:
    """Yield every `_target_` in a config node, in order of appearance."""
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from targets(value)


def code_digest(node: Mapping[str, Any]) -> str:
    """Hash the code that the targets of a stage's node reach, within our packages and the package of the stage."""
    packages = OURS | {str(node["_target_"]).partition(".")[0]} | frozenset(trusted_packages())
    ours = [target for target in targets(node) if target.partition(".")[0] in packages]
    modules = closure((name for name in map(_module_of, ours) if name is not None), packages)
    found = digest({name: _syntax(path).content for name, path in modules.items()})
    keep_syntax()
    return found


def closure(names: Iterable[str], packages: frozenset[str]) -> dict[str, Path]:
    """Map module name to file for all that `names` import, directly or not, within `packages`, sorted by name.

    Imports inside functions count; those under `if TYPE_CHECKING:` do not. A parent package counts only where it is
    itself imported: front doors (`__init__`) would otherwise tie every stage to every module.
    """
    found: dict[str, Path] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found or not _computes(name) or name.partition(".")[0] not in packages:
            continue
        path = source(name)
        if path is None:
            continue
        found[name] = path
        todo.extend(_imports(name, path))
    return dict(sorted(found.items()))


def _computes(module: str) -> bool:
    return not any(module == package or module.startswith(package + ".") for package in NOT_HASHED)


@cache
def source(module: str) -> Path | None:
    """Return the Python file of a module, found without importing anything; None when there is no such file."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if not rest and spec.origin and spec.origin.endswith(".py") else None
    for root in spec.submodule_search_locations:
        base = Path(root).joinpath(*rest)
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file() and (rest or path.name == "__init__.py"):
                return path
    return None


def _module_of(target: str) -> str | None:
    """`package.module.Class` or `package.module.Class.method` -> `package.module`."""
    parts = target.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        if source(name) is not None:
            return name
    return None


@cache
def _imports(module: str, path: Path) -> tuple[str, ...]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for statement in _syntax(path).imports:
        if not statement.base:
            names.extend(statement.names)
            continue
        base = importlib.util.resolve_name(statement.base, package)
        # `from package import thing`: a submodule is the thing itself, anything else comes from the package.
        submodules = [f"{base}.{name}" for name in statement.names if source(f"{base}.{name}")]
        names.extend(submodules)
        if len(submodules) < len(statement.names):
            names.append(base)
    return tuple(names)


_syntax = cache(read_syntax)
