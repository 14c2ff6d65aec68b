"""`python -m sovits_lab synthesize text="..." [bundle=RUN speaker=A.wav style=B.wav emotion=sad seed=1] out=x.wav`"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    import numpy as np

    from sovits_lab.inference.request import Request
    from sovits_lab.inference.synthesizer import Synthesizer

PIPE = "-"
STYLES, WARPS = ("vector", "emotion"), ("proportional", "words")
PRECISIONS = ("fp32", "bf16", "int8")
SOLVERS = ("shortcut", "euler", "midpoint", "adams_bashforth", "runge_kutta")  # this module imports no torch
MORE = "exit status: 0 all is well, 2 the command is wrong, 3 the file is written and flags say what is wrong with it"


@dataclass(frozen=True)
class SynthesisOptions:
    """Speak a text into a file, with a voice of ours or of the released GPT-SoVITS family."""

    text: str = option("what to say, with markup or without; long text is spoken clause by clause")
    out: str = option("the WAV or FLAC file to write; - with stream or chunk: 16-bit mono samples to standard output")
    bundle: str | None = option(
        "a run folder, a voice bundle, or a folder that `convert` or fine-tuning made", None, shown="the starter voice"
    )
    speaker: str | None = option(
        "who: an audio file of neutral speech (released family: of 3 to 10 s), or a speaker's name",
        None,
        shown="the voice's only speaker",
    )
    speaker_text: str | None = option("what is said in the speaker's file; the released family goes on from it", None)
    speaker_language: str | None = option("of that text", None, shown="found out")
    style: str | None = option("how: an audio file, or several with commas between them", None)
    style_as: str = option("what of it counts: all that is heard, or which emotion it is", "vector", choices=STYLES)
    emotion: str | None = option("how: a label of the bundle (sad) or a mix (sad:0.7,angry:0.3)", None)
    strength: float = option("how far from neutral; 1 is the style itself, more exaggerates", 1.0)
    guidance: float = option("exaggerates what the style changes; 1 is none", 1.0)
    rate: float = option("speed on top of the style's own; 2 is twice as fast", 1.0)
    f0: str | None = option("a CSV or JSON file with seconds and absolute (Hz) or relative (semitones)", None)
    energy: str | None = option("a CSV or JSON file with seconds and absolute or relative (both dB)", None)
    prosody: str | None = option("an audio file whose contour of F0 and energy is followed", None)
    warp: str = option("how its time is laid on the speech; words: both say the same", "proportional", choices=WARPS)
    pitch_shift: float = option("of all of it", 0.0, unit="semitones")
    energy_shift: float = option("of all of it", 0.0, unit="dB")
    seed: int = option("of everything random", 0, least=0, most=2**63 - 1)
    language: str | None = option("of the text: zh, en, ja, ko, yue", None, shown="found out")
    temperature: float | None = option("of the sampling of tokens", None, shown="the voice's own")
    top_k: int | None = option("how many codes to draw from", None, shown="the voice's own")
    top_p: float | None = option("how much probability to draw from", None, shown="the voice's own")
    stream: bool = option("write each clause as soon as it is spoken", False)
    chunk: int | None = option("stream: write the sound of every so many tokens", None, unit="25 are a second")
    seconds: float = option("refuse a text that would be longer", 1800.0, unit="s")
    device: str = option("where the networks run: cpu, cuda, cuda:1, mps", "cpu")
    dtype: str = option("what they compute in", "float32", choices=("float32", "bfloat16", "float16"))
    adapters: str | None = option(
        "style adapters for a released model: a folder", None, shown="those beside the bundle"
    )
    precision: str = option(
        "weights of a released GPT on a CPU; bf16: also of the flow of v3 and v4", "fp32", choices=PRECISIONS
    )
    steps: int | None = option("of the flow of v3 and v4", None, shown="the bundle's, 8", least=1, most=256)
    solver: str | None = option("of the flow of v3 and v4", None, shown="the bundle's, shortcut", choices=SOLVERS)
    content: str | None = option("released family: chinese-hubert-base, a folder or a hub id", None)
    speaker_network: str | None = option("released Pro models: weights of ERes2NetV2", None)
    bert: str | None = option("released family: chinese-roberta-wwm-ext-large, folder or hub id", None, shown="zeros")
    g2pw: str | None = option("released family: a folder of the network for Chinese polyphones", None, shown="pypinyin")
    japanese_dictionary: str | None = option("released family: a folder of Open JTalk's own dictionary", None)


NETWORKS = ("content", "speaker_network", "bert", "g2pw", "japanese_dictionary")
LOADING = ("device", "dtype", "precision", "adapters", "steps", "solver", *NETWORKS)
OWN = ("bundle", "out", "stream", "chunk", "seconds")  # not of the request


def clips_of(word: str | None) -> str | list[str] | None:
    """Return one clip, or several between commas; a file whose name has a comma is one clip."""
    return word if word is None or "," not in word or Path(word).exists() else word.split(",")


def emotion_of(word: str | None) -> str | dict[str, float] | None:
    """Return a label, or a mix as `sad:0.7,angry:0.3`."""
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


def _request(options: SynthesisOptions) -> Request:
    from sovits_lab.inference.request import Request

    values: dict[str, Any] = {
        one.name: getattr(options, one.name) for one in fields(options) if one.name not in LOADING + OWN
    }
    values |= {"style": clips_of(options.style), "emotion": emotion_of(options.emotion)}
    request = Request(**{**values, "speaker": options.speaker or None})
    request.check()
    return request


def _check_out(options: SynthesisOptions) -> None:
    if options.out == PIPE and (options.stream or options.chunk is not None):
        return
    out = Path(options.out)
    if out.suffix not in (".wav", ".flac"):
        raise got("out", options.out, "a name that ends in .wav or .flac")
    if not out.parent.is_dir():
        raise got("out", options.out, "a name in a folder that exists")


def _pieces(
    synthesizer: Synthesizer, request: Request, options: SynthesisOptions
) -> tuple[list[np.ndarray], float, tuple[str, ...]]:
    """The waveform in the pieces in which it was made, seconds to the first sound, and flags."""
    began, first = time.perf_counter(), 0.0
    if not options.stream and options.chunk is None:
        speech = synthesizer.speak_all([request])[0]
        return [speech.wav], time.perf_counter() - began, speech.flags
    pieces: list[np.ndarray] = []
    stream = synthesizer.stream(request, options.chunk)
    while True:
        try:
            piece = next(stream)
        except StopIteration as end:
            return pieces, first, end.value
        first = first or (time.perf_counter() - began if piece.any() else 0.0)
        pieces.append(piece)
        if options.out == PIPE:
            sys.stdout.buffer.write((piece.clip(-1, 1) * 32767).astype("<i2").tobytes())
            sys.stdout.buffer.flush()


def main(argv: list[str]) -> int:
    """Speak one text; status 3 when a flag says that the speech is broken (the file is still written)."""
    if not argv or wants_help(argv):
        print(describe(SynthesisOptions, "synthesize", MORE))
        return 0
    options = read_options(SynthesisOptions, argv)
    _check_out(options)
    request = _request(options)

    import numpy as np

    from sovits_lab.audio.files import save_audio
    from sovits_lab.inference.request import SpeechLimits, is_broken
    from sovits_lab.inference.starter import starter_folder
    from sovits_lab.inference.synthesizer import Synthesizer

    named = {key: getattr(options, key) for key in LOADING}
    folder = options.bundle or starter_folder()
    with Synthesizer.load(folder, limits=SpeechLimits(options.seconds), **named) as synthesizer:
        began = time.perf_counter()
        pieces, first, flags = _pieces(synthesizer, request, options)
        took, rate = time.perf_counter() - began, synthesizer.voice.sample_rate
    wav = np.concatenate([*pieces, np.zeros(0, np.float32)])
    if not wav.any():
        raise InputError("synthesis: got no speech from the model (flag: empty), expected some; try another seed")
    if options.out != PIPE:
        save_audio(Path(options.out), wav, rate)
    summary = f"{options.out}: {len(wav) / rate:.2f} s of speech in {took:.2f} s, first sound after {first:.2f} s"
    flagged = f", FLAGS: {', '.join(flags)}" if flags else ""
    print(f"{summary}, seed {options.seed}{flagged}", file=sys.stderr if options.out == PIPE else sys.stdout)
    return 3 if is_broken(flags) else 0
