"""Where the configurations are."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def find_conf(package: Path = PACKAGE) -> Path:
    """Return the folder of the configurations: beside the package in a checkout, inside it where a wheel put it.

    A checkout has a link to it inside the package, for the wheel; it is not used here, since not every system makes it.
    """
    beside = package.parent / "conf"
    return beside if (beside / "train.yaml").is_file() else package / "conf"


CONF = find_conf()
