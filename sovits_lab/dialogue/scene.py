"""The loop of a film: event -> story -> moods -> line -> how it is spoken. It makes no sound and knows no clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sovits_lab.dialogue.actor import SpeechOrder
from sovits_lab.dialogue.cast import Cast
from sovits_lab.dialogue.decision import decide
from sovits_lab.dialogue.mood import LineManner, Mood
from sovits_lab.dialogue.story import Story, StoryChoice, StoryLine
from sovits_lab.dialogue.writer import LineWriter, Situation, WrittenLine
from sovits_lab.files import parse_json
from sovits_lab.types import InputError, got

REMEMBERED = 12  # lines that a writer sees
Voices = Mapping[str, tuple[str, float]]


@dataclass(frozen=True)
class Narration:
    """A line that nobody says."""

    id: str
    text: str


@dataclass(frozen=True)
class SpokenBeat:
    """A line that a character says: who, what, how, and the order for the voice."""

    line: StoryLine
    character: str
    text: str
    manner: LineManner
    order: SpeechOrder
    pause: float
    written: WrittenLine


@dataclass(frozen=True)
class Question:
    """The player must choose, or may say something."""

    choices: tuple[StoryChoice, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Ending:
    """The story is over."""

    name: str


Beat = Narration | SpokenBeat | Question | Ending


@dataclass(frozen=True)
class Wording:
    """In which words a story is played.

    Attributes:
        language: that is played.
        strings: words by id in that language; empty for the story's own.
        spoken: the language that the voice reads, where it cannot read the played one: then it says a line's own words.
    """

    language: str = "en"
    strings: Mapping[str, str] = field(default_factory=dict)
    spoken: str = "en"


class Scene:
    """A story under way.

    Args:
        story: at its beginning, or anywhere.
        cast: its people.
        voices: character -> speaker and pitch shift, see `deal_voices`.
        writer: of lines that ask for one.
        seed: of the story's chances and of the writer's.
        wording: in which words; it may be changed between two beats.
    """

    def __init__(
        self,
        story: Story,
        cast: Cast,
        voices: Voices,
        writer: LineWriter,
        seed: int = 0,
        wording: Wording | None = None,
    ) -> None:
        self.story, self.cast, self.voices, self.writer = story, cast, voices, writer
        self.seed, self.wording = seed, wording or Wording()
        self.moods: dict[str, Mood] = {name: Mood() for name in cast.characters}
        self.history: list[tuple[str, str]] = []
        self.turn, self.player, self._ending = 0, "", ""
        story.seed(seed)

    def next_beat(self, cancelled: Callable[[], bool] | None = None) -> Beat:
        """Go on to the next line, question or end.

        Raises:
            InputError: a fault of the story, with its knot.
        """
        line = self.story.advance()
        if line is None:
            choices = self.story.choices
            if not choices:
                return Ending(self._ending or self.story.knot or "end")
            return Question(choices, tuple(self._words(choice.id, choice.text) for choice in choices))
        self._ending = line.direction.ending or self._ending
        self._feel(line.direction.feels)
        text = self._words(line.id, line.text)
        if not line.speaker:
            self._remember("", text)
            return Narration(line.id, text)
        return self._spoken(line, text, cancelled)

    def choose(self, index: int) -> None:
        """Take a choice; a turn passes. Raises InputError for a place that is not offered."""
        choice = next((one for one in self.story.choices if one.index == index), None)
        self.story.choose(index)
        assert choice is not None
        self._feel(choice.direction.feels)
        self._pass(player="")
        self._remember("PLAYER", self._words(choice.id, choice.text))

    def understood(self, answer: str) -> int | None:
        """Return the choice that free words mean, or None where they mean none of them."""
        choices = self.story.choices
        return decide(answer, choices, [self._words(choice.id, choice.text) for choice in choices])

    def say(self, answer: str) -> int | None:
        """Take free words: the choice that they mean is taken and returned; else they are remembered for writers."""
        index = self.understood(answer)
        if index is not None:
            self.choose(index)
        else:
            self._pass(answer)
        self.player = answer
        self._remember("PLAYER", answer)
        return index

    def order(self, text: str, character: str, manner: LineManner, rate: float, line_id: str) -> SpeechOrder:
        """Return what the voice is asked for; its seed is the line's, so that a line always sounds the same."""
        voice, shift = self.voices[character]
        person = self.cast.characters[character]
        seed = int.from_bytes(hashlib.sha256(line_id.encode()).digest()[:4], "big")
        pace = round(rate * person.rate, 4)
        return SpeechOrder(text, voice, manner.emotion, manner.strength, pace, shift, seed, self.wording.spoken)

    def save(self) -> str:
        """Return the whole state as JSON."""
        moods = {name: [dict(mood.feelings), list(mood.spoken)] for name, mood in self.moods.items()}
        kept = {"turn": self.turn, "player": self.player, "ending": self._ending}
        kept |= {"moods": moods, "history": self.history}
        return json.dumps({"story": self.story.save(), **kept}, ensure_ascii=False)

    def restore(self, state: str) -> None:
        """Go back to a saved state. Raises InputError for what is none."""
        found = parse_json(state, "saved scene")
        try:
            moods = {
                name: Mood(dict(felt), LineManner(str(manner[0]), float(manner[1])))
                for name, (felt, manner) in found["moods"].items()
            }
            lines = found["history"] if "history" in found else found["heard"]  # its former name
            history = [(str(speaker), str(text)) for speaker, text in lines]
            turn, player, ending = int(found["turn"]), str(found["player"]), str(found["ending"])
            story = str(found["story"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError("saved scene: got another file, expected what `save` wrote") from error
        if set(moods) != set(self.cast.characters):
            raise got("saved scene: characters", str(sorted(moods)), ", ".join(sorted(self.cast.characters)))
        self.story.restore(story)
        self.moods, self.history, self.turn, self.player, self._ending = moods, history, turn, player, ending

    def fork(self, writer: LineWriter) -> Scene:
        """Return a second scene in the same state, with a writer of its own."""
        story = Story(json.dumps(self.story.document), self.story.name)
        made = Scene(story, self.cast, self.voices, writer, self.seed, self.wording)
        made.restore(self.save())
        return made

    def _spoken(self, line: StoryLine, text: str, cancelled: Callable[[], bool] | None) -> SpokenBeat:
        person = self.cast.character(line.speaker, self.story.where)
        mood, direction = self.moods[person.name], line.direction
        manner = mood.manner(direction, person.temper)
        written, language = WrittenLine(text), self.wording.language
        foreign = self.wording.spoken != language
        if direction.write and not foreign:  # words that nobody wrote before have no words that the voice could read
            asked = direction.write, text, manner, language, tuple(self.history), self.player, self.seed + self.turn
            written = self.writer.write(Situation(person, *asked), cancelled)
            if written.emotion is not None:
                direction = replace(direction, emotion=written.emotion, strength=written.strength)
                manner = mood.manner(direction, person.temper)
        self.moods[person.name] = mood.having_spoken(manner)
        self._remember(person.name, written.text)
        name = line.id if written.source == "authored" else f"{line.id}/{written.text}"
        order = self.order(line.text if foreign else written.text, person.name, manner, direction.rate, name)
        return SpokenBeat(line, person.name, written.text, manner, order, direction.pause, written)

    def _feel(self, feels: Mapping[str, tuple[str, float]]) -> None:
        for name, (emotion, amount) in feels.items():
            person = self.cast.character(name, self.story.where)
            self.moods[person.name] = self.moods[person.name].felt(emotion, amount)

    def _pass(self, player: str) -> None:
        self.turn, self.player = self.turn + 1, player
        for name, person in self.cast.characters.items():
            self.moods[name] = self.moods[name].after_turn(person.temper)

    def _words(self, line_id: str, original: str) -> str:
        return self.wording.strings.get(line_id, original)

    def _remember(self, speaker: str, text: str) -> None:
        self.history = [*self.history, (speaker, text)][-REMEMBERED:]


def beat_facts(beat: Beat) -> dict[str, Any]:
    """Return what a log keeps of a beat: what was said, by whom and how."""
    if isinstance(beat, SpokenBeat):
        return {
            "line": beat.line.id, "character": beat.character, "text": beat.text, "emotion": beat.manner.emotion,
            "strength": beat.manner.strength, "order": asdict(beat.order),
            "written": beat.written._asdict() if beat.line.direction.write else None,
        }  # fmt: skip
    if isinstance(beat, Narration):
        return {"line": beat.id, "text": beat.text}
    if isinstance(beat, Question):
        return {"choices": [choice.id for choice in beat.choices]}
    return {"ending": beat.name}
