"""Files that a configuration names, before any compute: weights of foreign networks and bundles that a training starts
from.

Only what is quick to see is looked at: whether a folder is there and holds what is asked of it, whether a hub's cache
or the hub itself knows an id. Hashes and tensors are compared when they are read. Stages that are done need no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sovits_lab.pipeline.validation import BuiltStage, nodes_below, origin
from sovits_lab.types import InputError, got
from sovits_lab.weights.locate import require_source

SOURCE = "source"  # key of a node under which judges and content encoders are told their weights
FROM_HUBS = ("content", "bert")  # networks that a hub id may name; see `sovits_lab.checkpoints.networks`


def check_files(stages: Mapping[str, BuiltStage], raw: Mapping[str, Any]) -> None:
    """Refuse weights and bundles that are not there.

    A stage with other files has a method `look()`, which raises an InputError that begins with its own key.

    Args:
        stages: by name, as they were built for the checks.
        raw: the configuration with its interpolations, to name keys where the user wrote them.

    Raises:
        InputError: the first file that is missing.
    """
    for name, built in stages.items():
        if built.folder.is_dir():
            continue
        for key, value in (getattr(built.stage, "networks", None) or {}).items():
            if isinstance(value, str):
                _require_network(origin(f"stages.{name}.networks.{key}", raw), key, value)
        for key, value in vars(built.stage).items():
            for where, node in nodes_below(value, f"stages.{name}.{key}"):
                if isinstance(node.get(SOURCE), str):
                    require_source(origin(f"{where}.{SOURCE}", raw), node[SOURCE])
        if hasattr(built.stage, "look"):
            try:
                built.stage.look()
            except InputError as error:
                raise InputError(f"stages.{name}: {error}") from error


def _require_network(where: str, key: str, value: str) -> None:
    """Refuse a network beside a voice's bundle that is not there: two may be a hub's, the others are files."""
    if key in FROM_HUBS:
        require_source(where, value)
    elif not Path(value).expanduser().exists():
        raise got(where, value, "a file or folder that exists")
