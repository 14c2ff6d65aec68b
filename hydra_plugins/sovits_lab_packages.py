"""Options of packages of one's own: `mylab/conf` is searched like `conf` where `SOVITS_LAB_PACKAGES` names `mylab`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from sovits_lab.plugins import trusted_packages


class OwnPackages(SearchPathPlugin):
    """Add the folder `conf` of each package that the user has named, after ours: an option of our name is ours."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders that are there."""
        for name in trusted_packages():
            found = find_spec(name)
            for place in (found.submodule_search_locations or ()) if found else ():
                if (folder := Path(place) / "conf").is_dir():
                    search_path.append(name, f"file://{folder.absolute()}")
