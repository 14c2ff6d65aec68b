"""Where weights lie: in an installed package, in a folder of the user, or on a model hub."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sovits_lab.types import InputError, got
from sovits_lab.weights.catalogue import CATALOGUE, Release, release_of_hub
from sovits_lab.weights.hashes import verify
from sovits_lab.weights.packages import installed, package_folder

NAMES = "an existing folder, a name that `python -m sovits_lab weights list` prints, or a hub name `owner/name`"

ANSWER_SECONDS = 10.0  # within which a hub must answer before compute


class WeightsPlace(NamedTuple):
    """A folder with weights, and what kind of place it is, in words."""

    folder: Path
    origin: str


def locate(who: str, source: str | Path, needed: Sequence[str] = (), also: Sequence[str] = ()) -> Path:
    """Return the local folder with the weights that a source names.

    A name of the catalogue is looked for on this machine only: in its package, then in the hub's cache. A hub id that
    the user writes is a wish to have it: what is on the machine comes first, then the hub is asked.

    Args:
        who: for messages, such as "judge ecapa".
        source: a folder, a name of the catalogue, or `owner/name` on the Hugging Face hub (`owner/name@revision` for a
            fixed state).
        needed: patterns of files without which the weights cannot be used; without them those of the catalogue.
        also: patterns of files that are fetched too where they exist.

    Raises:
        InputError: nothing usable is there, or a file is not the released one.
    """
    folder = Path(source)
    if folder.is_dir():
        _complete(f"{who}, folder {folder}", folder, needed)
        return folder
    if str(source) in CATALOGUE:
        return place_of(CATALOGUE[str(source)], who).folder
    name, _, revision = str(source).partition("@")
    if not _may_be_hub_name(name):
        raise got(f"{who}, source", str(source), NAMES)
    known = release_of_hub(name)
    if known is not None and not revision and (place := find_place(known)) is not None:
        return place.folder
    return _from_hub(who, name, revision, [*needed, *also], known)


def require_source(where: str, source: str) -> None:
    """Refuse a source of weights that is not to be had; nothing is hashed or downloaded.

    Args:
        where: the key, for messages.
        source: as `locate` takes it.

    Raises:
        InputError: a release of the catalogue that is not on this machine, a folder that does not exist, or a hub id
            that neither the cache nor the hub knows.
    """
    if Path(source).is_dir():
        if not any(Path(source).iterdir()):
            raise got(where, source, "a folder with the network's files; it is empty")
        return
    if source in CATALOGUE:
        if not present(source):
            raise InputError(f"{where}: got {source!r}, nothing on this machine, expected {ways(CATALOGUE[source])}")
    elif not _may_be_hub_name(source) or Path(source).parent.is_dir():  # a hub's owners are no folders here
        raise got(where, source, NAMES)
    elif why := _missing_on_hub(source):
        known = release_of_hub(source.partition("@")[0])
        other = (
            ways(known)
            if known
            else f"a folder with the files, or network access for {source}, or its files in the hub's cache"
        )
        raise InputError(
            f"{where}: got {source!r}, neither in the hub's cache nor to be had from the hub ({why}), expected {other}"
        )


def place_of(one: Release, who: str = "weights") -> WeightsPlace:
    """Return where a release lies on this machine; nothing is downloaded.

    Raises:
        InputError: it does not; the one line names every way to have it.
    """
    place = find_place(one)
    if place is None:
        raise InputError(f"{who} {one.name}: got nothing on this machine, expected {ways(one)}")
    return place


def find_place(one: Release) -> WeightsPlace | None:
    """Return where a release lies on this machine, its files compared with the released hashes; None where it does not.

    Raises:
        InputError: it is there in part, or a file is not the released one.
    """
    folder = package_folder(one)
    if folder is not None:
        return WeightsPlace(folder, f"package {', '.join(one.modules)}")
    cached = hub_cache(one)
    if cached is None:
        return None
    for file in one.files:
        if file.sha256:
            verify(one, file, cached / file.name, f"hub's cache {cached}")
    return WeightsPlace(cached, "hub's cache")


def present(name: str) -> bool:
    """Return whether a release of the catalogue lies on this machine, at least in part; no hash is computed."""
    return installed(CATALOGUE[name]) or hub_cache(CATALOGUE[name]) is not None


def hub_cache(one: Release) -> Path | None:
    """Find a release's folder in the Hugging Face hub's cache if it has all files; the network is not asked."""
    if not one.hub or one.hub_name != "Hugging Face":
        return None
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE) / f"models--{one.hub.replace('/', '--')}"
    try:
        commit = (place / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    folder = place / "snapshots" / commit
    return folder if all(any(folder.glob(file.name)) for file in one.files) else None


def ways(one: Release) -> str:
    """Return the ways to have a release, in one line: its package, a folder, a hub."""
    found = [f"its package (`{one.install}`)"] if one.install else []
    found.append(f"source=FOLDER with {', '.join(file.name for file in one.files)}")
    if one.hub:
        asked = one.hub_name == "Hugging Face"
        found.append(f"source={one.hub} with network" if asked else f"{one.hub} of {one.hub_name}, saved as a folder")
    return " or ".join(found) + ("" if one.install else "; no package holds it")


def _may_be_hub_name(source: str) -> bool:
    return source.count("/") == 1 and not source.startswith((".", "/", "~"))


@lru_cache
def _missing_on_hub(source: str) -> str:
    """Why a hub id cannot be had, in the client's word; empty where it lies on this machine or the hub knows it."""
    from huggingface_hub import HfApi, constants

    name, _, revision = source.partition("@")
    known = release_of_hub(name)
    if known is not None and not revision and present(known.name):
        return ""
    place = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    wanted = revision or constants.DEFAULT_REVISION
    if (place / "refs" / wanted).is_file() or (place / "snapshots" / wanted).is_dir():
        return ""
    try:
        HfApi().repo_info(name, revision=revision or None, timeout=ANSWER_SECONDS)
    except Exception as error:  # the hub's client raises a dozen kinds; all mean the same to the user
        return type(error).__name__
    return ""


def _complete(where: str, folder: Path, needed: Sequence[str]) -> None:
    for pattern in needed:
        if not any(folder.glob(pattern)):
            raise got(where, f"nothing that matches {pattern}", "the released files")


def _from_hub(who: str, name: str, revision: str, patterns: list[str], known: Release | None) -> Path:
    """Download into the hub's cache, or take what the cache holds."""
    from huggingface_hub import snapshot_download

    wanted = patterns or [file.name for file in known.files] if known is not None else patterns
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=wanted or None))
    except Exception as error:  # the hub's client raises a dozen kinds; all mean the same to the user
        other = ways(known) if known is not None else "source=FOLDER"
        raise InputError(
            f"{who}: {name} is neither in the hub's cache nor to be had from the hub ({type(error).__name__}), "
            f"expected network access or {other}"
        ) from error
