"""What `film bench` prints about lines that a language model wrote becomes rows of the study."""

from __future__ import annotations

import pytest

from experiments.interactive_film.collect import rows_of_writer
from sovits_lab.types import InputError

PRINTED = """event to first sound, written p50   886.0 ms   p95  1935.1 ms   n 58
  from the first clause on    p50   101.6 ms   p95   638.8 ms   n 58
lines: 58 model, 2 the model was too slow
"""


def test_written_lines_become_rows() -> None:
    found = {row.key: (row.value, row.n) for row in rows_of_writer(PRINTED, "abc")}
    assert found["written p95/clause"] == ("638.8", "58") and found["written p50/first sound"] == ("886.0", "58")
    assert found["written/asked"] == ("60", "")


def test_a_bench_without_a_line_of_the_model_is_refused() -> None:
    with pytest.raises(InputError, match="expected times of lines that the model wrote"):
        rows_of_writer("lines: 60 the model was too slow\n", "abc")
