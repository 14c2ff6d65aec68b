"""Lines spoken ahead and kept, one voice for all who ask, and whose turn it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sovits_lab.dialogue.actor import SpeechOrder
from sovits_lab.dialogue.floor import Floor, Urgency
from sovits_lab.dialogue.performer import Budget, Performer, orders_ahead
from sovits_lab.dialogue.scene import SpokenBeat
from sovits_lab.dialogue.session import FilmSession
from sovits_lab.dialogue.speech_cache import KeptLine, SpeechCache
from sovits_lab.inference.streaming import SpokenPiece
from sovits_lab.inference.timings import Timings
from tests.dialogue.people import HummingActor, example
from tests.serving.servers import PATIENCE, wait_until


def test_a_kept_line_is_not_spoken_again_and_cut_ones_are_not_kept(tmp_path: Path) -> None:
    actor, order = HummingActor(), SpeechOrder("one two three four", "ann")
    performer = Performer(actor, SpeechCache(tmp_path))
    stops = iter([False, False, True, True, True])
    assert len(list(performer.perform(order, lambda: next(stops)))) == 2
    first = list(performer.perform(order, lambda: False))
    again = list(performer.perform(order, lambda: False))
    assert len(actor.orders) == 2 and not first[0].cached and again[0].cached
    assert np.array_equal(np.concatenate([one.wav for one in first]), np.concatenate([one.wav for one in again]))
    words = [one for piece in again for one in piece.timings.words]
    assert words == [one for piece in first for one in piece.timings.words]
    other = Performer(HummingActor(), SpeechCache(tmp_path))
    assert all(piece.cached for piece in other.perform(order, lambda: False))
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(b"not a line")
    third = Performer(HummingActor(), SpeechCache(tmp_path))
    assert not next(iter(third.perform(order, lambda: False))).cached


def test_the_cache_stays_within_its_bytes(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, memory=10_000, disk=20_000)
    line = KeptLine(np.zeros(2000, np.int16), 16_000, Timings())
    for number in range(12):
        cache.put(f"{number:064x}", line)
    assert cache.size <= 10_000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    assert cache.get(f"{11:064x}") is not None and cache.get(f"{0:064x}") is None


def test_what_is_spoken_ahead_is_what_is_asked_for_next() -> None:
    actor = HummingActor()
    session = FilmSession(example().scene(actor, 0, "en"), example())
    performer = Performer(actor, SpeechCache(), Budget(lines=1))
    question = list(session.turn())[-1]
    before = session.scene.save()
    assert performer.ahead(session.scene, lambda: False) == len(question.choices) == 3
    assert session.scene.save() == before
    spoken = len(actor.orders)
    session.choose(2)
    first = next(beat for beat in session.turn() if isinstance(beat, SpokenBeat))
    assert next(iter(performer.perform(first.order, lambda: False))).cached and len(actor.orders) == spoken
    assert performer.ahead(session.scene, lambda: True) == 0
    assert orders_ahead(session.scene, 2)[:1] == orders_ahead(session.scene, 1)[:1]


def test_speaking_ahead_stops_for_whoever_waits() -> None:
    actor = HummingActor()
    performer = Performer(actor, SpeechCache())
    session = FilmSession(example().scene(actor, 0, "en"), example())
    list(session.turn())
    actor.hold.clear()
    with ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(performer.ahead, session.scene, lambda: False)
        wait_until(lambda: actor.words == 1, "a line under way")
        order = SpeechOrder("a line that somebody waits for", "ann", seed=9)
        waiting = pool.submit(lambda: list(performer.perform(order, lambda: False)))
        wait_until(lambda: len(actor.orders) == 2, "the line under way that gave way")
        actor.hold.set()
        assert len(waiting.result(PATIENCE)) == 6 and ahead.result(PATIENCE) == 0
    assert [one.seed for one in actor.orders].index(9) == 1  # only the line under way was begun before it


def test_a_voice_computes_in_one_thread_whoever_asks() -> None:
    actor = HummingActor(delay=0.001)
    performer = Performer(actor, SpeechCache())
    orders = [SpeechOrder("one two three", "ann", seed=number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda order: list(performer.perform(order, lambda: False)), orders))
    assert actor.words == 24 and len(actor.threads) == 1


def test_speaking_ahead_ends_when_its_processor_time_is_spent() -> None:
    class SlowActor(HummingActor):
        def say(self, order: SpeechOrder, cancelled: Callable[[], bool]) -> Generator[SpokenPiece, None, tuple]:
            began = time.thread_time()
            while time.thread_time() - began < 0.05:
                pass
            return (yield from super().say(order, cancelled))

    session = FilmSession(example().scene(SlowActor(), 0, "en"), example())
    list(session.turn())
    for seconds, spoken in ((0.0, 0), (0.03, 0), (60.0, 3)):  # the second is spent before the first line is whole
        performer = Performer(SlowActor(), SpeechCache(), Budget(seconds))
        assert performer.ahead(session.scene, lambda: False) == spoken


def test_the_floor_goes_to_the_most_urgent_then_to_the_first() -> None:
    floor, order = Floor(), list[str]()

    def speak(name: str, urgency: Urgency) -> None:
        with floor.taken(urgency):
            order.append(name)

    with ThreadPoolExecutor(4) as pool, floor.taken(Urgency.AHEAD):  # given up as this block ends
        assert not floor.wanted()
        for count, (name, urgency) in enumerate(
            [("ahead", Urgency.AHEAD), ("next", Urgency.NEXT), ("now", Urgency.NOW), ("now too", Urgency.NOW)], 1
        ):
            pool.submit(speak, name, urgency)
            wait_until(lambda wanted=count: len(floor.waiting()) == wanted, "one more who waits")
        assert floor.wanted()
    assert order == ["now", "now too", "next", "ahead"]


def test_a_line_that_two_sessions_want_at_once_is_spoken_once() -> None:
    actor = HummingActor()
    performer, order = Performer(actor, SpeechCache()), SpeechOrder("one two three", "ann")
    actor.hold.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: list(performer.perform(order, lambda: False)))
        wait_until(lambda: actor.words == 1, "a line under way")
        second = pool.submit(lambda: list(performer.perform(order, lambda: False)))
        actor.hold.set()
        sounds = [np.concatenate([piece.wav for piece in one.result(PATIENCE)]) for one in (first, second)]
    assert len(actor.orders) == 1 and np.array_equal(*sounds)
