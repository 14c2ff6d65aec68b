"""The resolved configuration of a run, read from a folder that may come from elsewhere, as data alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from sovits_lab.files import read_text, reason_of
from sovits_lab.types import InputError, got

CONFIG = "config.yaml"
MOST = 4 << 20  # bytes; a run's own has thousands


def read_run_config(run: Path) -> dict[str, Any]:
    """Return the configuration of a run; an empty one for a folder without it.

    Raises:
        InputError: it is no plain mapping in YAML: damaged, with tags, with aliases (by which few lines ask for any
            memory), or too large.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    path = run / CONFIG
    if not path.is_file():
        return {}
    text, where = read_text(path, "configuration of a run", MOST), f"configuration of a run {path}"
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise got(where, "an alias", "plain values, as a run writes them")
        plain = OmegaConf.to_container(OmegaConf.load(io.StringIO(text)))
    except (yaml.YAMLError, OmegaConfBaseException, OSError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: cannot be read ({reason_of(error)}), expected what a run writes") from error
    if not isinstance(plain, dict):
        raise got(where, type(plain).__name__, "a mapping")
    return {str(key): value for key, value in plain.items()}
