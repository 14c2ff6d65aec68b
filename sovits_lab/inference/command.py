"""`python -m sovits_lab synthesize bundle=RUN text="..." speaker=A.wav style=B.wav [seed=1] out=x.wav`"""

from __future__ import annotations

import difflib
from pathlib import Path

from sovits_lab.types import InputError, got

REQUIRED = ("bundle", "text", "speaker", "out")
OPTIONS = {
    "bundle": "a run folder or a voice bundle",
    "text": "what to say",
    "speaker": "who: an audio file of neutral speech, or the name of a training speaker",
    "style": "how: an audio file",
    "emotion": "how: a label of the bundle, instead of style",
    "strength": "how far from neutral, 1 is the style itself (default 1)",
    "rate": "speed on top of the style's own (default 1)",
    "seed": "of everything random (default 0)",
    "language": "of the text (default: the front end's own)",
    "out": "the WAV or FLAC file to write",
}


def parse(argv: list[str]) -> dict[str, str]:
    """`key=value` words to a dict; only the first `=` of a word counts.

    Raises:
        InputError: a word without `=`, an unknown, repeated or missing key.
    """
    values: dict[str, str] = {}
    for word in argv:
        key, sign, value = word.partition("=")
        if not sign:
            raise got("argument", word, "key=value")
        if key not in OPTIONS:
            near = difflib.get_close_matches(key, OPTIONS, n=1)
            raise got("key", key, f"one of {', '.join(OPTIONS)}" + (f" (did you mean {near[0]}?)" if near else ""))
        if key in values:
            raise InputError(f"key {key}: got it twice, expected it once")
        if not value:
            raise InputError(f"{key}=: got nothing, expected {OPTIONS[key]}")
        values[key] = value
    if missing := [key for key in REQUIRED if key not in values]:
        raise InputError(f"{missing[0]}=: got nothing, expected {OPTIONS[missing[0]]}")
    return values


def number(values: dict[str, str], key: str, default: float) -> float:
    """A number among the values."""
    try:
        return float(values.get(key, default))
    except ValueError as error:
        raise got(key, values[key], "a number") from error


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
        print("\n".join(f"  {key:<9} {about}" for key, about in OPTIONS.items()))
        return 0
    values = parse(argv)
    strength, rate, seed = number(values, "strength", 1.0), number(values, "rate", 1.0), seed_of(values)
    out = Path(values["out"])
    if out.suffix not in (".wav", ".flac"):
        raise got("out", values["out"], "a name that ends in .wav or .flac")
    if not out.parent.is_dir():
        raise got("out", values["out"], "a name in a folder that exists")

    from sovits_lab.audio.files import save_audio
    from sovits_lab.inference.synthesizer import Synthesizer

    speech = Synthesizer.load(values["bundle"]).speak(
        values["text"],
        values["speaker"],
        style=values.get("style"),
        emotion=values.get("emotion"),
        strength=strength,
        rate=rate,
        seed=seed,
        language=values.get("language"),
    )
    if not len(speech.wav):
        raise InputError("synthesis: got no speech from the model (flag: empty), expected some; try another seed")
    save_audio(out, speech.wav, speech.sample_rate)
    seconds = len(speech.wav) / speech.sample_rate
    flags = f", FLAGS: {', '.join(speech.flags)}" if speech.flags else ""
    print(f"{out}: {seconds:.2f} s of speech in {speech.seconds:.2f} s, seed {seed}{flags}")
    return 3 if speech.flags else 0
