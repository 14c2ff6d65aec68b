"""The row that a stage was at when something went wrong belongs in what the user reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sovits_lab.types import InputError


@contextmanager
def row_named(name: str) -> Iterator[None]:
    """Put an utterance's id before the message of whatever fails while it is worked on.

    Errors of the system, such as a full disk, and a lack of memory pass unchanged: they are not the row's fault.

    Raises:
        InputError: what the body raised as such.
        RuntimeError: any other error of the body.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"utterance {name}: {error}") from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise RuntimeError(f"utterance {name}: {type(error).__name__}: {error}") from error
