"""Finding the packages of a language, with one clear message when its extra is missing."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from sovits_lab.types import InputError


def _missing(package: str, extra: str | None) -> InputError:
    wanted = f"sovits-lab[{extra}]" if extra else "sovits-lab"
    return InputError(f"language: the package {package} is missing; install it with: pip install '{wanted}'")


def require(package: str, extra: str) -> ModuleType:
    """Import a package of a language now; an InputError says which extra brings it."""
    if find_spec(package.partition(".")[0]) is None:
        raise _missing(package, extra)
    return importlib.import_module(package)


def package_folder(package: str, extra: str | None = None) -> Path:
    """Return where an installed package lies, without importing it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise _missing(package, extra)
    return Path(found.origin).parent
