"""Cutting a running generation into chunks for the vocoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def fixed_chunks(tokens: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yield chunks of `size` tokens, the last one shorter."""
    pending: list[int] = []
    for token in tokens:
        pending.append(token)
        if len(pending) == size:
            yield pending
            pending = []
    if pending:
        yield pending
