"""Files of shards: in a folder, or behind URLs with a folder of limited size that keeps those used last."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from filelock import FileLock

from sovits_lab.files import write_whole
from sovits_lab.types import InputError, got

CACHE_VARIABLE = "SOVITS_LAB_CACHE"
LIMIT_VARIABLE = "SOVITS_LAB_CACHE_GB"
LIMIT_GB = 50.0
PAUSES = (1.0, 5.0)  # seconds before the second and the third attempt
BLOCK = 1 << 20
BROKEN_PIPE = 141  # of a command that had more to say
OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
ALLOWED = "allowed"  # folder of the sources that configurations have named
NAMES = re.compile(
    r"(cuts\.\d{6}\.jsonl\.gz|(recording|mel|f0|tokens)\.\d{6}\.tar|places\.npy|table\.jsonl|info\.json)"
)


class FileFact(NamedTuple):
    """What a file must be: its size in bytes and the SHA-256 of its content (hex)."""

    size: int
    sha256: str


class ShardFiles(Protocol):
    """Where the files of shards are."""

    def path(self, name: str) -> Path:
        """Return a whole file of this name, here."""


def open_files(source: str | None, folder: Path, facts: Mapping[str, FileFact]) -> ShardFiles:
    """Open files in `folder` or in another one, or behind a URL.

    Raises:
        InputError: a file in a folder is missing or has not the size it should have; a URL or a command that no
            configuration has named here.
    """
    if source is None or not is_remote(source):
        return LocalFiles(folder if source is None else Path(source), facts)
    if not _is_allowed(source):
        raise InputError(
            f"features {folder}: their shards are at {source!r}, which no configuration on this machine has named: a "
            f"file that was found opens no URL and runs no command; if you trust it, run with features=shards and "
            f"features.source set to it"
        )
    limit = os.environ.get(LIMIT_VARIABLE) or LIMIT_GB
    try:
        return CachedFiles(source, facts, _cache(), int(float(limit) * 1e9))
    except (ValueError, OverflowError) as error:
        raise got(LIMIT_VARIABLE, limit, "a number of gigabytes") from error


def allow(source: str) -> None:
    """Remember on this machine that a configuration has named a source; only then is a URL opened or a command run."""
    if is_remote(source):
        path = _allowance(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, source.encode())
        path.chmod(0o600)


def _is_allowed(source: str) -> bool:
    """Whether this user has named a source: a cache may be shared, and what others put there allows nothing."""
    try:
        with open(_allowance(source), "rb", opener=_no_link) as file:
            state = os.fstat(file.fileno())
            own = stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & OF_OTHERS
            return own and file.read(len(source.encode()) + 1) == source.encode()
    except OSError:  # nobody has named it
        return False


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _allowance(source: str) -> Path:
    return _cache() / ALLOWED / hashlib.sha256(source.encode()).hexdigest()


def _cache() -> Path:
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "sovits_lab" / "shards")


def facts_of(info: Mapping[str, Any], key: str, where: str) -> dict[str, FileFact]:
    """Return the table of files in an `info.json`, checked: a name there becomes part of a path, a URL, or a command.

    Raises:
        InputError: a name that `WriteShards` does not give, or a fact that is no size and checksum.
    """
    table = info.get(key)
    if not isinstance(table, Mapping):
        raise got(f"{where}, {key}", table, "files by name, as shards=write makes them")
    for name, fact in table.items():
        if not NAMES.fullmatch(name):
            raise got(f"{where}, {key}", name, "names such as mel.000000.tar")
        right = isinstance(fact, Mapping) and fact.keys() == {"size", "sha256"} and type(fact["size"]) is int
        if not (right and fact["size"] >= 0 and re.fullmatch(r"[0-9a-f]{64}", str(fact["sha256"]))):
            raise got(f"{where}, {key}, {name}", fact, "its size in bytes and its SHA-256")
    return {name: FileFact(fact["size"], fact["sha256"]) for name, fact in table.items()}


def is_remote(source: str) -> bool:
    """Return whether a source is no path: `https://`, `s3://` ..., or `pipe:` with a command."""
    return "://" in source or source.startswith("pipe:")


def url_of(source: str, name: str) -> str:
    """Return a file's URL: `{}` in a source stands for its name, which else comes after a slash."""
    return source.replace("{}", name) if "{}" in source else f"{source.rstrip('/')}/{name}"


@contextmanager
def open_url(source: str, name: str) -> Iterator[Any]:
    """Yield a stream of bytes, opened as Lhotse opens it: smart_open for URLs, a shell command after `pipe:`.

    Raises:
        OSError: the command failed. Lhotse's own check sees that only if the command ends before its output is read.
    """
    from lhotse.serialization import open_best

    with open_best(url_of(source, name), "rb") as stream:
        yield stream
    status = stream.status if source.startswith("pipe:") else 0
    if status not in (0, BROKEN_PIPE):
        raise OSError(f"the command ended with status {status}")


def fact_of(path: Path) -> FileFact:
    """Return the size and checksum of a file."""
    with path.open("rb") as file:
        return FileFact(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def check(what: str, found: FileFact, expected: FileFact) -> None:
    """Raise an InputError that says what is wrong with a file."""
    if found.size != expected.size:
        why = "it is truncated" if found.size < expected.size else "it is another file"
        raise InputError(f"shard {what}: got {found.size} bytes, expected {expected.size}: {why}, copy it again")
    if found.sha256 != expected.sha256:
        raise InputError(f"shard {what}: its checksum differs from the index: it is damaged, copy it again")


class LocalFiles:
    """Files in a folder. Sizes are compared at once, checksums by whoever brought the folder here (`verify`)."""

    def __init__(self, folder: Path, facts: Mapping[str, FileFact]) -> None:
        self.folder, self.facts = folder, facts
        for name, fact in facts.items():
            path = folder / name
            if not path.is_file():
                raise InputError(f"shard {path}: nothing there, expected a file of {fact.size} bytes")
            check(str(path), FileFact(path.stat().st_size, fact.sha256), fact)

    def path(self, name: str) -> Path:
        """Return the file itself."""
        return self.folder / name

    def verify(self) -> None:
        """Compare all checksums."""
        for name, fact in self.facts.items():
            check(str(self.folder / name), fact_of(self.folder / name), fact)


class CachedFiles:
    """Files behind a URL, fetched when they are asked for; processes of one machine fetch a file once.

    A file comes under its name when its checksum is right. Those used longest ago go when the folder is over its limit;
    a process that has one open goes on reading it.

    Args:
        source: URL, with `{}` for a file's name or without.
        facts: of every file.
        folder: shared by everything that reads shards on this machine.
        limit: bytes that it may hold.
    """

    def __init__(self, source: str, facts: Mapping[str, FileFact], folder: Path, limit: int) -> None:
        self.source, self.facts, self.limit = source, facts, limit
        self.root = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return the file in the cache.

        Raises:
            InputError: it cannot be fetched, or is not what the index says.
        """
        fact = self.facts[name]
        path = self.root / f"{fact.sha256[:20]}-{name}"
        if not _touched(path):
            with FileLock(self.root / f".{path.name}.lock"):
                if not _touched(path):
                    self._fetch(name, fact, path)
                    self._make_room(path)
        return path

    def _fetch(self, name: str, fact: FileFact, path: Path) -> None:
        for pause in (*PAUSES, None):
            try:
                self._fetch_once(name, fact, path)
            except Exception as error:  # a command's failure has no class of its own
                if pause is None:
                    if isinstance(error, InputError):
                        raise
                    raise InputError(f"shard {url_of(self.source, name)}: cannot be read ({_reason(error)})") from error
                time.sleep(pause)
            else:
                return

    def _fetch_once(self, name: str, fact: FileFact, path: Path) -> None:
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=".", suffix=f".{name}", delete=False) as partial:
            try:
                with open_url(self.source, name) as stream:
                    while block := stream.read(BLOCK):
                        partial.write(block)
                        digest.update(block)
                        size += len(block)
                check(url_of(self.source, name), FileFact(size, digest.hexdigest()), fact)
                partial.flush()
                Path(partial.name).rename(path)
            except BaseException:
                Path(partial.name).unlink(missing_ok=True)
                raise

    def _make_room(self, newest: Path) -> None:
        """Remove what was used longest ago; never what has just come."""
        with FileLock(self.root / ".room.lock"):
            files = []
            for path in self.root.iterdir():
                with suppress(FileNotFoundError):
                    if not path.name.startswith(".") and path.is_file():
                        files.append((path.stat().st_mtime_ns, path.stat().st_size, path))
            total = sum(size for _, size, _ in files)
            for _, size, path in sorted(files):
                if total <= self.limit:
                    return
                if path != newest:
                    path.unlink(missing_ok=True)
                    total -= size


def _touched(path: Path) -> bool:
    """Mark a file as just used, if it is there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _reason(error: BaseException) -> str:
    """First line of an error; Lhotse answers every trouble with a URL by advice, the trouble itself lies behind."""
    lines = str(error.__context__ or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def copy_small(source: str, name: str, to: Path) -> Path:
    """Fetch one of the index's files.

    Raises:
        InputError: it is not there.
    """
    try:
        if is_remote(source):
            with open_url(source, name) as stream, to.open("wb") as file:
                shutil.copyfileobj(stream, file)
        else:
            shutil.copyfile(Path(source) / name, to)
    except Exception as error:  # a command's failure has no class of its own
        raise InputError(f"shards {source}: {name} cannot be read ({_reason(error)})") from error
    return to
