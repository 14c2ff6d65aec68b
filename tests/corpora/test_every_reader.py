"""Readers of corpora, found by their options: each reads its docstring's example, and refuses what is no corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.corpora.cremad import CremaD
from tests.corpora.readers import Tried, recorded

# Whose root is a file of any name, or which is made of others; they have tests of their own.
WITHOUT_A_FOLDER = {"table", "gpt_sovits_list", "cuts", "combined"}
READERS = {name: kind for name, kind in recorded().items() if name not in WITHOUT_A_FOLDER}


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_its_example_and_refuses_what_is_no_corpus(name: str, tmp_path: Path) -> None:
    tried = Tried(name, READERS[name], tmp_path)
    tried.run_example()
    tried.refuses_what_is_no_corpus()


def test_a_reader_that_reads_something_else_than_its_example_says_is_found(tmp_path: Path) -> None:
    class Mistaken(CremaD):
        __doc__ = str(CremaD.__doc__).replace(", sad,", ", happy,")

    with pytest.raises(AssertionError, match=r"(?s)Expected:.*happy.*Got:.*sad"):
        Tried("cremad", Mistaken, tmp_path).run_example()


def test_a_reader_without_an_example_is_found(tmp_path: Path) -> None:
    class Silent(CremaD):
        """Rows by file name."""

    with pytest.raises(AssertionError, match="no example"):
        Tried("cremad", Silent, tmp_path).run_example()
