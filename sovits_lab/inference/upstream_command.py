"""`synthesize bundle=CONVERTED text="..." reference=A.wav reference_text="..." content=DIR out=x.wav`"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_lab.checkpoints.bundle import allowed_class, read_facts
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    import numpy as np

    from sovits_lab.inference.upstream import UpstreamSynthesizer

REQUIRED = ("bundle", "text", "reference", "reference_text", "content", "out")
OPTIONS = {
    "bundle": "a folder that `convert` or fine-tuning made",
    "text": "what to say; long text is cut into sentences",
    "reference": "whose voice: an audio file of 3 to 10 s",
    "reference_text": "what is said in it",
    "content": "chinese-hubert-base: a folder with config.json and weights, or a hub id",
    "speaker_network": "weights of ERes2NetV2 (pretrained_eres2netv2w24s4ep4.ckpt), for the Pro models",
    "bert": "chinese-roberta-wwm-ext-large: a folder or a hub id (default: zeros, which Chinese text suffers from)",
    "g2pw": "folder of the network for Chinese polyphones (default: pypinyin)",
    "japanese_dictionary": "folder of Open JTalk's own dictionary, for exact Japanese (default: pyopenjtalk-plus's)",
    "language": "of the text: zh, en, ja, ko, yue (default: found out)",
    "reference_language": "of the reference's text (default: found out)",
    "rate": "speed, 1 is as generated (default 1)",
    "seed": "of everything random (default 0)",
    "temperature": "of the sampling (default 1)",
    "top_k": "codes to draw from (default 15)",
    "top_p": "probability to draw from (default 1)",
    "precision": "fp32, bf16 or int8 weights of the GPT (default fp32)",
    "chunk": "stream: make sound of every so many tokens (25 a second) as soon as they are there",
    "out": "the WAV or FLAC file to write; with chunk also -, 16-bit mono samples at 32 kHz to standard output",
}
PAUSE = 0.3  # seconds between sentences that were cut


def speaks(argv: list[str]) -> bool:
    """Whether the words name a bundle of this kind; one that cannot be read is left to who reads it next."""
    folder = next((word.partition("=")[2] for word in argv if word.startswith("bundle=")), "")
    try:
        return bool(folder) and bool(read_facts(_home(Path(folder)), "upstream"))
    except InputError:
        return False


def _home(folder: Path) -> Path:
    """The bundle itself, or the one in a run's folder."""
    return folder / "bundle" if (folder / "bundle" / "bundle.json").is_file() else folder


def _whole(values: Mapping[str, str], key: str) -> int:
    if not values[key].isdecimal() or not 1 <= int(values[key]) <= 1500:
        raise got(key, values[key], "a whole number from 1 to 1500")
    return int(values[key])


def _bounded(values: Mapping[str, str], key: str, least: float, most: float) -> float:
    from sovits_lab.inference.command import number

    value = number(dict(values), key, 1.0)
    if not least <= value <= most:
        raise got(key, values[key], f"a number from {least:g} to {most:g}")
    return value


def _settings(values: Mapping[str, str]) -> dict[str, Any]:
    """Sampler, speed and file name, checked before anything is loaded."""
    out = Path(values["out"])
    if not (values["out"] == "-" and "chunk" in values):
        if out.suffix not in (".wav", ".flac"):
            raise got("out", values["out"], "a name that ends in .wav or .flac")
        if not out.parent.is_dir():
            raise got("out", values["out"], "a name in a folder that exists")
    if values.get("precision", "fp32") not in ("fp32", "bf16", "int8"):
        raise got("precision", values["precision"], "fp32, bf16 or int8")
    if "chunk" in values and "rate" in values:
        raise got("rate", values["rate"], "none beside chunk: a stream has the speed that was generated")
    from sovits_lab.inference.command import seed_of
    from sovits_lab.models.gpt.sampling import Sampler

    return {
        "sampler": Sampler(
            _bounded(values, "temperature", 0.0, 10.0),
            _whole(values, "top_k") if "top_k" in values else 15,
            _bounded(values, "top_p", 0.0, 1.0) if "top_p" in values else None,
        ),
        "seed": seed_of(dict(values)),
        "rate": _bounded(values, "rate", 0.25, 4.0),
        "chunk": _whole(values, "chunk") if "chunk" in values else None,
    }


def _loaded(values: Mapping[str, str]) -> UpstreamSynthesizer:
    """The synthesizer with all that feeds it; what the bundle needs beyond itself is asked for by key."""
    folder = _home(Path(values["bundle"]))
    parts = read_facts(folder, "upstream", ("parts", "symbols"))["parts"]
    if missing := [part for part in ("gpt", "sovits") if part not in parts]:
        raise got(f"bundle {folder}: parts", sorted(parts), f"also {missing[0]}; convert takes --gpt and --sovits")
    pro = allowed_class(parts["sovits"]["reference"]["_target_"]).uses_speaker  # type: ignore[attr-defined]
    if pro and "speaker_network" not in values:
        raise InputError(f"speaker_network=: got nothing, expected {OPTIONS['speaker_network']}")
    from transformers.utils.logging import disable_progress_bar

    from sovits_lab.checkpoints.speaker_file import speaker_vectors
    from sovits_lab.inference.upstream import UpstreamSynthesizer, raw_content
    from sovits_lab.text.bert import BertFeatures
    from sovits_lab.text.mandarin.g2pw import G2pw

    disable_progress_bar()  # type: ignore[no-untyped-call]
    return UpstreamSynthesizer.load(
        folder,
        raw_content(values["content"]),
        BertFeatures(values["bert"]) if "bert" in values else None,
        speaker_vectors(Path(values["speaker_network"])) if pro else None,
        values.get("precision", "fp32"),  # type: ignore[arg-type]
        G2pw(values["g2pw"]) if "g2pw" in values else None,
        Path(values["japanese_dictionary"]) if "japanese_dictionary" in values else None,
    )


def _spoken(
    synthesizer: UpstreamSynthesizer, values: Mapping[str, str], settings: Mapping[str, Any], flags: list[str]
) -> Iterator[np.ndarray]:
    """The waveform in pieces: sentences, or what a chunk of tokens adds; `flags` collects what went wrong."""
    import numpy as np
    import torch

    from sovits_lab.text.cutting import cut

    voice = synthesizer.voice(Path(values["reference"]), values["reference_text"], values.get("reference_language"))
    random = torch.Generator().manual_seed(settings["seed"])
    language, sampler = values.get("language"), settings["sampler"]
    for i, sentence in enumerate(cut(values["text"]) or [values["text"]]):
        if i:
            yield np.zeros(int(PAUSE * synthesizer.sample_rate), np.float32)
        if settings["chunk"] is not None:
            flags += yield from synthesizer.stream(
                sentence, language, voice, settings["chunk"], 2, sampler, generator=random
            )
            continue
        speech = synthesizer.speak(sentence, language, voice, sampler, speed=settings["rate"], generator=random)
        flags += speech.flags
        yield speech.wav


def main(argv: list[str]) -> int:
    """Speak one text into a file; status 3 when a sentence came out empty, endless or in part unread."""
    if len(argv) == 1:
        print("usage: python -m sovits_lab synthesize bundle=CONVERTED key=value ...\n")
        print("\n".join(f"  {key:<18} {about}" for key, about in OPTIONS.items()))
        return 0
    from sovits_lab.inference.command import parse

    values = parse(argv, OPTIONS, REQUIRED)
    settings = _settings(values)
    synthesizer = _loaded(values)
    flags: list[str] = []
    begin, first, pieces = time.perf_counter(), 0.0, []
    for piece in _spoken(synthesizer, values, settings, flags):
        first = first or time.perf_counter() - begin
        pieces.append(piece)
        if values["out"] == "-":
            sys.stdout.buffer.write((piece.clip(-1, 1) * 32767).astype("<i2").tobytes())
            sys.stdout.buffer.flush()
    return _finish(values, pieces, synthesizer.sample_rate, first, time.perf_counter() - begin, flags)


def _finish(
    values: Mapping[str, str], pieces: list[np.ndarray], rate: int, first: float, took: float, flags: list[str]
) -> int:
    """Write the file and one line about it."""
    import numpy as np

    from sovits_lab.audio.files import save_audio

    wav = np.concatenate(pieces)
    if not wav.any():
        raise InputError("synthesis: got no speech from the model (flag: empty), expected some; try another seed")
    if values["out"] != "-":
        save_audio(Path(values["out"]), wav, rate)
    said = f"{values['out']}: {len(wav) / rate:.2f} s of speech in {took:.2f} s, first sound after {first:.2f} s"
    told = f", FLAGS: {', '.join(sorted(set(flags)))}" if flags else ""
    print(f"{said}, seed {values.get('seed', '0')}{told}", file=sys.stderr if values["out"] == "-" else sys.stdout)
    return 3 if flags else 0
