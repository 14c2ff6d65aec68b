"""The state of the files that a stage reads from outside: a list, a recording or a bundle that changed is another one.

Sizes and times of change stand for the content. The state enters the hash of the stage, so a changed corpus is read
again; where its files are out of reach, the state that they had when they were last read counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sovits_lab.files import read_json
from sovits_lab.plugins import trusted_prefixes
from sovits_lab.types import InputError

PACKAGE = "sovits_lab.corpora."
BUNDLE_KEYS = ("init", "base")  # arguments of stages that name a bundle
BUNDLE_FILES = ("bundle.json", "model.safetensors")
FACTS = "corpus.json"  # what a corpus stage writes beside its manifest: where it read, and in which state


def state_of(files: Iterable[Path]) -> str:
    """Return a hash of paths, sizes and times of change; a file that is missing counts as such."""
    digest = hashlib.sha256()
    for path in sorted(set(files)):
        try:
            found = path.stat()
            facts = [str(path), found.st_size, found.st_mtime_ns]
        except (OSError, ValueError):
            facts = [str(path), None, None]
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def source_state(node: Mapping[str, Any], stages: Path) -> str | None:
    """Return the state of the files that a stage names, or None for a stage that reads neither corpus nor bundle.

    Args:
        node: of the stage.
        stages: folder of the stages' results, where the state is found of files that are out of reach.
    """
    if not str(node.get("_target_")).startswith((PACKAGE, *trusted_prefixes())):
        return _bundle_state(node)
    from hydra.utils import instantiate

    try:
        corpus = instantiate(dict(node), _recursive_=False, _convert_="object")
    except Exception:  # what is wrong is said by the check of the configuration, with the key
        return None
    if not hasattr(corpus, "state"):
        return _bundle_state(node)  # a stage of somebody's own package, say
    try:
        return corpus.state()
    except InputError:
        return next(earlier_states(stages, map(str, corpus.roots)), None)


def _bundle_state(node: Mapping[str, Any]) -> str | None:
    """State of the bundles whose weights a stage starts from or builds on; None without any."""
    folders = [Path(node[key]).expanduser() for key in BUNDLE_KEYS if isinstance(node.get(key), str)]
    inside = [place for folder in folders for place in (folder, folder / "bundle")]  # a run's bundle lies within
    return state_of(place / name for place in inside for name in BUNDLE_FILES) if inside else None


def earlier_states(stages: Path, roots: Iterable[str]) -> Iterator[str]:
    """Yield states in which earlier stages have read the same roots, the last first."""
    wanted = sorted(roots)
    for path in sorted(stages.glob(f"*/{FACTS}"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            facts = read_json(path, "corpus facts")
        except InputError:
            continue
        if isinstance(facts, Mapping) and facts.get("read_from") == wanted and isinstance(facts.get("state"), str):
            yield facts["state"]
