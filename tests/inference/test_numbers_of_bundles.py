"""Whole numbers of a bundle that was found: each one far out of range is one line before compute, or does no harm."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.starter import starter_folder
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.types import InputError

HARMLESS = {
    "blind",
    "dropout",
    "emotion",
    "f_min",
    "passes",
    "repetition_penalty",
    "speaker",
    "style",
    "taught",
    "temperature",
    "top_k",
}
TEXT = (starter_folder() / "bundle.json").read_text(encoding="utf-8")
NUMBERS = sorted(set(re.findall(r'"([a-z_0-9]+)": \d+[,\n} ]', TEXT)) - HARMLESS)


@pytest.mark.parametrize("value", [10**9, 0, -1])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_is_refused_at_once(tmp_path: Path, name: str, value: int) -> None:
    shutil.copytree(starter_folder(), tmp_path / "voice")
    changed = re.sub(rf'"{name}": \d+(?=[,\n}} ])', f'"{name}": {value}', TEXT, count=1)
    assert changed != TEXT
    (tmp_path / "voice" / "bundle.json").write_text(changed, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(InputError) as refused:
        load_voice(tmp_path / "voice")
    assert "\n" not in str(refused.value)
    assert time.process_time() - began < 30


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values of the facts, also of mappings; of a list its first, of symbols none."""
    if path and isinstance(value, dict):
        yield path
    if isinstance(value, dict):
        for key, one in value.items():
            if (*path, key) not in {("symbols",), ("taught",), ("consents",)}:
                yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        yield from leaves(value[0], (*path, 0)) if value else ()
    else:
        yield path


PATHS = sorted(leaves(json.loads(TEXT)), key=str)
ODD = [None, "", "x", [], {}, True, 1.5, 10**400, math.inf, -math.inf, math.nan, "../../etc/passwd"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_another_kind_is_one_line_or_does_no_harm(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    folder = tmp_path / "voice"
    shutil.copytree(starter_folder(), folder)
    for odd in ODD:
        facts = json.loads(TEXT)
        holder = facts
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = odd
        (folder / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
        try:
            with Synthesizer.load(folder) as voice:
                speech = voice.speak("Hi.", seed=1)
        except InputError as refused:
            assert "\n" not in str(refused) and len(str(refused)) < 2000
        else:
            assert np.isfinite(speech.wav).all() and len(speech.wav) < 30 * speech.sample_rate, odd


@pytest.mark.parametrize(
    ("path", "named"),
    [(("speakers", "heart", "vector"), "speakers.heart.vector"), (("emotions", "gpt", "sad"), "gpt.sad")],
)
def test_a_vector_of_another_length_is_named(tmp_path: Path, path: tuple[str, ...], named: str) -> None:
    facts = json.loads(TEXT)
    holder = facts
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = [*holder[path[-1]], 0.5]
    shutil.copytree(starter_folder(), tmp_path / "voice")
    (tmp_path / "voice" / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(InputError, match=rf"{named}: got '\d+ numbers', expected the \d+ numbers that gpt takes"):
        load_voice(tmp_path / "voice")
