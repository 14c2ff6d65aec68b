"""Packages that are installed with an extra: which one brings a module that is not there."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

OWN = "sovits-lab"
# Modules that are called otherwise than the package that brings them.
PACKAGES = {
    "c2pa": "c2pa-python",
    "hibari": "hibari-tts",
    "jwt": "pyjwt",
    "multipart": "python-multipart",
    "opentelemetry": "opentelemetry-sdk",
    "pyopenjtalk": "pyopenjtalk-plus",
    "starlette": "fastapi",
    "umap": "umap-learn",
}
FOR_DEVELOPERS = ("dev", "docs")


def extras_of(module: str) -> list[str]:
    """Return the extras that bring a module, such as `jwt.api_jws`; none for what no extra brings."""
    root = module.partition(".")[0]
    package = PACKAGES.get(root, root).lower().replace("_", "-")
    found = set()
    for line in _requirements():
        name = re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
        extra = re.search(r"""extra == ["']([\w-]+)["']""", line)
        if name == package and extra and extra[1] not in FOR_DEVELOPERS:
            found.add(extra[1])
    return sorted(found)


def missing_extra(error: BaseException) -> str:
    """Return in one line which extra lacks where an import failed for one; empty for other errors."""
    if not isinstance(error, ModuleNotFoundError) or not error.name or not (extras := extras_of(error.name)):
        return ""
    several = len(extras) > 1
    named = f"one of the extras {', '.join(extras)}" if several else f"the extra {extras[0]}"
    how = f"pip install 'sovits-lab[{'EXTRA' if several else extras[0]}]'"
    return f"package {error.name}: got none, expected {named}: {how}"


def _requirements() -> list[str]:
    try:
        return requires(OWN) or []
    except PackageNotFoundError:  # run from a folder without installation
        return []
