"""Shapes in annotations are checked under pytest; one thread, so that results do not hang on the machine."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import pytest
from beartype.roar import BeartypeDecorHintPep585DeprecationWarning
from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401  the hook finds it by name, but does not import it

warnings.filterwarnings("ignore", category=BeartypeDecorHintPep585DeprecationWarning)

install_import_hook("sovits_lab", "tests.typechecker.check")

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
