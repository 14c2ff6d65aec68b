"""`python experiments/interactive_film/lips.py`: are the starter voice's mouth shapes in time with its own sound?

The voice settles durations before it speaks, so its times are its own word. What the sound makes of them is heard here:
the voice that taught it says the same sentence, with phone times that are known, and its recording is laid over the
starter's by dynamic time warping. Where the mouth changes its shape, the place that the sound gives is compared with
the place that the voice tells. What the warping itself errs is measured in the same way between two recordings of the
teacher at different tempo, whose times are both known.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Float

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import run_script, sentences
from experiments.results import Result, commit_here, number, write_results
from sovits_lab.corpora.natural import trimmed
from sovits_lab.corpora.natural_phones import spell
from sovits_lab.corpora.natural_style import NaturalStyle
from sovits_lab.corpora.natural_voices import HEART, voice_named
from sovits_lab.dialogue.lip_sync import RATE, SpokenPhones, lateness, time_phones
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.pipeline.conf import CONF
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.types import got

OTHER_TEMPO = 1.15
SENTENCES = 50
FIGURES = {"lips": "mouth against the sound of the starter voice", "warping": "error of the warping itself"}


def main(argv: list[str]) -> None:
    """Measure sentences, each in one of four emotions, and write the rows in place of those before."""
    if len(argv) > 1 or (argv and not (argv[0].isdigit() and 1 <= int(argv[0]) <= SENTENCES)):
        raise got("sentences", " ".join(argv), f"nothing, or a number from 1 to {SENTENCES}")
    texts = sentences(int(argv[0]) if argv else SENTENCES)
    corpus = yaml.safe_load((CONF / "corpus" / "natural.yaml").read_text(encoding="utf-8"))
    styles = {name: NaturalStyle(**style) for name, style in corpus["emotions"].items()}
    errors: dict[str, list[float]] = {"lips": [], "warping": []}
    with Synthesizer.load() as voice:
        for place, text in enumerate(texts):
            emotion = list(styles)[place % len(styles)]
            style = styles[emotion]
            teacher, quicker = taught(text, style), taught(text, replace(style, rate=style.rate * OTHER_TEMPO))
            errors["lips"] += lateness(teacher, time_phones(voice, Request(text, HEART, emotion=emotion, seed=0)))
            errors["warping"] += lateness(teacher, quicker)
    rows = [row for name, found in errors.items() for row in rows_of(name, np.array(found))]
    print(*(f"{row.figure}: {row.value} {row.unit}" for row in rows), sep="\n")
    print(write_results("interactive_film", rows, instead_of=[f"{name}/" for name in errors]))


def taught(text: str, style: NaturalStyle) -> SpokenPhones:
    """Return the sentence as the teacher says it, with the times that its network gives."""
    spelled = spell(EnglishFrontend().read(text, "en"))
    speech = trimmed(voice_named(HEART).say(spelled, style, 0), spelled, RATE)
    return SpokenPhones(speech.wav, [one.symbol for one in speech.phones], [one.start for one in speech.phones])


def rows_of(name: str, found: Float[np.ndarray, " N"]) -> list[Result]:
    """Return the rows of one comparison."""
    off = np.abs(found)
    figures = {"median": np.median(off), "p95": np.percentile(off, 95), "most": off.max(), "bias": found.mean()}
    return [
        Result("interactive_film", f"{name}/{key}", f"{FIGURES[name]}, {key}", "ms", "1 run", number(float(value)),
               "", "", "", commit_here(), str(len(found)))
        for key, value in figures.items()
    ]  # fmt: skip


if __name__ == "__main__":
    run_script(main)
