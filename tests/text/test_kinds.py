"""Every kind of text that users saw misread: `kinds.tsv` holds examples of each with their right readings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.text.frontend import MultilingualFrontend
from sovits_lab.text.score import score

KINDS = Path(__file__).with_name("kinds.tsv")


@pytest.mark.parametrize("language", ["zh", "yue", "en", "ja", "ko"])
def test_kinds_of_text_that_were_misread(language: str) -> None:
    (found,) = score(KINDS, MultilingualFrontend("multilingual"), language)
    assert found.sentences > 5
    assert [misread.sentence.text for misread in found.wrong] == []
