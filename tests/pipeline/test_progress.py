"""What the user sees."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sovits_lab.pipeline import progress
from sovits_lab.pipeline.progress import Bars, Lines, Rate, duration, make_display


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_rate_counts_from_where_the_work_began(clock: list[float]) -> None:
    rate = Rate.begin(900, 1000, "steps")  # a resumed stage
    clock[0] = 10.0
    rate.update(950, 1000, "steps")
    assert rate.per_second == 5.0
    assert rate.text == "950/1000 steps, 5.0 steps/s, 10 s left"
    rate.update(0, 8, "samples")
    assert rate.per_second is None, "other work has a rate of its own"


def test_slow_work_is_told_in_seconds(clock: list[float]) -> None:
    rate = Rate.begin(0, 10, "clips")
    clock[0] = 8.0
    rate.update(2, 10, "clips")
    assert rate.text == "2/10 clips, 4.0 s per clip, 32 s left"


def test_lines_speak_at_start_end_and_each_half_minute(clock: list[float]) -> None:
    out = io.StringIO()
    display = Lines(Console(file=out, width=200))
    display.start("gpt", "started in x.partial")
    for second in range(1, 70):
        clock[0] = float(second)
        display.progress("gpt", second, 100, "steps")
        display.tick()
    display.end("gpt", "done in 1 min 10 s")
    assert out.getvalue().splitlines() == [
        "gpt          started in x.partial",
        "gpt          30/100 steps, 1.0 steps/s, 1 min 10 s left",
        "gpt          60/100 steps, 1.0 steps/s, 40 s left",
        "gpt          done in 1 min 10 s",
    ]


def test_a_terminal_gets_bars_with_rate_and_time_left() -> None:
    out = io.StringIO()
    display = make_display(Console(file=out, width=120, force_terminal=True))
    assert isinstance(display, Bars)
    display.start("gpt", "started")
    display.progress("gpt", 1, 10, "steps")
    display.say("gpt", "[not markup]")
    display.progress("gpt", 5, 10, "steps")
    display._bars.refresh()
    display.end("gpt", "done")
    display.close()
    assert "5/10 steps" in out.getvalue()
    assert "[not markup]" in out.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(8.2, "8 s"), (185, "3 min 05 s"), (7860, "2 h 11 min")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
