"""sovits_lab: emotional text-to-speech research of the GPT-SoVITS family."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sovits_lab.inference.synthesizer import Synthesizer

__all__ = ["Synthesizer", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`Synthesizer` is imported when it is asked for, so that `import sovits_lab` stays light."""
    if name == "Synthesizer":
        return importlib.import_module("sovits_lab.inference.synthesizer").Synthesizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
