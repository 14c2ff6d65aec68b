"""Windows of a conversion end in pauses where there are some, are bounded where there are none, and lose nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sovits_lab.inference.conversion_windows import REACH, ConversionWindows, Wave, Window, windows
from sovits_lab.types import InputError
from tests.inference.voices import clip

RATE = 16_000
SIZES = ConversionWindows(2.0, 0.4, 0.2)


def talk(seed: int, seconds: float = 40.0, least: float = 0.2, most: float = 0.8) -> tuple[Wave, list[tuple[int, int]]]:
    """Voiced words with pauses of 0.2 to 0.5 s between, over soft noise; also where the pauses lie, in samples."""
    rng = np.random.default_rng(seed)
    parts: list[Wave] = []
    pauses: list[tuple[int, int]] = []
    size = 0
    while size < seconds * RATE:
        word = clip(rng.uniform(least, most), rng.uniform(90, 250))
        pause = np.zeros(round(rng.uniform(0.2, 0.5) * RATE), np.float32)
        parts += [word, pause]
        pauses.append((size + len(word), size + len(word) + len(pause)))
        size += len(word) + len(pause)
    wav = np.concatenate(parts)
    return wav + 1e-3 * rng.standard_normal(len(wav)).astype(np.float32), pauses


def blocks(wav: Wave, seed: int = 0) -> Iterator[Wave]:
    """The samples in blocks of any lengths."""
    rng = np.random.default_rng(seed)
    place = 0
    while place < len(wav):
        size = int(rng.integers(1, 9000))
        yield wav[place : place + size]
        place += size


def joins(cut: list[Window]) -> list[int]:
    """Where windows meet, in samples."""
    return [round(x * RATE) for x in np.cumsum([one.own for one in cut])[:-1]]


@pytest.mark.parametrize("seed", range(6))
def test_a_join_lies_in_a_pause_where_one_is_within_reach(seed: int) -> None:
    wav, pauses = talk(seed)
    cut = list(windows(blocks(wav), RATE, SIZES))
    assert len(cut) > 40 / 2
    for join in joins(cut):
        assert any(begin + RATE * 0.03 <= join <= end - RATE * 0.03 for begin, end in pauses), join / RATE


@pytest.mark.parametrize("seed", range(3))
def test_the_longer_of_two_pauses_is_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    short, long = np.zeros(int(0.2 * RATE), np.float32), np.zeros(int(0.6 * RATE), np.float32)
    around = [clip(float(x), 120.0) for x in (1.2, 0.3, 3.0)]
    order = [short, long] if rng.random() < 0.5 else [long, short]
    wav = np.concatenate([around[0], order[0], around[1], order[1], around[2]])
    first = next(windows(iter([wav]), RATE, ConversionWindows(3.0, 0.4, 0.2)))
    begin = len(around[0]) + (len(short) + len(around[1]) if order[1] is long else 0)
    assert begin < first.own * RATE < begin + len(long)


def test_without_pauses_windows_are_bounded_and_end_where_it_is_softest() -> None:
    wav = clip(21.0, 150.0)
    dip = slice(int(1.6 * RATE), int(1.76 * RATE))
    wav[dip] *= 0.3
    cut = list(windows(blocks(wav), RATE, SIZES))
    assert cut[0].own == pytest.approx(1.68, abs=0.05)
    own = [one.own for one in cut]
    assert sum(own) == pytest.approx(21.0) and max(own[:-1]) <= SIZES.seconds + 1e-6
    assert min(own[:-1]) >= (1 - REACH) * SIZES.seconds - 1e-6 and own[-1] < SIZES.seconds + SIZES.after


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [16_000, 32_000])
def test_windows_are_the_same_however_the_samples_come_and_join_to_the_recording(seed: int, rate: int) -> None:
    wav, _ = talk(seed)
    whole, parts = (list(windows(given, rate, SIZES)) for given in (iter([wav]), blocks(wav, seed)))
    assert [one.own for one in whole] == [one.own for one in parts]
    assert all(np.array_equal(a.wav, b.wav) for a, b in zip(whole, parts, strict=True))
    unit, place = rate // 25, 0
    for one in whole:
        own = one.wav[one.before * unit :][: round(one.own * rate)]
        assert np.array_equal(own, wav[place : place + len(own)])
        assert one.before == min(place // unit, round(SIZES.before * 25))
        place += len(own)
        following = len(one.wav) - one.before * unit - len(own)
        assert following == (0 if one.is_last else round(SIZES.after * rate))
    assert place == len(wav) and [one.is_last for one in whole] == [False] * (len(whole) - 1) + [True]


def test_a_stream_waits_for_one_window_and_its_look_ahead() -> None:
    wav, _ = talk(0)
    taken = []

    def heard() -> Iterator[Wave]:
        for place in range(0, len(wav), 160):
            taken.append(160)
            yield wav[place : place + 160]

    next(windows(heard(), RATE, SIZES))
    assert sum(taken) / RATE <= SIZES.latency + 0.01 + 1e-6


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.05, 2.0, 2.19, 2.2, 2.3])
def test_short_recordings_and_none(seconds: float) -> None:
    wav = clip(seconds, 150.0)
    cut = list(windows(iter([wav]), RATE, SIZES))
    assert sum(one.own for one in cut) == pytest.approx(seconds, abs=1e-4)
    assert len(cut) == (0 if not len(wav) else 1 if seconds < SIZES.latency else 2)


def test_sizes_that_are_no_windows_are_refused() -> None:
    with pytest.raises(InputError, match=r"windows\.seconds"):
        ConversionWindows(0.1)
    with pytest.raises(InputError, match=r"windows\.after"):
        ConversionWindows(1.0, 1.0, 0.01)
