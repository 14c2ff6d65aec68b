"""A session on stage: events in, numbered messages out, kept so that a lost connection misses nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from sovits_lab.dialogue.floor import Urgency
from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.protocol import (
    ChoicesOffered,
    Choose,
    Ended,
    Fault,
    LineBegun,
    LineEnded,
    MoodNow,
    Narrated,
    Numbered,
    Saved,
    Say,
    Sound,
    Understood,
)
from sovits_lab.dialogue.scene import Beat, Ending, Narration, Question, SpokenBeat
from sovits_lab.dialogue.session import FilmSession
from sovits_lab.dialogue.visemes import visemes_of
from sovits_lab.files import MIB
from sovits_lab.types import InputError

MOST_KEPT = 8 * MIB  # of messages for a connection that comes back: about three minutes of speech


class FilmStage:
    """Plays one session. One thread plays it; others may listen, cancel and read.

    Args:
        session: the film under way.
        performer: gives it a voice.
        tell: called with every new message, in order.

    Attributes:
        ended: whether the story is over.
        seq: number of the last message.
    """

    def __init__(self, session: FilmSession, performer: Performer, tell: Callable[[dict[str, Any]], None]) -> None:
        self.session, self.performer, self.tell = session, performer, tell
        self._kept: deque[tuple[int, str]] = deque()
        self._bytes, self.seq, self._asking_again = 0, 0, False
        self._asked: deque[int] = deque([0, 0], maxlen=2)
        self._cancelled = threading.Event()
        self._overtaken: Callable[[], bool] = _never
        self._urgency, self.ended = Urgency.NOW, False
        self._playing, self._sending = threading.Lock(), threading.Lock()

    def send(self, message: Numbered) -> None:
        """Send a message: it gets its number, is kept, and is told."""
        with self._sending:
            self.seq, seen = self.seq + 1, 0
            message.seq = self.seq
            found = message.model_dump(mode="json")
            text = json.dumps(found, ensure_ascii=False)
            self._kept.append((self.seq, text))
            self._bytes += len(text)
            if isinstance(message, ChoicesOffered) and self._asking_again:
                self._asked[-1] = self.seq
            elif isinstance(message, ChoicesOffered):
                seen = self._asked[0]  # answered by a client that had it, and so all before it
                self._asked.append(self.seq)
            while self._kept[0][0] <= seen or (self._bytes > MOST_KEPT and len(self._kept) > 1):
                self._bytes -= len(self._kept.popleft()[1])
            self.tell(found)

    @property
    def question(self) -> int:
        """Number of the choices that were offered last, 0 before the first."""
        return self._asked[-1]

    def since(self, after: int) -> Iterator[dict[str, Any]]:
        """Yield the messages after number `after`.

        Raises:
            InputError: a number that was never sent, or messages that are no longer kept.
        """
        with self._sending:
            kept = list(self._kept)
        if after > self.seq:
            raise InputError(f"resume: got after={after}, expected at most {self.seq}")
        if kept and after < kept[0][0] - 1:
            raise InputError(f"resume: got after={after}, expected at least {kept[0][0] - 1}; start again or load")
        for seq, text in kept:
            if seq > after:
                yield json.loads(text)

    def cancel(self) -> None:
        """Stop the voice within one step of its decoder; the turn goes on as text."""
        self._cancelled.set()

    def play(self, event: Choose | Say | None, overtaken: Callable[[], bool] = lambda: False) -> None:
        """Play one turn, from an event to the next question; None begins the story.

        An event that comes while a turn is played waits for it; whoever sends one cancels first.

        Args:
            event: what the player did.
            overtaken: whether a later event has come, perhaps before this one was begun; then it is not spoken.
        """
        with self._playing:
            try:
                self._take(event)
                self._cancelled.clear()
                self._overtaken, self._urgency = overtaken, Urgency.NOW
                for beat in self.session.turn(self._silenced):
                    self._show(beat)
            except InputError as error:
                self.send(Fault(message=str(error)))
            finally:
                self._overtaken = _never

    def translate(self, language: str, greet: Callable[[], Numbered]) -> None:
        """Go on in another language, once a turn that is played is over: greet anew and ask the question that stands.

        Args:
            language: that is played from now on; one that the film lacks is told as a fault.
            greet: makes the greeting, once the language is changed.
        """
        with self._playing:
            try:
                self.session.translate(self.performer.actor, language)
                self.send(greet())
                self._asking_again = True
                for beat in () if self.ended else self.session.turn():
                    self._show(beat)
            except InputError as error:
                self.send(Fault(message=str(error)))
            finally:
                self._asking_again = False

    def _silenced(self) -> bool:
        return self._cancelled.is_set() or self._overtaken()

    def saved(self) -> Saved:
        """Return the session as a file; a turn that is played is waited for."""
        with self._playing:
            return Saved(saved=json.dumps(self.session.document(), ensure_ascii=False))

    def speak_ahead(self, cancelled: Callable[[], bool]) -> int:
        """Speak the first lines behind every choice, while the player reads."""
        with self._playing:
            scene = self.session.scene.fork(self.session.scene.writer)
        return self.performer.ahead(scene, cancelled)

    def _take(self, event: Choose | Say | None) -> None:
        if isinstance(event, Choose):
            self.session.choose(event.index)
        elif isinstance(event, Say):
            self.send(Understood(index=self.session.say(event.text)))

    def _show(self, beat: Beat) -> None:
        if isinstance(beat, Narration):
            self.send(Narrated(id=beat.id, text=beat.text))
        elif isinstance(beat, SpokenBeat):
            self._speak(beat)
        elif isinstance(beat, Question):
            pairs = zip(beat.choices, beat.texts, strict=True)
            self.send(ChoicesOffered(choices=[{"index": one.index, "id": one.id, "text": text} for one, text in pairs]))
        elif isinstance(beat, Ending):
            self.ended = True
            self.send(Ended(ending=beat.name))

    def _speak(self, beat: SpokenBeat) -> None:
        spoken = not self._silenced()
        mood = self.session.scene.moods[beat.character]
        self.send(MoodNow(character=beat.character, feelings=dict(mood.feelings)))
        emotion, strength = beat.manner
        source, name = beat.written.source, beat.line.id
        self.send(
            LineBegun(
                id=name, character=beat.character, text=beat.text, emotion=emotion, strength=strength, source=source,
                pause=beat.pause, spoken=spoken,
            )
        )  # fmt: skip
        if not spoken:
            return
        samples, digest = 0, hashlib.sha256()
        flags: list[str] = []
        try:
            pieces = self.performer.perform(beat.order, self._silenced, self._urgency)
            self._urgency = Urgency.NEXT  # while this one is heard
            for index, piece in enumerate(pieces):
                data = piece.wav.astype("<i2").tobytes()
                samples += len(piece.wav)
                digest.update(data)
                shapes = [(one.shape, one.start, one.end) for one in visemes_of(piece.timings.phones)]
                words = [(one.word, one.start, one.end) for one in piece.timings.words]
                pcm = base64.b64encode(data).decode()
                self.send(Sound(id=name, index=index, pcm=pcm, visemes=shapes, words=words, cached=piece.cached))
        except InputError as error:  # a line that the voice cannot speak stays on the screen, and the story goes on
            flags.append("unspoken")
            self.send(Fault(message=f"line {name}: {error}"))
        if self._silenced():
            flags.append("cancelled")
        if not flags:  # of a line that was cut off nobody can tell how far it came
            self.session.note_sound(digest.hexdigest())
        seconds = samples / self.performer.actor.sample_rate
        self.send(LineEnded(id=name, seconds=seconds, flags=flags, sha256=digest.hexdigest()))


def _never() -> bool:
    return False
