"""Weights inside installed packages: found without importing them, joined where they come in pieces."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from sovits_lab.types import InputError
from sovits_lab.user_cache import cache_folder
from sovits_lab.weights.catalogue import Release, ReleaseFile
from sovits_lab.weights.hashes import BLOCK, file_hash, mismatch, verify


def module_folder(module: str) -> Path | None:
    """Return the folder of an installed top-level package, found without running any of its code."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def installed(one: Release) -> bool:
    """Return whether any package that holds files of a release is installed."""
    return any(module_folder(module) is not None for module in one.modules)


def package_bytes(one: Release) -> int:
    """Return the size of a release's files in the packages that are installed; files that are missing count nothing."""
    places = [(module_folder(module), inside) for file in one.files for module, inside in file.pieces]
    paths = [folder / inside for folder, inside in places if folder is not None]
    return sum(path.stat().st_size for path in paths if path.is_file())


def package_folder(one: Release) -> Path | None:
    """Return a folder with all files of a release from its packages, each checked by hash; None without a package.

    Whole files stay where they are. Pieces are joined once, into a folder below the user's cache.

    Raises:
        InputError: half of it is installed, or a file is not the released one.
    """
    if not installed(one):
        return None
    parts = {file: _pieces(one, file) for file in one.files}
    whole = {paths[0].parent for file, paths in parts.items() if len(paths) == 1 and paths[0].name == file.name}
    if len(whole) == 1 and all(len(paths) == 1 for paths in parts.values()):
        for file, (path,) in parts.items():
            verify(one, file, path, f"package {file.pieces[0][0]}")
        return whole.pop()
    folder = cache_folder("weights") / f"{one.name}-{one.files[0].sha256[:12]}"
    for file, paths in parts.items():
        _join(one, file, paths, folder)
    return folder


def _pieces(one: Release, file: ReleaseFile) -> list[Path]:
    """Paths of a file's pieces in their packages."""
    found = []
    for module, inside in file.pieces:
        folder = module_folder(module)
        if folder is None:
            raise InputError(
                f"weights {one.name}: got only some of its packages, {module} is not installed; `{one.install}`"
            )
        if not (folder / inside).is_file():
            raise InputError(f"weights {one.name}: package {module} lacks {inside}, expected it whole; `{one.install}`")
        found.append(folder / inside)
    return found


def _join(one: Release, file: ReleaseFile, pieces: list[Path], folder: Path) -> None:
    """Write a file from its pieces unless it is there already; it appears whole and with the right hash, or not."""
    target = folder / file.name
    if target.is_file() and file_hash(target) == file.sha256:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                for piece in pieces:
                    with piece.open("rb") as stream:
                        shutil.copyfileobj(stream, out, BLOCK)
            if (found := file_hash(draft)) != file.sha256:
                modules = ", ".join(dict.fromkeys(module for module, _ in file.pieces))
                raise InputError(mismatch(one, file, found, f"package {modules}"))
            draft.chmod(0o644)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"weights {one.name}: got no writable folder {folder} to join {file.name} in ({error.strerror}), expected "
            f"one; XDG_CACHE_HOME names another place"
        ) from error
