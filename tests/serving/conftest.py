"""One tiny voice and one service for all tests of this folder that need no settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.voices import write_voice
from tests.serving.servers import RunningService, running


@pytest.fixture(scope="session")
def voice_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="module")
def served(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(voice_folder, tmp_path_factory.mktemp("service")) as service:
        yield service
