"""What speaks when the load is too high: a smaller bundle, the same one in fewer bits, or espeak-ng."""

from __future__ import annotations

import logging
from functools import partial
from importlib.util import find_spec
from typing import Any

from sovits_lab.serving.engines.models import BundleModel, EspeakModel
from sovits_lab.serving.engines.threads import ThreadEngine
from sovits_lab.types import InputError

log = logging.getLogger(__name__)


class LightBundle(ThreadEngine):
    """A bundle that speaks with the same voices at less cost.

    Args:
        bundle: its folder.
        streams: orders in work at once.
        loading: see `BundleModel`, such as `precision: int8` for a released model.
    """

    def __init__(self, bundle: str, streams: int = 16, **loading: Any) -> None:
        super().__init__(partial(BundleModel, bundle, "light", **loading), streams=streams)


def installed_light() -> EspeakLight | None:
    """Return espeak-ng where it is installed; else None, and the log says what is done then."""
    if find_spec("espeakng_loader") is not None:
        return EspeakLight()
    log.warning("light: espeak-ng is not installed, so nothing speaks when the load is too high; requests are refused")
    return None


class EspeakLight(ThreadEngine):
    """espeak-ng, the last resort: the words, with nobody's voice.

    Args:
        voice: espeak-ng's.
        streams: orders in work at once.

    Raises:
        InputError: it is not installed.
    """

    def __init__(self, voice: str = "en-us", streams: int = 16) -> None:
        if find_spec("espeakng_loader") is None:
            ways = "pip install 'sovits-lab[demo]' (GPL-3.0), light=bundle or light=none"
            raise InputError(f"light: espeak-ng is not installed, expected {ways}")
        super().__init__(partial(EspeakModel, voice), streams=streams, batch=1)
