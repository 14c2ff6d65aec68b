"""Shapes in annotations are checked under pytest; one thread, so that results do not hang on the machine."""

from __future__ import annotations

import warnings

from beartype.roar import BeartypeDecorHintPep585DeprecationWarning
from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401  the hook finds it by name, but does not import it

warnings.filterwarnings("ignore", category=BeartypeDecorHintPep585DeprecationWarning)

install_import_hook("sovits_lab", "tests.typechecker.check")

import torch  # noqa: E402

torch.set_num_threads(1)
