"""One player's film: its events, what came of them, and the same again from seed and events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sovits_lab.dialogue.actor import VoiceActor, deal_voices
from sovits_lab.dialogue.cast import Cast, load_cast
from sovits_lab.dialogue.scene import Beat, Ending, Question, Scene, SpokenBeat, Wording, beat_facts
from sovits_lab.dialogue.story import Story
from sovits_lab.dialogue.translations import load_strings
from sovits_lab.dialogue.writer import LineWriter, Situation, TemplateWriter, WrittenLine, load_templates
from sovits_lab.files import parse_json, write_whole
from sovits_lab.types import InputError, got

VERSION = 1
MOST_EVENTS = 100_000


@dataclass(frozen=True)
class StoryFilm:
    """A story with its people and words, as a folder holds them, ready to be played many times.

    Attributes:
        compiled: the story as ink's compiler wrote it.
        name: of its file.
        cast: its people.
        folder: where it lies.
    """

    compiled: str
    name: str
    cast: Cast
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> StoryFilm:
        """Read `story.ink.json` and `cast.yaml` of a folder. Raises InputError for what is wrong in them."""
        story = Story.load(folder / "story.ink.json")
        return cls(json.dumps(story.document), story.name, load_cast(folder), folder)

    @property
    def hash(self) -> str:
        """Return what tells one version of the story from another."""
        return hashlib.sha256(self.compiled.encode()).hexdigest()[:16]

    def scene(self, actor: VoiceActor, seed: int, language: str, writer: LineWriter | None = None) -> Scene:
        """Return the story at its beginning, in a language of its own or of its string tables."""
        writer = writer or load_templates(self.folder, language)
        story = Story(self.compiled, self.name)
        return Scene(story, self.cast, deal_voices(self.cast, actor), writer, seed, self.wording(actor, language))

    def wording(self, actor: VoiceActor, language: str) -> Wording:
        """Return the words of a language, the story's own or one of its string tables, and which of them are spoken."""
        strings = {} if language == self.cast.language else load_strings(self.folder, language)
        return Wording(language, strings, language if language in actor.languages else self.cast.language)


@dataclass
class FilmSession:
    """A film under way with a log of its events and beats.

    Attributes:
        scene: where it stands.
        film: what is played.
        events: what the player did: {"choose": index}, {"say": words} or {"translate": language}.
        beats: what came of it, see `beat_facts`.
    """

    scene: Scene
    film: StoryFilm
    events: list[dict[str, Any]] = field(default_factory=list)
    beats: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun_in = self.scene.wording.language

    def turn(self, cancelled: Callable[[], bool] | None = None) -> Iterator[Beat]:
        """Yield beats up to and with the next question or the end."""
        while True:
            beat = self.scene.next_beat(cancelled)
            facts = beat_facts(beat)
            if not isinstance(beat, Question) or self.beats[-1:] != [facts]:  # a question asked again is one question
                self.beats.append(facts)
            yield beat
            if isinstance(beat, Question | Ending):
                return

    def choose(self, index: int) -> None:
        """Take a choice. Raises InputError for one that is not offered."""
        self.scene.choose(index)
        self._log({"choose": index})

    def say(self, words: str) -> int | None:
        """Take free words; returns the choice that they mean, or None."""
        index = self.scene.say(words)
        self._log({"say": words})
        return index

    def translate(self, actor: VoiceActor, language: str) -> None:
        """Go on in another language. Raises InputError for one without a table of strings."""
        self.scene.wording = self.film.wording(actor, language)
        if isinstance(self.scene.writer, TemplateWriter):
            self.scene.writer = load_templates(self.film.folder, language)
        self._log({"translate": language})

    def note_sound(self, digest: str) -> None:
        """Remember the hash of the sound of the line that was spoken last."""
        self.beats[-1]["sound"] = digest

    def save(self, path: Path) -> None:
        """Write the session to a file."""
        write_whole(path, json.dumps(self.document(), ensure_ascii=False, indent=1).encode())

    def document(self) -> dict[str, Any]:
        """Return the session as it is written to a file."""
        scene = self.scene
        return {
            "version": VERSION, "story": self.film.hash, "seed": scene.seed, "language": self.begun_in,
            "events": self.events, "beats": self.beats, "state": scene.save(),
        }  # fmt: skip

    def _log(self, event: dict[str, Any]) -> None:
        if len(self.events) >= MOST_EVENTS:
            raise InputError(f"session: got more than {MOST_EVENTS} events, expected a story that ends")
        self.events.append(event)


def load_session(text: str, film: StoryFilm, actor: VoiceActor, writer: LineWriter | None = None) -> FilmSession:
    """Return a saved session where it stood.

    Raises:
        InputError: no saved session, or one of another story.
    """
    found = checked_document(text, film)
    begun_in, *later = [found["language"], *(one["translate"] for one in found["events"] if "translate" in one)]
    scene = film.scene(actor, found["seed"], later[-1] if later else begun_in, writer)
    scene.restore(found["state"])
    session = FilmSession(scene, film, found["events"], found["beats"])
    session.begun_in = begun_in
    return session


def replay_session(
    text: str, film: StoryFilm, actor: VoiceActor, speak: Callable[[SpokenBeat], str] | None = None
) -> FilmSession:
    """Play a saved session again from its seed and events; lines that a writer wrote are taken from its log.

    Args:
        text: the saved session.
        film, actor: as it was played with.
        speak: speaks a line and returns the hash of its sound, which the new log then holds; None speaks nothing.

    Raises:
        InputError: see `load_session`.
    """
    found = checked_document(text, film)
    written = [beat["written"] for beat in found["beats"] if beat.get("written")]
    session = FilmSession(film.scene(actor, found["seed"], found["language"], RecordedWriter(written)), film)
    for event in [None, *found["events"]]:
        if event is not None and "choose" in event:
            session.choose(event["choose"])
        elif event is not None and "say" in event:
            session.say(event["say"])
        elif event is not None:
            session.translate(actor, event["translate"])
        for beat in session.turn():
            if speak is not None and isinstance(beat, SpokenBeat):
                session.note_sound(speak(beat))
    return session


class RecordedWriter:
    """Gives the answers of the writer of a session that was played, in their order."""

    def __init__(self, written: Iterable[Mapping[str, Any]]) -> None:
        self._left = iter(written)

    def write(self, situation: Situation, cancelled: Callable[[], bool] | None = None) -> WrittenLine:
        """Return the next recorded answer. Raises InputError where the session was asked for fewer."""
        one = next(self._left, None)
        if one is None:
            raise InputError("saved session: got fewer written lines than the story asks for; it was changed by hand")
        return WrittenLine(one["text"], one["emotion"], one["strength"], one["source"], one["refused"])


def checked_document(text: str, film: StoryFilm) -> dict[str, Any]:
    """Return the content of a saved session. Raises InputError for something else."""
    found = parse_json(text, "saved session")
    kinds = {"version": int, "story": str, "seed": int, "language": str, "events": list, "beats": list, "state": str}
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in kinds.items()):
        raise InputError("saved session: got another file, expected what `save` wrote")
    if found["version"] != VERSION:
        raise got("saved session: version", found["version"], str(VERSION))
    if found["story"] != film.hash:
        raise got(
            "saved session: story", found["story"], f"{film.hash} ({film.name}); it was saved with another version"
        )
    if not all(map(_is_event, found["events"])):
        raise InputError("saved session: events: expected {choose: index}, {say: words} or {translate: language}")
    return found


def _is_event(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    return isinstance(one.get("choose"), int) or any(isinstance(one.get(word), str) for word in ("say", "translate"))
