"""Many players of a served film at once: none may get what is another's, lose a line, or hear one twice."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from sovits_lab.dialogue.scene import Narration, Scene, SpokenBeat, Wording
from sovits_lab.dialogue.session import FilmSession, StoryFilm
from sovits_lab.dialogue.story import Story
from sovits_lab.dialogue.writer import load_templates
from sovits_lab.types import InputError, got

ANSWER = 60.0  # s that a message may take before a player gives up
SPOKEN_SHARE = 0.2  # of the turns are spoken words in place of a button


class FilmFaultError(Exception):
    """What should not have come to a player."""


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise FilmFaultError(fault)


@dataclass
class SoakCount:
    """What all players together have met. Times are milliseconds from an event to its first sound."""

    live: list[float] = field(default_factory=list)
    cached: list[float] = field(default_factory=list)
    films: int = 0
    lines: int = 0
    drops: int = 0
    faults: list[str] = field(default_factory=list)
    sounds: dict[tuple[Any, ...], set[str]] = field(default_factory=lambda: defaultdict(set))
    lock: threading.Lock = field(default_factory=threading.Lock)


def soak_film(
    film: StoryFilm,
    address: str,
    players: int,
    minutes: float,
    drops: int,
    seed: int,
    count: SoakCount,
    thinking: float = 5.0,
) -> Iterator[str]:
    """Play by chance with so many players until the time is over, and go on until so many connections were dropped.

    Args:
        film: as the server plays it, to tell whose lines came.
        address: of the server, http://HOST:PORT.
        players: at once.
        minutes: of playing.
        drops: connections that are dropped in mid-line and resumed.
        seed: of choices, pauses and drops.
        count: takes what is met, faults among it.
        thinking: seconds that a player takes at most over a question, once the lines before it were heard.

    Yields:
        Lines of text with what was met.

    Raises:
        InputError: no film is served there.
    """
    if not address.startswith("http://"):
        raise got("address", address, "that of `film serve`, such as http://127.0.0.1:8765")
    end = time.monotonic() + 60 * minutes
    try:
        health = [_health(address)]
    except OSError as error:
        raise InputError(f"address {address}: nobody serves a film there ({error})") from error
    with ThreadPoolExecutor(players) as pool:
        work = [
            pool.submit(_play, film, address, count, end, drops, seed + place, thinking) for place in range(players)
        ]
        while not all(one.done() for one in work):
            time.sleep(min(30.0, max(0.1, 10 * minutes)))
            health.append(_health(address))
            yield f"  {len(health) - 1}: {count.lines} lines, {health[-1]}"
        for one in work:
            one.result()
    yield f"{players} players, {minutes:g} minutes: {count.films} films to their end, {count.lines} lines"
    for name, times in (("event to first sound, live", count.live), ("event to first sound, was there", count.cached)):
        if times:
            median, late = np.percentile(times, (50, 95))
            yield f"{name:<32}p50 {median:7.1f} ms   p95 {late:7.1f} ms   n {len(times)}"
    differing = sum(len(found) > 1 for found in count.sounds.values())
    yield f"{count.drops} connections dropped in mid-line; {differing} of {len(count.sounds)} lines differed"
    yield f"{len(count.faults)} faults{''.join(f'; {one}' for one in count.faults[:5])}"


def _play(film: StoryFilm, address: str, count: SoakCount, end: float, drops: int, seed: int, thinking: float) -> None:
    draw = random.Random(seed)
    while time.monotonic() < end or count.drops < drops:
        try:
            _Player(film, address, count, draw, thinking).play()
        except (FilmFaultError, ConnectionClosed, OSError, KeyError) as error:
            count.faults.append(f"{type(error).__name__}: {error}")
            if len(count.faults) > 100:
                return


class _Player:
    """One film from its beginning to its end, as a page would play it, with every message checked."""

    def __init__(self, film: StoryFilm, address: str, count: SoakCount, draw: random.Random, thinking: float) -> None:
        self.film, self.count, self.draw, self.thinking = film, count, draw, thinking
        self.socket_address = address.replace("http://", "ws://").rstrip("/") + "/film"
        self.seed, self.seq, self.session = draw.randrange(2**31), 0, ""
        self.lines: list[tuple[str, str]] = []
        self.events: list[dict[str, Any]] = []
        self.playing_until = 0.0

    def play(self) -> None:
        """Play; raises FilmFaultError for what should not have come."""
        self.connection = self._opened({"type": "start", "seed": self.seed})
        asked: float | None = time.perf_counter()
        line: dict[str, Any] = {}
        digest = hashlib.sha256()
        while True:
            message = json.loads(self.connection.recv(timeout=ANSWER))
            _require(message["seq"] == self.seq + 1, f"message {message['seq']} after {self.seq}")
            self.seq, kind = message["seq"], message["type"]
            _require(kind != "error", str(message.get("message")))
            if kind == "hello":
                self.session = message["session"]
            elif kind == "line":
                line, digest = message, hashlib.sha256()
            elif kind == "audio":
                _require(message["id"] == line["id"], "sound of another line")
                if asked is not None:
                    times = self.count.cached if message["cached"] else self.count.live
                    times.append(1000 * (time.perf_counter() - asked))
                    asked = None
                digest.update(base64.b64decode(message["pcm"]))
                self._drop()
            elif kind == "line_end":
                self._ended(line, message, digest.hexdigest())
            elif kind == "choices":
                self._answer(message["choices"])
                asked = time.perf_counter()
            elif kind == "end":
                break
            if kind in ("line", "narration"):
                self.lines.append((message["id"], message["text"]))
        self.connection.close()
        _require(self.lines == self._expected(), "lines of another film")
        self.count.films += 1

    def _opened(self, message: dict[str, Any]) -> ClientConnection:
        connection = connect(self.socket_address, open_timeout=ANSWER, max_size=None)
        connection.send(json.dumps(message))
        return connection

    def _drop(self) -> None:
        """Now and then, pull the cable in mid-line and come back."""
        if self.draw.random() < 0.02:
            self.connection.socket.shutdown(socket.SHUT_RDWR)
            self.connection = self._opened({"type": "resume", "session": self.session, "after": self.seq})
            with self.count.lock:
                self.count.drops += 1

    def _ended(self, line: dict[str, Any], message: dict[str, Any], digest: str) -> None:
        _require(message["id"] == line["id"] and message["sha256"] == digest and not message["flags"], str(message))
        how = line["character"], line["text"], line["emotion"], line["strength"], line["id"]
        self.playing_until = max(self.playing_until, time.monotonic()) + message["seconds"]
        with self.count.lock:
            self.count.lines += 1
            self.count.sounds[how].add(digest)

    def _answer(self, choices: list[dict[str, Any]]) -> None:
        time.sleep(max(0.0, self.playing_until - time.monotonic()) + self.draw.uniform(0.2, 1) * self.thinking)
        chosen = self.draw.choice(choices)
        event = {"say": chosen["text"]} if self.draw.random() < SPOKEN_SHARE else {"choose": chosen["index"]}
        self.events.append(event)
        key, value = next(iter(event.items()))
        name = "text" if key == "say" else "index"
        self.connection.send(json.dumps({"type": key, name: value}))

    def _expected(self) -> list[tuple[str, str]]:
        """Lines that this seed and these events lead to, by the story alone."""
        cast, language = self.film.cast, self.film.cast.language
        story, writer = Story(self.film.compiled, self.film.name), load_templates(self.film.folder, language)
        words = Wording(language, spoken=language)
        scene = Scene(story, cast, dict.fromkeys(cast.characters, ("", 0.0)), writer, self.seed, words)
        session, found = FilmSession(scene, self.film), list[tuple[str, str]]()
        for event in [None, *self.events]:
            if event is not None:
                session.choose(event["choose"]) if "choose" in event else session.say(event["say"])
            for beat in session.turn():
                if isinstance(beat, SpokenBeat):
                    found.append((beat.line.id, beat.text))
                elif isinstance(beat, Narration):
                    found.append((beat.id, beat.text))
        return found


def _health(address: str) -> str:
    """What the server says of itself."""
    with urlopen(f"{address.rstrip('/')}/health", timeout=ANSWER) as answer:  # noqa: S310
        return ", ".join(f"{key} {value}" for key, value in json.load(answer).items())
