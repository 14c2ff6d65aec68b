"""`python -m sovits_lab weights`: foreign networks, where they lie, whether they are genuine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got
from sovits_lab.weights.catalogue import CATALOGUE, Release, ReleaseFile, release
from sovits_lab.weights.hashes import file_hash
from sovits_lab.weights.locate import find_place, hub_cache, place_of, ways
from sovits_lab.weights.packages import installed, package_bytes


@dataclass(frozen=True)
class WeightsOptions:
    """Show the networks that others trained: where they lie, their licences, whether they are genuine.

    `check` holds size and SHA-256 of every file against the release; its exit status is 1 where a file is missing or
    another one. Nothing is downloaded.
    """

    action: str = option("what is done", "list", choices=["list", "check"], bare=True)
    names: list[str] = option("networks to check", [], shown="all that lie on this machine", bare=True)
    folder: Path | None = option("a folder to check instead, with one name", None)


def main(argv: list[str]) -> int:
    """List the networks, or check them."""
    if wants_help(argv):
        print(describe(WeightsOptions, "weights"))
        return 0
    given = read_options(WeightsOptions, argv)
    if given.action == "check":
        return _check(given.names, given.folder)
    if given.names or given.folder:
        raise got("weights", " ".join(argv), "list, or check NAME")
    return _list()


def _list() -> int:
    """One network a paragraph: name, state, purpose, licence, and how to have it where it is absent."""
    for one in CATALOGUE.values():
        print(f"{one.name:<18}{_state(one)}")
        print(f"{'':<18}{one.does}; {one.source}; {one.licence}")
        if _state(one) == "absent":
            print(f"{'':<18}{ways(one)}")
    return 0


def _state(one: Release) -> str:
    if installed(one):
        return f"installed, {package_bytes(one) / 1e6:.0f} MB ({', '.join(one.modules)})"
    return "in the hub's cache" if hub_cache(one) is not None else "absent"


def _check(names: list[str], folder: Path | None) -> int:
    """Check releases by name, or one folder as if it were a release."""
    if folder is not None:
        if len(names) != 1:
            raise got("weights check folder=DIR", f"{len(names)} names", "one name and one folder")
        if not folder.is_dir():
            raise got("weights check, folder", folder, "an existing folder")
        return int(not _show(release(names[0]), folder, f"folder {folder}"))
    chosen = [release(name) for name in names] or [one for one in CATALOGUE.values() if _state(one) != "absent"]
    sound = True
    for one in chosen:
        try:
            place = place_of(one) if names else find_place(one)
            assert place is not None, "an absent release was chosen"
        except InputError as error:
            print(error)
            sound = False
            continue
        sound &= _show(one, place.folder, place.origin)
    return int(not sound)


def _show(one: Release, folder: Path, origin: str) -> bool:
    """Print each file with its size, hash and verdict; whether all are as released."""
    print(f"{one.name}: {origin}, {folder}")
    print(f"  {one.licence}; {one.source}" + (f"; {one.hub} ({one.hub_name})" if one.hub else ""))
    verdicts = [_show_file(file, folder) for file in one.files]  # every line is printed
    return all(verdicts)


def _show_file(file: ReleaseFile, folder: Path) -> bool:
    found = sorted(folder.glob(file.name))
    if not found:
        print(f"  {file.name:<28} missing")
        return False
    good = True
    for path in found:
        sha256 = file_hash(path)
        same = sha256 == file.sha256
        verdict = "as released" if same else f"NOT the released file ({file.sha256})" if file.sha256 else "not pinned"
        print(f"  {path.name:<28}{path.stat().st_size / 1e6:>9.2f} MB  {sha256}  {verdict}")
        good &= same or not file.sha256
    return good
