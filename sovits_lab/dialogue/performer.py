"""Gives beats a voice: from the cache at once, or from the actor piece by piece; and speaks ahead what may come next.

One line is spoken at a time for everybody, the first of a turn before those after it (`floor`); a line that a player
waits for goes before everything that is spoken ahead, and stops it within one step of the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sovits_lab.dialogue.actor import SpeechOrder, VoiceActor
from sovits_lab.dialogue.floor import Floor, Urgency
from sovits_lab.dialogue.scene import Question, Scene, SpokenBeat
from sovits_lab.dialogue.speech_cache import KeptLine, SpeechCache, joined_line, pcm16
from sovits_lab.dialogue.voice_thread import VoiceThread
from sovits_lab.dialogue.writer import AuthoredWriter
from sovits_lab.inference.request import is_broken
from sovits_lab.inference.timings import Timings
from sovits_lab.types import InputError

PIECE_SECONDS = 0.4  # of a line that is there already
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class SoundPiece:
    """A piece of a line's sound with the phones and words that are over with it; `cached`: it was there already."""

    wav: NDArray[np.int16]
    timings: Timings
    cached: bool


@dataclass
class Budget:
    """What speaking ahead may cost.

    Attributes:
        seconds: of processor time for each question.
        lines: spoken ahead for each choice.
    """

    seconds: float = 20.0
    lines: int = 1


class Performer:
    """Speaks orders, through a cache. Threads may share it.

    Args:
        actor: the voice.
        cache: of spoken lines.
        budget: of speaking ahead.
    """

    def __init__(self, actor: VoiceActor, cache: SpeechCache, budget: Budget | None = None) -> None:
        self.actor, self.cache, self.budget = actor, cache, budget or Budget()
        self._floor, self._voice = Floor(), VoiceThread()

    def perform(self, order: SpeechOrder, cancelled: Cancelled, urgency: Urgency = Urgency.NOW) -> Iterator[SoundPiece]:
        """Yield the sound of an order.

        Raises:
            InputError: the voice cannot speak it.
        """
        key = order.key(self.actor.model)
        if (line := self.cache.get(key)) is not None:
            yield from _cut(line)
            return
        with self._floor.taken(urgency):
            line = self.cache.get(key, counted=False)  # another session may have been given it meanwhile
            yield from self._spoken(order, key, cancelled) if line is None else _cut(line)

    def ahead(self, scene: Scene, cancelled: Cancelled) -> int:
        """Speak the first lines behind every visible choice, while the player reads; returns how many were spoken.

        It stops for whoever waits for a line, and when the budget is spent.
        """
        left, spoken = self.budget.seconds, 0
        for order in orders_ahead(scene, self.budget.lines):
            key = order.key(self.actor.model)
            if self.cache.get(key, counted=False) is not None:
                continue
            if left <= 0 or cancelled() or self._floor.wanted():
                break
            with self._floor.taken(Urgency.AHEAD):  # so all that the voice computes now is for this line
                end = self._voice.seconds + left
                pieces = list(self._spoken(order, key, partial(self._must_stop, cancelled, end)))
                left = end - self._voice.seconds
            spoken += bool(pieces) and self.cache.get(key, counted=False) is not None
        self.cache.count.prefetched += spoken
        return spoken

    def _must_stop(self, cancelled: Cancelled, end: float) -> bool:
        return cancelled() or self._floor.wanted() or self._voice.seconds > end

    def _spoken(self, order: SpeechOrder, key: str, cancelled: Cancelled) -> Iterator[SoundPiece]:
        """The actor's pieces; a line that was spoken to its end, without a fault, is kept."""
        made: list[tuple[NDArray[np.int16], Timings]] = []
        stream = self._voice.steps(self.actor.say(order, cancelled))
        flags: tuple[str, ...] = ()
        while True:
            try:
                piece = next(stream)
            except StopIteration as end:
                flags = tuple(end.value or ())
                break
            made.append((pcm16(piece.wav), piece.timings))
            yield SoundPiece(made[-1][0], piece.timings, False)
        if "cancelled" not in flags and not cancelled() and not is_broken(flags):
            self.cache.put(key, joined_line(made, self.actor.sample_rate, flags))


def orders_ahead(scene: Scene, lines: int) -> list[SpeechOrder]:
    """Return what the voice would be asked for first behind each choice that is offered now, without moving the scene.

    A line that a language model may write is left out: nobody knows its words yet.
    """
    found: list[SpeechOrder] = []
    for choice in scene.story.choices:
        scout = scene.fork(AuthoredWriter())
        try:
            scout.choose(choice.index)
            left = lines
            while left:
                beat = scout.next_beat()
                if isinstance(beat, SpokenBeat) and not beat.line.direction.write:
                    found.append(beat.order)
                    left -= 1
                elif isinstance(beat, Question) or not hasattr(beat, "text"):
                    break
        except InputError:  # a fault behind a choice is told when the player goes there
            continue
    return list(dict.fromkeys(found))


def _cut(line: KeptLine) -> Iterator[SoundPiece]:
    """A kept line in pieces, each with the phones and words that are over with it."""
    size = max(1, round(PIECE_SECONDS * line.sample_rate))
    known = Timings()
    for start in range(0, max(len(line.wav), 1), size):
        wav = line.wav[start : start + size]
        over = (start + len(wav)) / line.sample_rate + 1e-6 if start + size < len(line.wav) else np.inf
        now = Timings(
            tuple(one for one in line.timings.phones if one.end <= over),
            tuple(one for one in line.timings.words if one.end <= over),
            line.timings.estimated,
        )
        yield SoundPiece(wav, now.after(known), True)
        known = now
