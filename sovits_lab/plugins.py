"""Packages of one's own whose classes a configuration or a bundle may name.

    SOVITS_LAB_PACKAGES=mylab python train.py --config-dir mylab/conf experiment=sad_transfer reference=mine

The environment variable names them, with commas between; without it only classes of this project are built.
"""

from __future__ import annotations

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
