"""Lets torchaudio's Python part load where its compiled part cannot.

torchaudio's published wheel is built against CUDA. Beside a CPU build of torch its shared library does not load,
`import torchaudio` raises OSError, and with it every model class of transformers and speechbrain that mentions it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

_EXTENSION = "torchaudio._extension"


def ensure() -> None:
    """Make `import torchaudio` work; call it before importing transformers' or speechbrain's audio models.

    Where the real import succeeds, or torchaudio is not installed, nothing is changed. Where its shared library does
    not load, the package is imported again with its extension declared absent, a state it supports by itself: resample,
    spectrograms, mel filters and Kaldi features are pure torch and work; filters run slowly; forced alignment says
    that it is unavailable.
    """
    if "torchaudio" in sys.modules or importlib.util.find_spec("torchaudio") is None:
        return
    try:
        importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[_EXTENSION] = _absent_extension()
        package = importlib.import_module("torchaudio")
        package._extension = sys.modules[_EXTENSION]  # type: ignore[attr-defined]


def _absent_extension() -> ModuleType:
    """Stands for `torchaudio._extension` of a build without compiled code."""

    def unavailable(function: Any) -> Any:
        def fail(*args: object, **kwargs: object) -> None:
            raise RuntimeError(
                f"torchaudio.{function.__name__} needs torchaudio's compiled extension, which did not load"
            )

        return fail

    module = ModuleType(_EXTENSION)
    module.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=unavailable,
        _check_cuda_version=lambda: None,
    )
    return module
