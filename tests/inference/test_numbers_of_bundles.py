"""Whole numbers of a bundle that was found: each one far out of range is one line before compute, or does no harm."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.starter import starter_folder
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
