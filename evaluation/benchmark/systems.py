"""Synthesisers that are at hand speak the prompts: outsiders of the benchmark, and proof that its folder is enough.

Each writes recordings and `system.json`, no more than anybody's own script would. The starter voice was trained on its
emotions; those of others are settings of rate, pitch and range; one without any speaks the neutral prompts only.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from evaluation.benchmark.prompts import BenchmarkPrompt, list_prompts
from evaluation.scoring.samples import NEUTRAL
from sovits_lab.audio.files import save_audio
from sovits_lab.corpora.chinese_phones import spell_chinese
from sovits_lab.corpora.kokoro import RATE as KOKORO_RATE
from sovits_lab.corpora.kokoro import KokoroVoice
from sovits_lab.corpora.natural_phones import SpelledPhone, spell
from sovits_lab.corpora.natural_style import NaturalStyle
from sovits_lab.corpora.toy_plan import ToyStyle
from sovits_lab.files import write_whole
from sovits_lab.pipeline.conf import CONF
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.text.multilingual import MultilingualFrontend
from sovits_lab.types import InputError, got

STYLES = {  # of the embedded corpus: words a minute, 0-99, 0-99, 10 ms, dB
    NEUTRAL: ToyStyle(170, 50, 50, 0, 0),
    "sad": ToyStyle(130, 28, 15, 3, -6),
    "happy": ToyStyle(195, 72, 90, 0, 1),
    "angry": ToyStyle(212, 42, 95, 0, 4),
}
LANGUAGE_VOICES = {"en": "en-us", "zh": "cmn"}
SECONDS = 60.0  # for one sentence
KOKORO = {"en": "af_heart", "zh": "zf_xiaobei"}  # the first voice of its makers' list of each language
Speak = Callable[[BenchmarkPrompt, Path], None]
Style = TypeVar("Style", ToyStyle, NaturalStyle)


@dataclass(frozen=True)
class System:
    """A synthesiser that may be at hand.

    Attributes:
        name, licence, about: what `system.json` says of it.
        emotions, languages: what it offers.
        make: of a language and a folder of voice files, or None; loads it.
    """

    name: str
    licence: str
    about: str
    emotions: Sequence[str]
    languages: Sequence[str]
    make: Callable[[str, Path | None], Speak]


def blend(styles: Mapping[str, Style], emotion: str, strength: float) -> Style:
    """Blend neutral settings with those of an emotion."""
    plain, full = asdict(styles[NEUTRAL]), asdict(styles[emotion])
    return type(styles[emotion])(**{name: plain[name] + strength * (full[name] - plain[name]) for name in plain})


def speak_espeak(prompt: BenchmarkPrompt, path: Path) -> None:
    """Speak a prompt by espeak-ng with the settings of its emotion."""
    from sovits_lab.text.espeak_library import synthesise

    style = blend(STYLES, prompt.emotion, prompt.strength)
    settings = {name: getattr(style, name) for name in ("rate", "pitch", "range", "word_gap")}
    speech = synthesise(
        prompt.sentence.text, f"{LANGUAGE_VOICES[prompt.sentence.language]}+m3", {"volume": 60, **settings}
    )
    wav = speech.samples.astype(np.float32) / 32768 * 10 ** (style.gain_db / 20)
    save_audio(path, np.clip(wav, -1, 1).astype(np.float32), speech.sample_rate)


def speak_flite(prompt: BenchmarkPrompt, path: Path) -> None:
    """Speak a prompt by the command flite, whose voices take a tempo, a mean F0 and a spread of F0."""
    style = blend(STYLES, prompt.emotion, prompt.strength)
    stretch, mean, spread = 170 / style.rate, 100 * 2 ** ((style.pitch - 50) / 50), 15 * style.range / 50
    set_to = {"duration_stretch": stretch, "int_f0_target_mean": mean, "int_f0_target_stddev": spread}
    features = [word for key, value in set_to.items() for word in ("--setf", f"{key}={value:.3f}")]
    words = ["flite", "-voice", "rms", *features, "-t", prompt.sentence.text, "-o", str(path)]
    ended = subprocess.run(words, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603  a list, no shell
    if ended.returncode or not path.is_file():
        raise InputError(f"flite: got status {ended.returncode}, expected {path}")


def make_hibari() -> Speak:
    """Load hibari (package hibari-tts, a network of 8 MB distilled from Kokoro); it knows no emotion."""
    try:
        from hibari import Hibari
    except ImportError as error:
        raise InputError(
            "system hibari: package hibari-tts is not installed, expected pip install hibari-tts"
        ) from error
    network = Hibari(voice="heart")

    def speak(prompt: BenchmarkPrompt, path: Path) -> None:
        save_audio(path, np.asarray(network(prompt.sentence.text, seed=1), dtype=np.float32), network.sample_rate)

    return speak


def make_starter() -> Speak:
    """Load the starter voice; a text has the same seed in all emotions and strengths."""
    from sovits_lab.inference.synthesizer import Synthesizer

    voice = Synthesizer.load()

    def speak(prompt: BenchmarkPrompt, path: Path) -> None:
        speech = voice.speak(prompt.sentence.text, emotion=prompt.emotion, strength=prompt.strength, seed=1)
        save_audio(path, speech.wav, speech.sample_rate)

    return speak


def make_kokoro(language: str, voices: Path | None) -> Speak:
    """Load Kokoro-82M as it is; it knows no emotion."""
    voice, read = _kokoro(language, voices)

    def speak(prompt: BenchmarkPrompt, path: Path) -> None:
        save_audio(path, voice.speak(read(prompt.sentence.text)), KOKORO_RATE)

    return speak


def make_moved_kokoro(language: str, voices: Path | None) -> Speak:
    """Load Kokoro-82M, whose tempo, F0, timbre and level are moved as in the corpus `natural`."""
    from omegaconf import OmegaConf

    voice, read = _kokoro(language, voices)
    emotions = OmegaConf.load(CONF / "corpus" / "natural.yaml").emotions
    styles = {str(name): NaturalStyle(**settings) for name, settings in emotions.items()}

    def speak(prompt: BenchmarkPrompt, path: Path) -> None:
        style = blend(styles, prompt.emotion, prompt.strength)
        wav = voice.say(read(prompt.sentence.text), style, seed=0).wav * 10 ** (style.gain_db / 20)
        save_audio(path, np.clip(wav, -1, 1).astype(np.float32), KOKORO_RATE)

    return speak


def _kokoro(language: str, voices: Path | None) -> tuple[KokoroVoice, Callable[[str], list[SpelledPhone]]]:
    if voices is None:
        raise got("system kokoro, voices", None, "the folder voices/ of the npm package kokoro-js (npm pack kokoro-js)")
    voice = KokoroVoice(KOKORO[language], str(voices))
    _ = voice.table  # refuses a missing voice before anything is spoken
    if language == "zh":
        mandarin = MultilingualFrontend("v2", own="zh")
        return voice, lambda text: spell_chinese(mandarin.read(text, "zh"))
    english = EnglishFrontend()
    return voice, lambda text: spell(english.read(text, "en"))


def _flite() -> Speak:
    if shutil.which("flite") is None:
        raise got("system flite", "no command flite", "Debian's package flite")
    return speak_flite


SYSTEMS: Mapping[str, System] = {
    "starter": System(
        "starter voice", "Apache-2.0",
        "the voice in this package, 8.4 M parameters; emotions learned from settings of its teacher",
        tuple(STYLES), ("en",), lambda *_: make_starter(),
    ),
    "espeak": System(
        "espeak-ng m3", "GPL-3.0", "formant synthesis; emotions are settings of rate, pitch, range and pauses",
        tuple(STYLES), ("en", "zh"), lambda *_: speak_espeak,
    ),
    "flite": System(
        "flite rms", "BSD-like", "clustergen voice; emotions are settings of tempo, mean and spread of F0",
        tuple(STYLES), ("en",), lambda *_: _flite(),
    ),
    "hibari": System(
        "hibari heart", "Apache-2.0", "a network of 8 MB distilled from Kokoro-82M; no emotion",
        (NEUTRAL,), ("en",), lambda *_: make_hibari(),
    ),
    "kokoro": System(
        "Kokoro-82M", "Apache-2.0", "82 M parameters in 8 bits, voices af_heart and zf_xiaobei; no emotion",
        (NEUTRAL,), tuple(KOKORO), make_kokoro,
    ),
    "kokoro-moved": System(
        "Kokoro-82M moved", "Apache-2.0",
        "the same voices; emotions are settings of tempo, and of F0, timbre and level moved by WORLD",
        tuple(STYLES), tuple(KOKORO), make_moved_kokoro,
    ),
}  # fmt: skip


def speak_prompts(system: str, language: str, out: Path, voices: Path | None = None) -> int:
    """Let a system speak the prompts of a language that it can; return how many.

    Args:
        system: a key of `SYSTEMS`.
        language: of the prompts.
        out: folder of the recordings.
        voices: folder of voice files, for a system that needs one.

    Raises:
        InputError: an unknown system, one that is not here, or a language that it does not speak.
    """
    if system not in SYSTEMS:
        raise got("speak", system, f"one of {', '.join(SYSTEMS)}")
    asked = SYSTEMS[system]
    if language not in asked.languages:
        raise got(f"language of {system}", language, f"one of {', '.join(asked.languages)}")
    speak = asked.make(language, voices)
    out.mkdir(parents=True, exist_ok=True)
    wanted = [one for one in list_prompts(language) if one.emotion in asked.emotions]
    for one in wanted:
        speak(one, out / f"{one.id}.wav")
    facts = {"name": asked.name, "licence": asked.licence, "about": asked.about, "language": language}
    write_whole(out / "system.json", (json.dumps(facts, indent=1) + "\n").encode())
    return len(wanted)
