"""Parts that hear the style, changed by hand in a bundle: it speaks as well, or is refused when it is loaded."""

from __future__ import annotations

import json
from itertools import chain, combinations
from pathlib import Path

import pytest

from sovits_lab import Synthesizer
from sovits_lab.conditioning.conditions import PARTS
from sovits_lab.types import InputError
from tests.inference.voices import write_voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("sites"))


CHOICES = list(chain.from_iterable(combinations(PARTS, count) for count in range(len(PARTS) + 1)))


@pytest.mark.parametrize("model", ["gpt", "sovits"])
@pytest.mark.parametrize("parts", CHOICES, ids="+".join)
def test_what_loads_speaks(folder: Path, tmp_path: Path, model: str, parts: tuple[str, ...]) -> None:
    facts = json.loads((folder / "bundle.json").read_text())
    facts["models"][model]["style_sites"]["parts"] = list(parts)
    changed = tmp_path / "voice"
    changed.mkdir()
    (changed / "model.safetensors").symlink_to(folder / "model.safetensors")
    (changed / "bundle.json").write_text(json.dumps(facts))
    trained = {"gpt"} if model == "gpt" else set(PARTS) - {"gpt"}
    if trained <= set(parts):  # the others are the other model's
        assert len(Synthesizer.load(changed).speak("Hi.", "ann", emotion="sad").wav)
        return
    with pytest.raises(InputError) as refused:
        Synthesizer.load(changed)
    assert "\n" not in str(refused.value)
    if model == "sovits":
        assert "models.sovits.style_sites.parts: got" in str(refused.value)
