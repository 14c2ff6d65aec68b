"""One tiny voice, one service in this process and one cluster for all tests here that need no settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sovits_lab.bench.service_stack import ServiceStack
from tests.debian import Unavailable, require
from tests.inference.voices import write_voice
from tests.serving.servers import PLAIN, ROOMY, Deployment, RunningService, running


@pytest.fixture(scope="session")
def voice_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="module")
def served(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(voice_folder, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def stack(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceStack]:
    try:
        require(("redis-server", "nginx"), ("redis-server", "nginx-light"))
        made = ServiceStack(voice_folder, tmp_path_factory.mktemp("stack"), "light=none", *PLAIN, *ROOMY, streams=4)
    except Unavailable as reason:
        pytest.skip(f"no cluster: {reason}")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def alone(served: RunningService) -> Iterator[httpx.Client]:
    """A client of the one process."""
    with served.client() as made:
        yield made


@pytest.fixture(scope="module", params=["embedded", "cluster"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The one process, then the cluster: both do the same."""
    made: Deployment = request.getfixturevalue("served" if request.param == "embedded" else "stack")
    return made


@pytest.fixture(scope="module")
def client(deployment: Deployment) -> Iterator[httpx.Client]:
    """A client of the one process, then one of the cluster."""
    with deployment.client() as made:
        yield made


@pytest.fixture(scope="module")
def folder(deployment: Deployment) -> Path:
    """Where the deployment keeps its books."""
    return deployment.folder
