"""`python -m evaluation conversion pairs=FILE bundle=DIR`: convert recordings, and say what the conversion kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.conversion.pairs import ConversionSamples, read_pairs, voices_of
from evaluation.conversion.tables import emotion_figures, judged_figures, write_figures
from evaluation.real_speech.clips import LabelledClip, read_corpus
from evaluation.scoring.cache import RowCache
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.scoring.samples import check_outputs
from evaluation.scoring.scorer import AudioFiles, score_all
from evaluation.suite.command import CONFIGURED, Terminal, build_scorers, compose_config, open_terminal
from sovits_lab.options import describe, option, read_options, split_words, wants_help

PROGRAM = "python -m evaluation"
OVERRIDES = "other words go to conf/conversion.yaml, such as ~judges.quality or judge@judges.words=whisper"


@dataclass(frozen=True)
class ConversionOptions:
    """Convert recordings to other voices and measure what was kept, beside the sources in their own voice.

    With converted=true the recordings are those of another system, in OUT/wavs: N.wav for pair N, self-N.wav for its
    source in its own voice.
    """

    pairs: Path = option("table with source, source_speaker, source_reference, speaker, reference, text, emotion")
    bundle: Path | None = option("a run folder, or a bundle of either family", None, shown="the starter voice")
    converted: bool = option("the recordings are there already", False)
    content: str | None = option("a native run's content stage; chinese-hubert-base for a released bundle", None)
    speaker_network: Path | None = option("ERes2NetV2's weights, for v2Pro", None)
    texts: bool = option("the voice is told what the source says", True)
    labels: bool = option("the voice is told the emotion of the source, where it has that label", False)
    pitch: str = option("of models with explicit F0", "transpose", choices=["keep", "transpose", "draw"])
    corpus: Path | None = option("folder of more emotional recordings to compare emotions with", None)
    out: Path = option("folder of recordings and results", Path("runs/conversion"))


def main(argv: list[str]) -> int:
    """Convert, judge, and print one table."""
    if not argv or wants_help(argv):
        print(describe(ConversionOptions, "conversion", OVERRIDES, PROGRAM))
        return 0
    own, overrides = split_words(ConversionOptions, argv, CONFIGURED)
    given = read_options(ConversionOptions, own)
    samples = read_pairs(given.pairs, given.out / "wavs")
    remarks: list[str] = []
    scorers = build_scorers(compose_config(overrides, "conversion")["judges"], remarks)
    given.out.mkdir(parents=True, exist_ok=True)
    with open_terminal() as report:
        if not given.converted:
            convert_with(given, samples, report)
        check_outputs(samples.all, str(given.out / "wavs"))
        table, notes = score_all(scorers, samples.all, AudioFiles(), report, RowCache(given.out / "cache.jsonl"))
    table.write(given.out / MEASUREMENTS)
    figures = judged_figures(samples, table)
    figures += emotion_figures(samples, emotional_clips(given.corpus, samples))
    print(write_figures(figures, [*notes, *remarks], given.out))
    print(f"written: {given.out}/conversion.json, conversion.md, {MEASUREMENTS}")
    return 0


def convert_with(given: ConversionOptions, samples: ConversionSamples, report: Terminal) -> None:
    """Load the voice and convert what is not there yet."""
    from evaluation.conversion.speak import convert_all
    from sovits_lab.checkpoints.networks import OuterNetworks
    from sovits_lab.inference.conversion_sources import native_tokens
    from sovits_lab.inference.loading import is_released, load_voice
    from sovits_lab.inference.starter import starter_folder

    bundle = given.bundle or starter_folder()
    released = is_released(bundle)
    voice = load_voice(bundle, networks=OuterNetworks(given.content if released else None, given.speaker_network))
    content = native_tokens(Path(given.content)) if given.content and not released else None
    convert_all(voice, samples.all, content, report, given.texts, given.pitch, given.labels)


def emotional_clips(corpus: Path | None, samples: ConversionSamples) -> list[LabelledClip]:
    """List recordings to compare emotions with: the sources, and those of a corpus that have their emotions."""
    emotions = {one.emotion for one in samples.all}
    spoken = zip(samples.all, voices_of(samples.all), strict=True)
    known = {
        one.truth.resolve(): LabelledClip(one.truth, who, one.emotion, one.text)
        for one, (who, _) in spoken
        if one.truth is not None
    }
    more: Sequence[LabelledClip] = read_corpus(corpus) if corpus is not None else ()
    return list(known.values()) + [
        clip for clip in more if clip.emotion in emotions and clip.path.resolve() not in known
    ]
