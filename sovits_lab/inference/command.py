"""`python -m sovits_lab synthesize bundle=RUN text="..." speaker=A.wav style=B.wav [seed=1] out=x.wav`"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sovits_lab.inference import upstream_command
from sovits_lab.types import InputError, got

REQUIRED = ("bundle", "text", "speaker", "out")
OPTIONS = {
    "bundle": "a run folder or a voice bundle",
    "text": "what to say, with markup or without",
    "speaker": "who: an audio file of neutral speech, or the name of a training speaker",
    "style": "how: an audio file, or several with commas between them",
    "style_as": "what of it counts: vector, all that is heard, or emotion, which one it is (default vector)",
    "emotion": "how: a label of the bundle (sad) or a mix (sad:0.7,angry:0.3)",
    "strength": "how far from neutral, 1 is the style itself (default 1)",
    "guidance": "exaggerates what the style changes, 1 is none (default 1)",
    "rate": "speed on top of the style's own (default 1)",
    "f0": "a CSV or JSON file with seconds and absolute (Hz) or relative (semitones)",
    "energy": "a CSV or JSON file with seconds and absolute or relative (both dB)",
    "prosody": "an audio file whose contour of F0 and energy is followed",
    "warp": "of prosody: proportional, or words where both say the same (default proportional)",
    "pitch_shift": "semitones (default 0)",
    "energy_shift": "dB (default 0)",
    "seed": "of everything random (default 0)",
    "language": "of the text (default: the front end's own)",
    "out": "the WAV or FLAC file to write",
}
WORDS = ("style_as", "f0", "energy", "prosody", "warp", "language")
NUMBERS = {"strength": 1.0, "guidance": 1.0, "rate": 1.0, "pitch_shift": 0.0, "energy_shift": 0.0}


def parse(argv: list[str], options: Mapping[str, str] = OPTIONS, required: Sequence[str] = REQUIRED) -> dict[str, str]:
    """`key=value` words to a dict; only the first `=` of a word counts.

    Raises:
        InputError: a word without `=`, an unknown, repeated or missing key.
    """
    values: dict[str, str] = {}
    for word in argv:
        key, sign, value = word.partition("=")
        if not sign:
            raise got("argument", word, "key=value")
        if key not in options:
            near = difflib.get_close_matches(key, options, n=1)
            raise got("key", key, f"one of {', '.join(options)}" + (f" (did you mean {near[0]}?)" if near else ""))
        if key in values:
            raise InputError(f"key {key}: got it twice, expected it once")
        if not value:
            raise InputError(f"{key}=: got nothing, expected {options[key]}")
        values[key] = value
    if missing := [key for key in required if key not in values]:
        raise InputError(f"{missing[0]}=: got nothing, expected {options[missing[0]]}")
    return values


def number(values: dict[str, str], key: str, default: float) -> float:
    """A number among the values."""
    try:
        return float(values.get(key, default))
    except ValueError as error:
        raise got(key, values[key], "a number") from error


def clips_of(values: dict[str, str]) -> str | list[str] | None:
    """One clip, or several between commas; a file whose name has a comma is one clip."""
    word = values.get("style")
    return word if word is None or "," not in word or Path(word).exists() else word.split(",")


def emotion_of(values: dict[str, str]) -> str | dict[str, float] | None:
    """A label, or a mix as `sad:0.7,angry:0.3`."""
    word = values.get("emotion")
    if word is None or not {":", ","} & set(word):
        return word
    mix: dict[str, float] = {}
    for part in word.split(","):
        label, _, weight = part.partition(":")
        try:
            share = float(weight)
        except ValueError as error:
            raise got("emotion", word, "a label, or labels with weights such as sad:0.7,angry:0.3") from error
        if label in mix:
            raise InputError(f"emotion: got {label} twice, expected it once")
        mix[label] = share
    return mix


def seed_of(values: dict[str, str]) -> int:
    """The seed among the values, 0 where none is given."""
    word = values.get("seed", "0")
    if not word.isdecimal() or int(word) >= 2**63:
        raise got("seed", word, "a whole number from 0 to 2^63 - 1")
    return int(word)


def main(argv: list[str]) -> int:
    """Speak one text into a file; status 3 when the guard reports a broken output (the file is still written)."""
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m sovits_lab synthesize key=value ...\n")
        print("\n".join(f"  {key:<13} {about}" for key, about in OPTIONS.items()))
        print(
            "\nA converted bundle of the GPT-SoVITS family takes other keys: synthesize bundle=CONVERTED prints them."
        )
        return 0
    if upstream_command.speaks(argv):
        return upstream_command.main(argv)
    values = parse(argv)
    controls: dict[str, Any] = {key: number(values, key, default) for key, default in NUMBERS.items()}
    controls |= {key: values[key] for key in WORDS if key in values}
    controls |= {"style": clips_of(values), "emotion": emotion_of(values), "seed": seed_of(values)}
    out = Path(values["out"])
    if out.suffix not in (".wav", ".flac"):
        raise got("out", values["out"], "a name that ends in .wav or .flac")
    if not out.parent.is_dir():
        raise got("out", values["out"], "a name in a folder that exists")

    from sovits_lab.audio.files import save_audio
    from sovits_lab.inference.synthesizer import Synthesizer

    speech = Synthesizer.load(values["bundle"]).speak(values["text"], values["speaker"], **controls)
    if not len(speech.wav):
        raise InputError("synthesis: got no speech from the model (flag: empty), expected some; try another seed")
    save_audio(out, speech.wav, speech.sample_rate)
    seconds = len(speech.wav) / speech.sample_rate
    flags = f", FLAGS: {', '.join(speech.flags)}" if speech.flags else ""
    print(f"{out}: {seconds:.2f} s of speech in {speech.seconds:.2f} s, seed {controls['seed']}{flags}")
    return 3 if speech.flags else 0
