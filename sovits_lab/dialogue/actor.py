"""The voice of a film: a loaded bundle that speaks one line after another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from sovits_lab.dialogue.cast import Cast
from sovits_lab.dialogue.mood import NEUTRAL
from sovits_lab.inference.request import Request
from sovits_lab.inference.streaming import SpokenPiece
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.models.contracts import StreamingModel
from sovits_lab.types import InputError, got

Cancelled = Callable[[], bool]
CHUNK = 10  # tokens of a piece: 0.4 s
APART = 2.5  # semitones between characters who must share a speaker


@dataclass(frozen=True)
class SpeechOrder:
    """What an actor is asked to say; the same order gives the same sound.

    Attributes:
        text: what is said.
        speaker: a speaker of the bundle, or the path of a clip.
        emotion: a label of the bundle.
        strength: of the emotion, from 0 to 1; of no effect on "neutral".
        rate: speaking rate, 1 as learned.
        pitch_shift: in semitones.
        seed: of the random numbers that choose tokens.
        language: of the text, such as "en".
    """

    text: str
    speaker: str
    emotion: str = NEUTRAL
    strength: float = 0.0
    rate: float = 1.0
    pitch_shift: float = 0.0
    seed: int = 0
    language: str = "en"

    def key(self, model: str) -> str:
        """Return a hash of everything that the sound depends on, under which it is stored."""
        return hashlib.sha256(json.dumps([model, asdict(self)], sort_keys=True).encode()).hexdigest()


class VoiceActor(Protocol):
    """Gives lines a voice. Several threads may ask it at once.

    Attributes:
        sample_rate: Hz.
        model: hash of the weights.
        emotions: labels that it can speak with.
        speakers: voices that it knows by name.
        languages: that it can read.
        shifts_pitch: whether it takes `pitch_shift`.
    """

    sample_rate: int
    model: str
    emotions: tuple[str, ...]
    speakers: tuple[str, ...]
    languages: tuple[str, ...]
    shifts_pitch: bool

    def say(self, order: SpeechOrder, cancelled: Cancelled) -> Iterator[SpokenPiece]:
        """Yield the sound in pieces; the last comes within a decoder step after `cancelled` becomes true."""


class SynthesizerActor:
    """A bundle as an actor.

    Args:
        synthesizer: the loaded bundle.
        folder: of the bundle, for its hash.
    """

    def __init__(self, synthesizer: Synthesizer, folder: Path) -> None:
        voice = synthesizer.voice
        self.synthesizer = synthesizer
        self.sample_rate, self.model = voice.sample_rate, bundle_hash(folder)
        self.emotions, self.speakers = tuple(sorted(voice.emotions)), tuple(sorted(voice.speakers))
        self.languages = tuple(voice.frontend.languages)
        self.shifts_pitch = "f0" in voice.accepts

    def say(self, order: SpeechOrder, cancelled: Cancelled) -> Iterator[SpokenPiece]:
        """Yield pieces of 0.4 s; a model that would decode each before the next has its tokens yields clauses."""
        chunk = None if isinstance(self.synthesizer.voice.sovits, StreamingModel) else CHUNK
        emotion = None if order.emotion == NEUTRAL else order.emotion
        request = Request(
            order.text,
            Path(order.speaker) if order.speaker not in self.speakers else order.speaker,
            emotion=emotion,
            strength=order.strength if emotion else 1.0,
            rate=order.rate,
            seed=order.seed,
            language=order.language if len(self.languages) > 1 else None,
            pitch_shift=order.pitch_shift,
        )
        yield from self.synthesizer.stream_timed(request, chunk, cancelled)


def bundle_hash(folder: Path) -> str:
    """Return the hash of a bundle's files: their names, sizes and content."""
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in (".json", ".safetensors"))
    for path in files:
        digest.update(f"{path.relative_to(folder)}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def deal_voices(cast: Cast, actor: VoiceActor) -> Mapping[str, tuple[str, float]]:
    """Give every character a speaker and a shift of pitch in semitones.

    Who names no voice gets the bundle's speakers in turn; who must share one is told apart by pitch.

    Raises:
        InputError: a voice that the bundle does not know, or a bundle without speakers for a cast that names none.
    """
    dealt: dict[str, tuple[str, float]] = {}
    taken: dict[str, int] = {}
    named = {one.voice for one in cast.characters.values() if one.voice}
    free: Sequence[str] = [name for name in actor.speakers if name not in named] or actor.speakers
    for place, character in enumerate(cast.characters.values()):
        voice = character.voice
        if voice and voice not in actor.speakers and not Path(voice).is_file():
            known = ", ".join(actor.speakers) or "no speaker"
            raise got(f"cast: {character.name}: voice", voice, f"one of {known}, or a clip")
        if not voice and not free:
            raise InputError(f"cast: {character.name}: got no voice, expected a clip: this bundle knows no speaker")
        voice = voice or free[place % len(free)]
        sharing = taken.get(voice, 0)
        taken[voice] = sharing + 1
        apart = APART * ((sharing + 1) // 2) * (-1 if sharing % 2 else 1) if sharing else 0.0
        shift = character.pitch_shift + apart
        dealt[character.name] = (voice, shift if actor.shifts_pitch else 0.0)
    return dealt
