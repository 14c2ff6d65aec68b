"""`python -m sovits_lab convert-voice source=A.wav speaker=B.wav bundle=... out=...`: another voice says it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sovits_lab.inference.command import SOLVERS
from sovits_lab.inference.conversion_windows import Wave
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got


@dataclass(frozen=True)
class ConvertVoiceOptions:
    """Say what a recording says in another voice; its emotion is kept, that of a third clip, or asked for by name."""

    source: Path = option("the recording, of any length")
    out: Path = option("the wave file to write")
    speaker: str | None = option(
        "a clip of the target's voice, or the name of a training speaker", None, shown="the voice's only one"
    )
    bundle: Path | None = option("a run folder, or a bundle of either family", None, shown="the starter voice")
    source_neutral: Path | None = option(
        "a neutral clip of the source's speaker, from whose pitch and level the source moves", None, shown="the source"
    )
    style: Path | None = option("a third clip, whose way of speaking is taken", None)
    emotion: str = option("a label, or keep for the source's own", "keep")
    text: str | None = option("what the source says, where it is known", None)
    speaker_text: str | None = option("what the target's clip says; v3 and v4 go on from it", None)
    recogniser: str | None = option(
        "hears the words of each window in place of text=: whisper-base, or a Whisper model's folder", None
    )
    language: str | None = option("of both texts", None, shown="found out")
    content: str | None = option(
        "a native run's content stage; chinese-hubert-base for a released bundle",
        None,
        shown="words laid on the source",
    )
    speaker_network: Path | None = option("ERes2NetV2's weights, for v2Pro", None)
    pitch: str = option("of models with explicit F0", "transpose", choices=["keep", "transpose", "draw"])
    seconds: float = option("of each window at most, which ends at a pause", 10.0)
    seed: int = option("of everything random", 0, least=0)
    device: str = option("where the networks run: cpu, cuda, cuda:1, mps", "cpu")
    precision: str = option("of the flow of v3 and v4 on a CPU", "fp32", choices=("fp32", "bf16"))
    steps: int | None = option("of the flow of v3 and v4", None, shown="the bundle's, 8", least=1, most=256)
    solver: str | None = option("of the flow of v3 and v4", None, shown="the bundle's, shortcut", choices=SOLVERS)


def main(argv: list[str]) -> int:
    """Convert a recording and say how long it took."""
    if not argv or wants_help(argv):
        print(describe(ConvertVoiceOptions, "convert-voice"))
        return 0
    options = read_options(ConvertVoiceOptions, argv)
    if options.out.suffix != ".wav" or not options.out.parent.is_dir():
        raise got("out", options.out, "a file that ends in .wav, in a folder that exists")
    from sovits_lab.pipeline.memory import bound_prepared_kernels

    bound_prepared_kernels()  # windows end at pauses, so each has another length
    from sovits_lab.audio.files import save_pieces
    from sovits_lab.checkpoints.networks import OuterNetworks
    from sovits_lab.corpora.transcripts import whisper_transcriber
    from sovits_lab.inference.conversion_sources import conversion_of, read_source
    from sovits_lab.inference.conversion_windows import ConversionWindows
    from sovits_lab.inference.flow_settings import FlowSettings
    from sovits_lab.inference.loading import is_released, load_voice
    from sovits_lab.inference.starter import only_speaker, starter_folder

    began, windows = time.perf_counter(), ConversionWindows(options.seconds)
    bundle = options.bundle or starter_folder()
    released = is_released(bundle)
    networks = OuterNetworks(options.content if released else None, options.speaker_network)
    flow = FlowSettings(options.steps, options.solver)
    voice = load_voice(bundle, options.device, None, networks, options.precision, None, flow)  # type: ignore[arg-type]
    stage = Path(options.content) if options.content and not released else None
    rate, neutral = voice.clip_rate, options.source_neutral
    source = read_source(options.source, rate)
    conversion = conversion_of(
        voice,
        options.source,
        options.speaker or only_speaker(voice.speakers),
        stage,
        options.style,
        options.emotion,
        options.text,
        options.speaker_text,
        options.language,
        options.pitch,
        windows,
        options.seed,
        whisper_transcriber(options.recogniser) if options.recogniser else None,
    )
    moves_from = None if neutral is None else conversion.prosody_of(read_source(neutral, rate), rate)
    saved = save_pieces(options.out, tidied(conversion.pieces(source, rate, moves_from)), voice.sample_rate)
    seconds = saved.samples / voice.sample_rate
    print(
        f"{options.out}: {seconds:.2f} s at {voice.sample_rate} Hz in {time.perf_counter() - began:.2f} s; "
        f"a stream of such windows would wait for {windows.latency:.2f} s of sound"
    )
    return 0


def tidied(pieces: Iterator[Wave]) -> Iterator[Wave]:
    """Yield pieces, and now and then return what was freed, so that a long recording needs no more than a short one."""
    from sovits_lab.pipeline.memory import TIDY, return_freed_memory

    began = time.monotonic()
    for piece in pieces:
        yield piece
        if time.monotonic() - began > TIDY:
            return_freed_memory()
            began = time.monotonic()
