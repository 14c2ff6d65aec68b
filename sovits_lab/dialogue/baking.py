"""Every line of a story spoken into files, for an engine that ships audio: sound, times, mouth shapes, a manifest."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import soundfile

from sovits_lab.dialogue.exploration import explore
from sovits_lab.dialogue.mood import UNMOVED, Mood
from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.session import StoryFilm
from sovits_lab.dialogue.speech_cache import KeptLine, joined_line
from sovits_lab.dialogue.story import Story, StoryLine
from sovits_lab.dialogue.visemes import visemes_of
from sovits_lab.files import write_whole
from sovits_lab.types import InputError


def bake(film: StoryFilm, performer: Performer, language: str, out: Path) -> tuple[int, float, list[str]]:
    """Speak all lines that can be reached, each in the manner of its own directions, from a calm mood.

    The manifest comes last: a folder with one is whole.

    Returns:
        Lines that were spoken, their seconds, and what could not be spoken.
    """
    scene = film.scene(performer.actor, 0, language)
    met = explore(Story(film.compiled, film.name))
    out.mkdir(parents=True, exist_ok=True)
    rows, faults, seconds = [], [], 0.0
    for line in (one for one in met.lines.values() if one.speaker):
        person = film.cast.characters[line.speaker]
        manner = Mood({}, UNMOVED).manner(line.direction, person.temper)
        text = scene.wording.strings.get(line.id, line.text)
        words = line.text if scene.wording.spoken != language else text
        order = scene.order(words, person.name, manner, line.direction.rate, line.id)
        try:
            pieces = [(one.wav, one.timings) for one in performer.perform(order, lambda: False)]
        except InputError as error:
            faults.append(f"line {line.id}: {error}")
            continue
        spoken = joined_line(pieces, performer.actor.sample_rate, ())
        seconds += spoken.seconds
        name = f"{re.sub(r'[^A-Za-z0-9_-]', '_', line.id)}.flac"
        write_whole(out / name, _flac(spoken))
        delivery = {"emotion": manner.emotion, "strength": manner.strength, "file": name}
        rows.append({**_facts(line, text, spoken), **delivery})
    languages = {"language": language, "spoken_language": scene.wording.spoken}
    about = {"story": film.hash, **languages, "model": performer.actor.model, "ai_generated": True}
    manifest = {**about, "lines": rows}
    write_whole(out / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    return len(rows), seconds, faults


def _flac(line: KeptLine) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, np.asarray(line.wav), line.sample_rate, format="FLAC", subtype="PCM_16")
    return data.getvalue()


def _facts(line: StoryLine, text: str, spoken: KeptLine) -> dict[str, object]:
    return {
        "id": line.id, "character": line.speaker, "knot": line.knot, "text": text, "seconds": round(spoken.seconds, 3),
        "visemes": [[one.shape, round(one.start, 3), round(one.end, 3)] for one in visemes_of(spoken.timings.phones)],
        "words": [[one.word, round(one.start, 3), round(one.end, 3)] for one in spoken.timings.words],
    }  # fmt: skip
