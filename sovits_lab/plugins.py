"""Packages of one's own whose classes a configuration or a bundle may name.

    SOVITS_LAB_PACKAGES=mylab python train.py experiment=sad_transfer reference=mine

The environment variable names them, with commas between; without it only classes of this project are built.
"""

from __future__ import annotations

import importlib
import os
import re

from sovits_lab.types import got

VARIABLE = "SOVITS_LAB_PACKAGES"
NAME = re.compile(r"[A-Za-z_]\w*")


def trusted_packages() -> tuple[str, ...]:
    """Return the top-level packages that the user has named.

    Raises:
        InputError: something that is no name of a package.
    """
    names = tuple(filter(None, (word.strip() for word in os.environ.get(VARIABLE, "").split(","))))
    for name in names:
        if not NAME.fullmatch(name):
            raise got(VARIABLE, name, "names of top-level packages, with commas between")
    return names


def trusted_prefixes() -> tuple[str, ...]:
    """Return what dotted names of classes in these packages begin with."""
    return tuple(f"{name}." for name in trusted_packages())


def is_below(target: str, prefixes: tuple[str, ...]) -> bool:
    """Return whether a dotted name is public and stands below one of these packages."""
    return target.startswith(prefixes) and not any(part.startswith("_") for part in target.split("."))


def class_below(target: str, prefixes: tuple[str, ...]) -> type:
    """Return the class of a dotted name, which is defined in one of these packages.

    Modules import others: `evaluation.report.write.Path.unlink` begins as a name of ours and is none.

    Args:
        target: the dotted name, already found to be `is_below` these packages.
        prefixes: what names of classes in the packages begin with.

    Raises:
        InputError: nothing has this name, or no class that is defined there.
    """
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise got("_target_", target, f"a class that exists ({error})") from error
    if not isinstance(found, type) or not found.__module__.startswith(prefixes):
        raise got("_target_", target, f"a class that is defined in {packages_of(prefixes)}")
    return found


def packages_of(prefixes: tuple[str, ...]) -> str:
    """Return the packages' names for a message."""
    return ", ".join(prefix.rstrip(".") for prefix in prefixes)
