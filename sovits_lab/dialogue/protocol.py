"""Messages between a film and its player or game engine: JSON over a WebSocket, numbered, with a schema.

A message of the film carries `seq`; a client that lost its connection sends `resume` with the last one that it has,
and gets the rest. Sound is 16-bit PCM, little-endian, mono, in base64.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sovits_lab.types import InputError

PROTOCOL = 1
MOST_MESSAGE = 4096  # bytes of a client's message, but for a saved session
MOST_SAVED = 4_000_000
Name = Annotated[str, Field(max_length=64)]
# The `seq` of the choices that are answered: the same answer again, or one to an earlier question, is dropped, so a
# client that is not sure whether its answer came through sends it once more.
Answered = Annotated[int | None, Field(ge=0)]


class Message(BaseModel):
    """What every message has: no unknown keys."""

    model_config = ConfigDict(extra="forbid")


class Start(Message):
    """Begin a film."""

    type: Literal["start"]
    seed: int = Field(0, ge=0, lt=2**31)
    language: Annotated[str, Field(max_length=8)] = ""


class Resume(Message):
    """Go on after a lost connection: `after` is the last `seq` that came."""

    type: Literal["resume"]
    session: Name
    after: int = Field(ge=0)


class Choose(Message):
    """Take a choice by its place in the list."""

    type: Literal["choose"]
    index: int = Field(ge=0, le=1000)
    question: Answered = None


class Say(Message):
    """Say something in free words."""

    type: Literal["say"]
    text: Annotated[str, Field(min_length=1, max_length=300)]
    question: Answered = None


class Translate(Message):
    """Go on in another language from the next line on: `hello` and the question come again in it."""

    type: Literal["translate"]
    language: Annotated[str, Field(max_length=8)]


class Cancel(Message):
    """Stop the voice: the lines that are left of this turn come as text."""

    type: Literal["cancel"]


class Played(Message):
    """How much of a line was heard, seconds."""

    type: Literal["played"]
    line: Annotated[str, Field(max_length=200)]
    seconds: float = Field(ge=0, le=3600)


class Save(Message):
    """Ask for the session as a file."""

    type: Literal["save"]


class Load(Message):
    """Go on with a saved session."""

    type: Literal["load"]
    saved: Annotated[str, Field(max_length=MOST_SAVED)]


ClientMessage = Annotated[
    Start | Resume | Choose | Say | Translate | Cancel | Played | Save | Load, Field(discriminator="type")
]
_CLIENT: TypeAdapter[Any] = TypeAdapter(ClientMessage)


class Numbered(Message):
    """A message of the film."""

    seq: int = 0


class Hello(Numbered):
    """What the film is, and the notice that its voices are synthetic, which the client must keep in sight.

    It comes again, with the same session, when the language changes.
    """

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    session: str
    title: str
    language: str
    languages: list[str]
    spoken_language: str
    characters: dict[str, dict[str, str]]
    sample_rate: int
    notice: str


class Narrated(Numbered):
    """A line that nobody says."""

    type: Literal["narration"] = "narration"
    id: str
    text: str


class LineBegun(Numbered):
    """A character begins a line; sound, visemes and words follow, then `line_end`."""

    type: Literal["line"] = "line"
    id: str
    character: str
    text: str
    emotion: str
    strength: float
    source: str
    pause: float
    spoken: bool


class Sound(Numbered):
    """A piece of a line: its place, its PCM, the mouth shapes and words that are over with it (seconds in the line)."""

    type: Literal["audio"] = "audio"
    id: str
    index: int
    pcm: str
    visemes: list[tuple[str, float, float]]
    words: list[tuple[str, float, float]]
    cached: bool


class LineEnded(Numbered):
    """The line is over: its length in seconds, what went wrong, and the hash of its sound."""

    type: Literal["line_end"] = "line_end"
    id: str
    seconds: float
    flags: list[str]
    sha256: str


class MoodNow(Numbered):
    """What a character feels now."""

    type: Literal["mood"] = "mood"
    character: str
    feelings: dict[str, float]


class ChoicesOffered(Numbered):
    """The player's turn."""

    type: Literal["choices"] = "choices"
    choices: list[dict[str, str | int]]


class Understood(Numbered):
    """What free words were taken for: the place of a choice, or null."""

    type: Literal["understood"] = "understood"
    index: int | None


class Ended(Numbered):
    """The story is over."""

    type: Literal["end"] = "end"
    ending: str


class Saved(Numbered):
    """The session as a file."""

    type: Literal["saved"] = "saved"
    saved: str


class Fault(Numbered):
    """What was wrong, in one sentence."""

    type: Literal["error"] = "error"
    message: str


FilmMessage = (
    Hello | Narrated | LineBegun | Sound | LineEnded | MoodNow | ChoicesOffered | Understood | Ended | Saved | Fault
)


def read_message(text: str) -> Any:
    """Return a client's message.

    Raises:
        InputError: too long, no JSON, an unknown type or key, a value out of its range.
    """
    most = MOST_SAVED if '"load"' in text else MOST_MESSAGE  # keys stand in any order, with spaces or without
    if len(text) > most:
        raise InputError(f"message: got {len(text)} characters, expected at most {most}")
    try:
        return _CLIENT.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"message{f' {place}' if place else ''}: {first['msg']}") from error


def schema() -> dict[str, Any]:
    """Return the JSON schema of both directions, for clients that check or generate code."""
    return {"client": _CLIENT.json_schema(), "film": TypeAdapter(FilmMessage).json_schema()}
