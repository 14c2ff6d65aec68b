"""Synthesisers that are at hand speak the prompts: outsiders of the benchmark, and proof that its folder is enough.

Each writes recordings and `system.json`, no more than anybody's own script would. The starter voice was trained on its
emotions; those of the others are settings of rate, pitch and range; one without any speaks the neutral prompts only.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.benchmark.prompts import BenchmarkPrompt, list_prompts
from evaluation.scoring.samples import NEUTRAL
from sovits_lab.audio.files import save_audio
from sovits_lab.corpora.toy_plan import ToyStyle
from sovits_lab.files import write_whole
from sovits_lab.types import InputError, got

STYLES = {  # of the embedded corpus: words a minute, 0-99, 0-99, 10 ms, dB
    NEUTRAL: ToyStyle(170, 50, 50, 0, 0),
    "sad": ToyStyle(130, 28, 15, 3, -6),
    "happy": ToyStyle(195, 72, 90, 0, 1),
    "angry": ToyStyle(212, 42, 95, 0, 4),
}
LANGUAGE_VOICES = {"en": "en-us", "zh": "cmn"}
SECONDS = 60.0  # for one sentence
Speak = Callable[[BenchmarkPrompt, Path], None]


def blend(emotion: str, strength: float) -> ToyStyle:
    """Blend neutral settings with those of an emotion."""
    plain, full = asdict(STYLES[NEUTRAL]), asdict(STYLES[emotion])
    return ToyStyle(**{name: plain[name] + strength * (full[name] - plain[name]) for name in plain})


def speak_espeak(prompt: BenchmarkPrompt, path: Path, voice: str = "m3") -> None:
    """Speak a prompt by espeak-ng with the settings of its emotion."""
    from sovits_lab.text.espeak_library import synthesise

    style = blend(prompt.emotion, prompt.strength)
    settings = {name: getattr(style, name) for name in ("rate", "pitch", "range", "word_gap")}
    said = synthesise(
        prompt.sentence.text, f"{LANGUAGE_VOICES[prompt.sentence.language]}+{voice}", {"volume": 60, **settings}
    )
    wav = said.samples.astype(np.float32) / 32768 * 10 ** (style.gain_db / 20)
    save_audio(path, np.clip(wav, -1, 1).astype(np.float32), said.sample_rate)


def speak_flite(prompt: BenchmarkPrompt, path: Path, voice: str = "rms") -> None:
    """Speak a prompt by the command flite, whose voices take a tempo, a mean F0 and a spread of F0."""
    style = blend(prompt.emotion, prompt.strength)
    stretch, mean, spread = 170 / style.rate, 100 * 2 ** ((style.pitch - 50) / 50), 15 * style.range / 50
    set_to = {"duration_stretch": stretch, "int_f0_target_mean": mean, "int_f0_target_stddev": spread}
    features = [word for key, value in set_to.items() for word in ("--setf", f"{key}={value:.3f}")]
    words = ["flite", "-voice", voice, *features, "-t", prompt.sentence.text, "-o", str(path)]
    ended = subprocess.run(words, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603  a list, no shell
    if ended.returncode or not path.is_file():
        raise InputError(f"flite: got status {ended.returncode}, expected {path}")


def make_hibari(voice: str = "heart") -> Speak:
    """Load hibari (package hibari-tts, a network of 8 MB distilled from Kokoro); it knows no emotion."""
    try:
        from hibari import Hibari
    except ImportError as error:
        raise InputError(
            "system hibari: package hibari-tts is not installed, expected pip install hibari-tts"
        ) from error
    network = Hibari(voice=voice)

    def speak(prompt: BenchmarkPrompt, path: Path) -> None:
        save_audio(path, np.asarray(network(prompt.sentence.text, seed=1), dtype=np.float32), network.sample_rate)

    return speak


def make_starter() -> Speak:
    """Load the starter voice; a text has the same seed in all emotions and strengths."""
    from sovits_lab.inference.synthesizer import Synthesizer

    voice = Synthesizer.load()

    def speak(prompt: BenchmarkPrompt, path: Path) -> None:
        said = voice.speak(prompt.sentence.text, emotion=prompt.emotion, strength=prompt.strength, seed=1)
        save_audio(path, said.wav, said.sample_rate)

    return speak


def _flite() -> Speak:
    if shutil.which("flite") is None:
        raise got("system flite", "no command flite", "Debian's package flite")
    return speak_flite


MAKERS: Mapping[str, Callable[[], Speak]] = {
    "starter": make_starter,
    "espeak": lambda: speak_espeak,
    "flite": _flite,
    "hibari": make_hibari,
}
FACTS: Mapping[str, dict[str, Any]] = {
    "starter": {"name": "starter voice", "licence": "Apache-2.0", "emotions": list(STYLES), "languages": ["en"],
                "about": "the voice in this package, 8.4 M parameters; emotions learned from settings of its teacher"},
    "espeak": {"name": "espeak-ng m3", "licence": "GPL-3.0", "emotions": list(STYLES), "languages": ["en", "zh"],
               "about": "formant synthesis; emotions are settings of rate, pitch, range and pauses"},
    "flite": {"name": "flite rms", "licence": "BSD-like", "emotions": list(STYLES), "languages": ["en"],
              "about": "clustergen voice; emotions are settings of tempo, mean and spread of F0"},
    "hibari": {"name": "hibari heart", "licence": "Apache-2.0", "emotions": [NEUTRAL], "languages": ["en"],
               "about": "a network of 8 MB distilled from Kokoro-82M; no emotion"},
}  # fmt: skip


def speak_prompts(system: str, language: str, out: Path) -> int:
    """Let a system speak the prompts of a language that it can; return how many.

    Raises:
        InputError: an unknown system, one that is not here, or a language that it does not speak.
    """
    if system not in MAKERS:
        raise got("speak", system, f"one of {', '.join(MAKERS)}")
    facts = FACTS[system]
    if language not in facts["languages"]:
        raise got(f"language of {system}", language, f"one of {', '.join(facts['languages'])}")
    speak = MAKERS[system]()
    out.mkdir(parents=True, exist_ok=True)
    wanted = [one for one in list_prompts(language) if one.emotion in facts["emotions"]]
    for one in wanted:
        speak(one, out / f"{one.id}.wav")
    write_whole(out / "system.json", (json.dumps({**facts, "language": language}, indent=1) + "\n").encode())
    return len(wanted)
