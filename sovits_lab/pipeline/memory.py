"""Keeping freed memory: glibc hands large blocks back to the system after every use, and faulting them in again costs.

A decoder allocates the same hundreds of megabytes for every utterance; with the allocator told to keep them, 10 s of
audio take about two thirds of the time on a CPU. A process that runs for long keeps too much in other ways, see
`return_freed_memory`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # names of mallopt(3)
_LARGE = 2**31 - 1
_PAD = 64 * 2**20
TIDY = 10.0  # seconds between two calls of `return_freed_memory` by what runs for long: some hundred requests at most
KERNELS = 256  # those of a native voice for the lengths that it often meets; a piece of speech needs about twenty


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse instead of returning memory; False where there is no glibc."""
    return _set_options((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGE), (_TOP_PAD, _PAD))


def share_freed_memory() -> bool:
    """Tell glibc that all threads allocate from one place; False where there is no glibc.

    Else each thread of a service keeps what it once needed for itself, and memory grows with every thread that has had
    a large piece of work. It must be said before there are threads.
    """
    return _set_options((_ARENA_MAX, 1))


def set_objects_aside() -> None:
    """Take all Python objects that are in use now out of the search for unused ones, until `gc.unfreeze`.

    A loaded model and its libraries are hundreds of thousands of objects, and a search through them stops every thread
    for a fifth of a second. Without them it takes some milliseconds, so `return_freed_memory` may be called often.
    """
    gc.collect()  # what is unused now would else stay to the end
    gc.freeze()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Return where Python does not search for unused objects, while many are made that all are to stay.

    A table of a hundred thousand rows is read in two thirds of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def return_freed_memory() -> bool:
    """Let go of what Python and glibc keep of freed memory; False where glibc had none to return, or there is no glibc.

    Python keeps up to 2,000 freed tuples of each length from 1 to 20, and rings of objects, until it has searched all
    objects for unused ones. A service that keeps nothing never makes it do that, so it grows by some hundred kilobytes
    a thousand requests, for as long as those lists fill. Threads that work at once on blocks of ever other sizes leave
    holes, which glibc keeps: a service that has long had all the memory it needs still grows with every new most
    unlucky order of blocks. It takes some milliseconds where `set_objects_aside` came before.
    """
    gc.collect()
    library = _glibc()
    return library is not None and bool(library.malloc_trim(0))


def bound_prepared_kernels() -> None:
    """Let torch and oneDNN keep few of the kernels that they prepare, one for each length of input.

    By default each keeps 1024, so a service whose texts differ in length grows until it has met as many lengths. It
    must be said before torch computes.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):  # oneDNN's own, and that of torch above it
        os.environ.setdefault(name, str(KERNELS))


def _set_options(*settings: tuple[int, int]) -> bool:
    library = _glibc()
    return library is not None and all(library.mallopt(what, value) for what, value in settings)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    name = ctypes.util.find_library("c")
    if not sys.platform.startswith("linux") or name is None:
        return None
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def resident_megabytes(process: int | None = None) -> float:
    """Return the memory of this process, or of another, that is in use now, from /proc; 0 where there is none."""
    try:
        with open(f"/proc/{process or 'self'}/statm", encoding="ascii") as file:  # noqa: PTH123 - not a file
            pages = int(file.read().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 2**20


def peak_megabytes(children: bool = False) -> float:
    """Return the largest resident memory of this process so far, or of a child that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF).ru_maxrss / 1024
