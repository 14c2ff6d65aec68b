"""A worker loads a voice as the service of one process does, released voices with their networks included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import soundfile
from omegaconf import OmegaConf

from sovits_lab.inference.request import Request
from sovits_lab.pipeline.conf import CONF
from sovits_lab.serving.cluster import worker
from sovits_lab.serving.cluster.command import LOADING, main
from sovits_lab.types import InputError
from tests.inference.test_released_command import bundles, outside

__all__ = ["bundles", "outside"]


class IdleWorker:
    """Takes what a worker is made of and speaks nothing."""

    made: Any = None

    def __init__(self, redis: str, load: Any, **settings: Any) -> None:
        IdleWorker.made = load

    def run(self) -> None:
        """End at once."""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return how the worker of a command line loads its voice."""
    monkeypatch.setattr(worker, "SpeechWorker", IdleWorker)

    def of(*words: str) -> Any:
        assert main([*words, "redis=redis://127.0.0.1:1/0"]) == 0
        return IdleWorker.made

    return of


@pytest.mark.parametrize("version", ["v2", "v2pro"])
def test_a_worker_speaks_with_a_released_voice(version: str, load: Any, bundles: Path, outside: Path) -> None:
    words = [f"bundle={bundles / version}", f"content={outside / 'hubert'}"]
    words += [f"speaker_network={outside / 'sv.ckpt'}"] if version == "v2pro" else []
    model = load(*words)
    model.keywords["vectors"] = None  # no Redis here
    clip = outside / "clip.wav"
    assert soundfile.info(clip).duration == 3
    asked = Request("Hello.", speaker=clip, speaker_text="A clip.", speaker_language="en", language="en")
    (speech,) = model().speak_all([asked])
    assert len(speech.wav) and model().facts.takes_text


def test_a_network_that_lacks_is_named(load: Any, bundles: Path) -> None:
    model = load(f"bundle={bundles / 'v2'}")
    with pytest.raises(InputError, match="content: got nothing, expected chinese-hubert-base"):
        model()


def test_a_worker_has_the_settings_of_one_process() -> None:
    node = OmegaConf.load(CONF / "serving" / "embedded.yaml").loading
    assert set(node) == set(LOADING)
