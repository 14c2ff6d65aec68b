"""Timings of a film's turns: event to first sound, by part; lines that were there already; how many were."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.scene import Question, SpokenBeat
from sovits_lab.dialogue.session import FilmSession, StoryFilm
from sovits_lab.dialogue.writer import LineWriter

WARM_UP = 3


def bench_film(
    film: StoryFilm,
    performer: Performer,
    turns: int,
    seed: int,
    language: str,
    writer: LineWriter | None = None,
) -> Iterator[str]:
    """Play by chance until so many lines are timed, first each line live, then from the cache, then spoken ahead.

    With a writer that is a language model only the lines that it may write are timed, and no others.

    Yields:
        Lines of text with medians and 95th percentiles in milliseconds.
    """
    draw = random.Random(seed)
    if writer is not None:
        yield from _written(film, performer, draw, language, turns, writer)
        return
    live: list[tuple[float, float, float]] = []
    kept: list[float] = []
    spoken = processor = 0.0
    for beat, story_ms in _lines(film, performer, draw, language, turns + WARM_UP):
        performer.cache.forget()
        began, cpu = time.perf_counter(), time.process_time()
        first, taken, seconds = _first_sound(performer, beat)
        processor += time.process_time() - cpu
        spoken += seconds
        live.append((story_ms, 1000 * (first - began), 1000 * (taken - cpu)))
        began = time.perf_counter()
        kept.append(1000 * (_first_sound(performer, beat)[0] - began))
    live, kept = live[WARM_UP:], kept[WARM_UP:]
    story, voice, computing = (np.array(part) for part in zip(*live, strict=True))
    yield _row("event to first sound, live", story + voice)
    yield _row("  story, mood and writer", story)
    yield _row("  voice", voice)
    yield _row("  of it processor time", computing)
    yield _row("line that was there already", np.array(kept))
    yield f"real-time factor (processor): {processor / spoken:.3f} over {spoken:.0f} s of speech"
    performer.cache.forget()
    yield _walk(film, performer, draw, language)


def _written(
    film: StoryFilm, performer: Performer, draw: random.Random, language: str, turns: int, writer: LineWriter
) -> Iterator[str]:
    """Time lines that a model may write, from the event, and from the end of the model's first clause."""
    whole, after = list[float](), list[float]()
    reasons = Counter[str]()
    for beat, story_ms in _lines(film, performer, draw, language, None, writer):
        if not beat.line.direction.write:
            continue
        began = time.perf_counter()
        first = _first_sound(performer, beat)[0]
        reasons[beat.written.refused or beat.written.source] += 1
        if beat.written.source == "model":
            whole.append(story_ms + 1000 * (first - began))
            after.append(1000 * (first - getattr(writer, "clause_at", 0.0)))
        if sum(reasons.values()) >= turns:
            break
    if whole:
        yield _row("event to first sound, written", np.array(whole))
        yield _row("  from the first clause on", np.array(after))
    yield "lines: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())


def _walk(film: StoryFilm, performer: Performer, draw: random.Random, language: str) -> str:
    """Ten walks to an ending with speaking ahead at each question: how many lines were there when asked for."""
    count = performer.cache.count
    count.asked = count.found = count.prefetched = 0
    for walk in range(10):
        session = FilmSession(film.scene(performer.actor, walk, language), film)
        while True:
            beats = list(session.turn())
            for beat in beats:
                if isinstance(beat, SpokenBeat):
                    _first_sound(performer, beat)
            question = beats[-1]
            if not isinstance(question, Question):
                break
            performer.ahead(session.scene, lambda: False)
            session.choose(draw.choice(question.choices).index)
    share = 100 * count.found / max(count.asked, 1)
    there = f"{count.found} of {count.asked} lines were there already ({share:.0f} %)"
    return f"ten walks: {there}, {count.prefetched} spoken ahead"


def _lines(
    film: StoryFilm,
    performer: Performer,
    draw: random.Random,
    language: str,
    count: int | None,
    writer: LineWriter | None = None,
) -> Iterator[tuple[SpokenBeat, float]]:
    """Spoken beats of chance walks, each with the milliseconds that the story took for it; endless without a count."""
    done = 0
    while count is None or done < count:
        session = FilmSession(film.scene(performer.actor, draw.randrange(2**31), language, writer), film)
        question = None
        while question is None or question.choices:
            began = time.perf_counter()
            for beat in session.turn():
                if isinstance(beat, SpokenBeat):
                    yield beat, 1000 * (time.perf_counter() - began)
                    done += 1
                began = time.perf_counter()
                question = beat if isinstance(beat, Question) else question
            if not isinstance(beat, Question) or (count is not None and done >= count):
                break
            session.choose(draw.choice(beat.choices).index)


def _first_sound(performer: Performer, beat: SpokenBeat) -> tuple[float, float, float]:
    """When the first sound came, by the clock and in processor time of this process, and seconds of sound in all."""
    first, samples = None, 0
    for piece in performer.perform(beat.order, lambda: False):
        if first is None and len(piece.wav):
            first = time.perf_counter(), time.process_time()
        samples += len(piece.wav)
    return *(first or (time.perf_counter(), time.process_time())), samples / performer.actor.sample_rate


def _row(what: str, values: np.ndarray) -> str:
    median, late = np.percentile(values, (50, 95))
    return f"{what:<30}p50 {median:7.1f} ms   p95 {late:7.1f} ms   n {len(values)}"
