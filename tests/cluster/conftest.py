"""One Slurm for all tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.debian import Unavailable

from .slurm import Slurm


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A running cluster of one node, or a skip that says why there is none."""
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
    except Unavailable as reason:
        pytest.skip(f"no Slurm: {reason}")
    yield cluster
    cluster.stop()
