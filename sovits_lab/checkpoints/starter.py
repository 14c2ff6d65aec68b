"""Where the voice lies that comes with the package."""

from __future__ import annotations

from pathlib import Path

from sovits_lab.types import got

STARTER = Path(__file__).parents[1] / "voices" / "starter"


def base_folder(base: str | None) -> Path:
    """Return the folder of a trained voice that the configuration names.

    Raises:
        InputError: none was named.
    """
    if base is None:
        own = f"; that which comes with the package is init={STARTER}" if (STARTER / "bundle.json").is_file() else ""
        raise got("init", None, f"a trained voice: init=VOICE, the folder of its bundle{own}")
    return Path(base)
