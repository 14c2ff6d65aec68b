"""Programs of Debian's packages that some tests need: there, installed where that is wished, or a reason to skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

INSTALL = "SOVITS_LAB_INSTALL_PACKAGES"


class Unavailable(RuntimeError):  # noqa: N818  a state of the machine, no error
    """Why a program is not here."""


def require(programs: Sequence[str], packages: Sequence[str]) -> None:
    """Install the packages where that is wished, by root.

    Raises:
        Unavailable: the programs are not there.
    """
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    if os.environ.get(INSTALL) != "1" or os.geteuid() != 0:
        raise Unavailable(f"no {', '.join(missing)}: install {' '.join(packages)}, or set {INSTALL}=1 as root")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        try:
            done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, timeout=180,
                                  check=False)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"apt-get {command[0]}: {error}") from error
        if done.returncode:
            raise Unavailable(f"apt-get {command[0]}: {done.stderr.strip().splitlines()[-1:]}")
