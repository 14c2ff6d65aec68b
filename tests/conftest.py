"""Shapes in annotations are checked under pytest; one thread, so that results do not hang on the machine."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from beartype.roar import BeartypeDecorHintPep585DeprecationWarning
from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401  the hook finds it by name, but does not import it

warnings.filterwarnings("ignore", category=BeartypeDecorHintPep585DeprecationWarning)

ROOT = Path(__file__).parents[1]
WITH_SHAPES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "sovits_lab").rglob("*.py")
    if path.name != "__init__.py" and "from jaxtyping import" in path.read_text(encoding="utf-8")
]  # checks at every call cost time: what states no shape is left to mypy

install_import_hook(WITH_SHAPES, "tests.typechecker.check")

import torch  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_lazy_aliases() -> Iterator[None]:
    """Take speechbrain's lazy aliases out of `sys.modules`.

    Whoever looks at every loaded module, as hypothesis does, would import what they stand for, and fail where an
    optional package is missing.
    """
    yield
    for name, module in list(sys.modules.items()):
        if type(module).__name__ in ("LazyModule", "DeprecatedModuleRedirect"):
            del sys.modules[name]
