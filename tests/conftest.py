"""Shapes in annotations are checked under pytest; one thread, so that results do not hang on the machine."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from beartype.roar import BeartypeDecorHintPep585DeprecationWarning
from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401  the hook finds it by name, but does not import it

warnings.filterwarnings("ignore", category=BeartypeDecorHintPep585DeprecationWarning)

# A million objects of libraries live as long as the session. Python's collector looks at them again and again: that was
# a third of the processor time of some tests. So they are put aside (`set_aside`), and it begins less often.
gc.set_threshold(10_000, 10, 10)
ROOT = Path(__file__).parents[1]
WITH_SHAPES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "sovits_lab").rglob("*.py")
    if path.name != "__init__.py" and "from jaxtyping import" in path.read_text(encoding="utf-8")
]  # checks at every call cost time: what states no shape is left to mypy

install_import_hook(WITH_SHAPES, "tests.typechecker.check")

import torch  # noqa: E402

torch.set_num_threads(1)


def set_aside() -> None:
    """Collect what is garbage, and take what is not out of the collector's sight."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """Set aside what the modules of all tests have imported."""
    set_aside()


@pytest.fixture(autouse=True, scope="module")
def few_objects_to_look_at() -> Iterator[None]:
    """Set aside what a module's tests have imported and cached."""
    yield
    set_aside()


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """Undo what a command that ran in this process did to loggers: Hydra disables those that there are."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for one in logging.root.manager.loggerDict.values():
        if isinstance(one, logging.Logger) and one.name.startswith(("sovits_lab", "evaluation")):
            one.disabled = False


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
