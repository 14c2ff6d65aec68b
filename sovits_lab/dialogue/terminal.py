"""A film in the terminal: lines and how they are said, choices by number, free words; sessions saved and replayed."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.protocol import MOST_SAVED
from sovits_lab.dialogue.scene import Beat, Narration, Question, SpokenBeat
from sovits_lab.dialogue.session import FilmSession, StoryFilm, replay_session
from sovits_lab.files import read_text
from sovits_lab.types import InputError


def play(film: StoryFilm, performer: Performer, seed: int, language: str, save: Path | None) -> int:
    """Play until the story or the input ends; returns the exit status."""
    session = FilmSession(film.scene(performer.actor, seed, language), film)
    while _turn(session, performer):
        try:
            _answer(session, input("> "))
        except EOFError:
            break
    if save is not None:
        session.save(save)
        print(f"saved: {save}")
    return 0


def replay(film: StoryFilm, performer: Performer, saved: Path) -> int:
    """Play a saved session again, speak it, and compare words, manner and the hash of every sound."""
    text = read_text(saved, "saved session", MOST_SAVED)
    before = json.loads(text)["beats"]
    again = replay_session(text, film, performer.actor, lambda beat: _sound_or_none(beat, performer))
    differing = [i for i, (a, b) in enumerate(zip(before, again.beats, strict=False)) if a != _compared(b, a)]
    if differing or len(before) != len(again.beats):
        place = differing[0] if differing else min(len(before), len(again.beats))
        print(f"beat {place} differs: the voice, the story or the program is another one", file=sys.stderr)
        return 1
    print(f"{len(before)} beats, identical")
    return 0


def _sound_or_none(beat: SpokenBeat, performer: Performer) -> str:
    """Hash of a line's sound, "" for one that the voice cannot say, as when it was played."""
    try:
        return sound_of(beat, performer)
    except InputError:
        return ""


def _compared(again: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """A beat without its sound where the first time it was cut off or not spoken."""
    return again if "sound" in before else {key: value for key, value in again.items() if key != "sound"}


def sound_of(beat: SpokenBeat, performer: Performer) -> str:
    """Speak a line to its end; returns the hash of its samples."""
    digest = hashlib.sha256()
    for piece in performer.perform(beat.order, lambda: False):
        digest.update(np.asarray(piece.wav).astype("<i2").tobytes())
    return digest.hexdigest()


def _turn(session: FilmSession, performer: Performer) -> bool:
    """Play to the next question; False at the end."""
    beat: Beat
    for beat in session.turn():
        if isinstance(beat, SpokenBeat):
            print(f"{beat.character} ({beat.manner.emotion} {beat.manner.strength:g}): {beat.text}")
            try:
                session.note_sound(sound_of(beat, performer))
            except InputError as error:  # the voice cannot say it; the story goes on
                print(f"  (not spoken: {error})")
        elif isinstance(beat, Narration):
            print(beat.text)
        elif isinstance(beat, Question):
            for number, text in enumerate(beat.texts, 1):
                print(f"  {number}. {text}")
            return True
        else:
            print(f"-- {beat.name} --")
    return False


def _answer(session: FilmSession, answer: str) -> None:
    answer = answer.strip()
    try:
        if answer.isdigit():
            session.choose(int(answer) - 1)
        elif answer and session.say(answer[:300]) is None:
            print("(nobody understood that as one of the answers)")
    except InputError as error:
        print(error)
