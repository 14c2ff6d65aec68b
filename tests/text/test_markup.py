"""Markup: both modes, positions, and the plain text that is left."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.text.given import Given
from sovits_lab.text.limits import TextLimits
from sovits_lab.text.markup import Part, Pause, StyleSpan, parse
from sovits_lab.text.reading import Span
from sovits_lab.text.symbols import load_symbols
from sovits_lab.types import InputError

TABLE = load_symbols("v2")


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times as long four times as much takes: 4 where time is linear, 16 where it is quadratic.

    By the processor time of this thread alone, the best of three each, so that other work does not count.
    """

    def best(count: int) -> float:
        taken = []
        for _ in range(3):
            started = time.thread_time()
            work(count)
            taken.append(time.thread_time() - started)
        return min(taken)

    best(size)  # caches are filled before anything counts
    return best(4 * size) / best(size)


def test_everything_at_once() -> None:
    marked = parse("你好[pause:0.4][emotion:sad|0.5]我很[rate:0.9]难过[/rate][/emotion]。银[ph:zh|xing2]行[/ph]", TABLE)
    assert marked.text == "你好我很难过。银行"
    assert marked.pauses == (Pause(2, 0.4),)
    assert marked.given[0].phones == ("x", "ing2") and marked.text[slice(*marked.given[0].span)] == "行"
    parts = [(marked.text[slice(*part.span)], part.style, part.pause) for part in marked.parts()]
    assert parts == [
        ("你好", StyleSpan(), 0),
        ("我很", StyleSpan("sad", 0.5), 0.4),
        ("难过", StyleSpan("sad", 0.5, 0.9), 0),
        ("。银行", StyleSpan(), 0),
    ]


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("a[laugh]b", r"position 1: got '\[laugh\]', expected one of the tags emotion"),
        ("[pause:99]", r"position 0: got '\[pause:99\]', expected 0 to 10 seconds"),
        ("[rate:fast]x", "expected 0.5 to 2 times"),
        ("[ph:zh|qq9]行[/ph]", "got 'qq9', expected pinyin"),
        ("[ph:zn|a]行[/ph]", "language of phones: got 'zn', expected one of zh, en"),
        ("[ph:zh|xing2]行", r"expected a closing \[/ph\]"),
        ("a[/emotion]", "position 1: .* expected an opening tag"),
        ("[emotion:sad][rate:1]x[/emotion]", r"expected \[/rate\]"),
        ("say [emotion:sad", "position 4: .* a closed tag"),
        ("[emotion:]x", "expected \\[emotion:NAME\\]"),
    ],
)
def test_strict_mode_names_tag_and_place(marked: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(marked, TABLE)


def test_forgiving_mode_keeps_what_is_spoken() -> None:
    marked = parse("a[laugh]b[ph:zh|qq9]行[/ph][pause:99]c[/rate]", TABLE, strict=False)
    assert marked.text == "ab行c" and len(marked.warnings) == 4 and not marked.given
    assert all("position" in warning for warning in marked.warnings)


def test_brackets_that_are_no_tags_are_text() -> None:
    assert parse("见[1]和[[pause]，[注]", TABLE).text == "见[1]和[pause]，[注]"


def test_open_styles_reach_to_the_end() -> None:
    marked = parse("[emotion:happy]hello [rate:1.2]world", TABLE)
    assert list(marked.parts())[-1].style == StyleSpan("happy", 1.0, 1.2)


def test_the_time_of_two_thousand_spans_is_linear() -> None:
    def parts_of(count: int) -> list[Part]:
        marked = "".join(f"[emotion:sad|0.{n % 10}]word[rate:1.1]s[/rate][/emotion] " for n in range(count))
        return list(parse(marked, TABLE).parts())

    assert growth(parts_of, 250) < 9
    parts = parts_of(1_000)
    assert len(parts) == 3_000
    assert (
        parts[3].style == StyleSpan("sad", 0.1)
        and parts[4].style == StyleSpan("sad", 0.1, 1.1)
        and parts[5].style == StyleSpan()
    )


def test_the_time_of_deeply_nested_spans_is_linear() -> None:
    def parts_of(count: int) -> list[Part]:
        marked = "".join(f"[emotion:e{n}]a" for n in range(count)) + "[/emotion]b" * count
        return list(parse(marked, TABLE).parts())

    assert growth(parts_of, 375) < 9
    parts = parts_of(1_500)
    assert [parts[n].style.emotion for n in (0, 1_499, 1_500, 2_998)] == ["e0", "e1499", "e1498", "e0"]
    assert parts[-1].style == StyleSpan()


@pytest.mark.parametrize(
    ("marked", "limits", "message"),
    [
        ("a" * 11, TextLimits(characters=10), "got '11 characters', expected at most 10"),
        ("[pause:1]a" * 3, TextLimits(pauses=2), "at most 2 pauses"),
        ("[pause:4]a" * 3, TextLimits(pause_seconds=10), "at most 10 seconds of pauses"),
        ("[rate:1]a[/rate]" * 3, TextLimits(spans=2), "at most 2 spans"),
        ("[pause:10]" * 1_000 + "a", TextLimits(), "at most 300 seconds of pauses"),
        ("a" * 190_000, TextLimits(), "at most 50000"),
    ],
)
def test_limits_are_stated(marked: str, limits: TextLimits, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(marked, TABLE, limits=limits)


def test_forgiving_mode_drops_what_is_too_much() -> None:
    marked = parse("[pause:10]a" * 50, TABLE, strict=False)
    assert len(marked.pauses) == 30 and len(marked.warnings) == 20 and marked.text == "a" * 50


def test_the_time_of_many_phones_by_hand_is_linear() -> None:
    frontend = EnglishFrontend()

    def phones_of(count: int) -> tuple[str, ...]:
        given = [Given(Span(5 * n, 5 * n + 4), "en", ("W",)) for n in range(count)]
        return frontend.read("word " * count, given=given).phones

    assert growth(phones_of, 1_000) < 9
    assert phones_of(4_000) == ("W",) * 4_000
