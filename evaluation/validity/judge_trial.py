"""`python -m evaluation judges corpus=DIR`: which judge of emotion or style may be believed for what?

Every judge is tried on controlled triplets of real recordings, as it is and with each voice's neutral speech as its
zero, and on words that speak against the tone. It is believed for no more than it was shown to hear.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.judges.whisper_emotion import WhisperEmotionProbe
from evaluation.real_speech.clips import LabelledClip, corpus_key, load_clip, read_corpus
from evaluation.real_speech.signature import measure_manner
from evaluation.statistics.intervals import plain
from evaluation.style.baselines import Absent, Encoder, encoders
from evaluation.style.distance import compress_vectors, distances_of, neutral_anchored
from evaluation.style.extract import label_clips
from evaluation.style.vectors import ClipLabels
from evaluation.validity.incongruent import IncongruentResult, speak_incongruent, try_incongruent
from evaluation.validity.triplets import TripletResult, try_triplets
from sovits_lab.files import load_archive, write_whole
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

FEWEST_SPEAKERS = 4


@dataclass(frozen=True)
class JudgeOptions:
    """Try every judge of emotion and style on controlled triplets of real speech and on words against the tone."""

    corpus: Path = option("folder of real recordings with manifest.tsv or cuts.jsonl.gz")
    clips: int = option("real recordings, spread over voices, emotions and sentences", 480, least=16)
    voices: int = option("embedded voices that speak words against the tone", 6, least=4, most=8)
    style: Path | None = option("folder of a run's stage style, whose encoder is tried too", None)
    whisper: bool = option("try Whisper's encoder, the slowest of the judges", True)
    out: Path = option("folder of the page and of what was computed", Path("runs/evaluation/judges"))


class JudgeVerdict(NamedTuple):
    """What one judge was shown to hear; `anchored` are triplets of vectors less their speaker's mean neutral one."""

    judge: str
    triplets: list[TripletResult]
    anchored: list[TripletResult]
    incongruent: IncongruentResult


def main(argv: list[str]) -> int:
    """Try the judges, print a line for each, write `judges.json` and `judges.html`."""
    if not argv or wants_help(argv):
        print(describe(JudgeOptions, "judges", program="python -m evaluation"))
        return 0
    given = read_options(JudgeOptions, argv)
    clips = choose_clips(read_corpus(given.corpus), given.clips)
    odd = speak_incongruent(given.out / "incongruent")
    chosen = [one for one in odd if one.speaker in sorted({o.speaker for o in odd})[: given.voices]]
    verdicts, absent = try_judges(find_judges(given.style, given.whisper), clips, chosen, given.out / "vectors", print)
    page = write_verdicts(verdicts, absent, given.out, f"{len(clips)} recordings of {given.corpus.name}")
    for one in verdicts:
        hardest, anchored = one.triplets[-1], one.anchored[-1]
        print(f"{one.judge}: against voice and words {100 * hardest.share:.0f} % ({hardest.verdict}), from the "
              f"speaker's neutral {100 * anchored.share:.0f} % ({anchored.verdict}); "
              f"words against the tone: {one.incongruent.verdict}")  # fmt: skip
    for line in absent:
        print(f"not tried: {line}")
    print(f"page: {page}")
    return 0


def choose_clips(clips: Sequence[LabelledClip], most: int) -> list[LabelledClip]:
    """Choose recordings evenly: one of each voice, emotion and sentence before the second of any.

    Raises:
        InputError: too few voices for triplets across voices.
    """
    if len({one.speaker for one in clips}) < FEWEST_SPEAKERS:
        raise got("voices of the corpus", len({one.speaker for one in clips}), f"at least {FEWEST_SPEAKERS}")
    order = np.random.default_rng(0).permutation(len(clips))
    taken: dict[tuple[str, str, str], int] = {}
    ranked: list[tuple[int, int, int]] = []
    for i in order:
        key = (clips[i].speaker, clips[i].emotion, clips[i].text)
        taken[key] = taken.get(key, 0) + 1
        ranked.append((taken[key], len(ranked), int(i)))
    return [clips[i] for _, _, i in sorted(ranked)[:most]]


def find_judges(style: Path | None, whisper: bool) -> list[Encoder | Absent]:
    """Find every judge that gives a vector of a recording; those that cannot run here say why."""
    made = [*encoders(), Encoder("emotion probe's features", "1", measure_manner)]
    if whisper:
        try:
            probe = WhisperEmotionProbe()
            made.append(Encoder("Whisper's encoder", probe.card.weight_hash, probe.vector))
        except InputError as error:
            made.append(Absent("Whisper's encoder", str(error)))
    if style is not None:
        made.append(_own_encoder(style))
    return made


def _own_encoder(folder: Path) -> Encoder:
    """The reference encoder that a run's stage `style` trained."""
    import torch

    from evaluation.judges.contract import weight_hash
    from evaluation.real_speech.clips import TARGET_DBFS
    from sovits_lab.audio.spec import AudioSpec
    from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
    from sovits_lab.data.batches import stack_mels
    from sovits_lab.preparation.level_mels import levelled_mel

    bundle = folder / "bundle"
    reference = build(read_facts(bundle, "style", ["model"])["model"])
    load_parts(bundle, {"reference": reference})
    reference.eval()

    def embed(wav: np.ndarray) -> NDArray[np.float64]:
        mels = stack_mels([levelled_mel(wav.astype(np.float32), AudioSpec(), TARGET_DBFS)])
        with torch.no_grad():
            return np.asarray(reference(mels.mel, mels.mask)[0].numpy(), dtype=np.float64)

    return Encoder(f"style encoder {folder.resolve().name}", weight_hash(bundle), embed)


def try_judges(
    judges: Sequence[Encoder | Absent],
    clips: Sequence[LabelledClip],
    odd: Sequence[LabelledClip],
    cache: Path | None,
    say: Callable[[str], Any],
) -> tuple[list[JudgeVerdict], list[str]]:
    """Try judges on triplets of `clips` and on the tones of `odd`; also a line for each that cannot run here."""
    verdicts, absent = [], []
    for one in judges:
        if isinstance(one, Absent):
            absent.append(f"{one.name}: {one.reason}")
            continue
        say(f"{one.name}: {len(clips)} recordings and {len(odd)} spoken by the embedded voices")
        vectors, kept = embed_clips(one, clips, cache)
        labels = label_clips(kept)
        triplets = try_triplets(distances_of(compress_vectors(vectors)), labels)
        own, spoken = embed_clips(one, odd, cache)
        verdicts.append(JudgeVerdict(one.name, triplets, try_anchored(vectors, labels), try_incongruent(own, spoken)))
    return verdicts, absent


def try_anchored(vectors: NDArray[np.float64], labels: ClipLabels) -> list[TripletResult]:
    """Try triplets of what is left of vectors when their speaker's mean neutral one is taken away.

    Neutral clips are spent on that, so all triplets are of others: what the mean of a few clips got wrong is shared by
    all clips of a speaker and makes them alike, which can only hide an emotion.
    """
    anchored, keep = neutral_anchored(vectors, labels)
    points = compress_vectors(anchored[keep]) if keep.any() else np.zeros((0, 1))
    return try_triplets(distances_of(points), labels.pick(keep))


def embed_clips(
    judge: Encoder, clips: Sequence[LabelledClip], cache: Path | None
) -> tuple[NDArray[np.float64], list[LabelledClip]]:
    """Embed recordings at one level; those in which nothing is heard are left out. Kept in `cache` by content."""
    import io

    key = corpus_key(list(clips), f"judges 1 {judge.name} {judge.recipe}")
    path = None if cache is None else cache / f"{key}.npz"
    if path is not None and path.is_file():
        held = load_archive(path, "vectors of a judge")
        return held["vectors"], [clips[i] for i in held["kept"]]
    vectors, kept = [], []
    for i, clip in enumerate(clips):
        try:
            vectors.append(judge.encode(load_clip(clip).normalised))
            kept.append(i)
        except InputError:
            continue  # silent or broken, as the check of the corpus says
    if len(kept) < 0.9 * len(clips):
        raise got("usable recordings", f"{len(kept)} of {len(clips)}", "at least nine in ten")
    made = np.stack(vectors).astype(np.float64)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        memory = io.BytesIO()
        np.savez(memory, vectors=made, kept=np.array(kept))
        write_whole(path, memory.getvalue())
    return made, [clips[i] for i in kept]


def write_verdicts(verdicts: Sequence[JudgeVerdict], absent: Sequence[str], out: Path, about: str) -> Path:
    """Write the verdicts as JSON and as a page; return the page."""
    from evaluation.report.template import render

    out.mkdir(parents=True, exist_ok=True)
    rows = [describe_verdict(one) for one in verdicts]
    text = json.dumps({"about": about, "judges": rows, "absent": list(absent)}, ensure_ascii=False, indent=1)
    write_whole(out / "judges.json", (text + "\n").encode())
    page = out / "judges.html"
    write_whole(page, render("judges.html", {"about": about, "judges": rows, "absent": list(absent)}).encode())
    return page


def describe_verdict(one: JudgeVerdict) -> dict[str, Any]:
    """Return a verdict as plain JSON types; a NaN becomes None."""
    odd = one.incongruent
    return {
        "judge": one.judge,
        **{
            name: [{**plain(t._asdict()), "verdict": t.verdict} for t in found]
            for name, found in (("triplets", one.triplets), ("anchored", one.anchored))
        },
        "neutral": odd.neutral.row(),
        "congruent": odd.congruent.row(),
        "incongruent": odd.incongruent.row(),
        "pull": list(plain({"pull": odd.pull, "low": odd.pull_low, "high": odd.pull_high}).values()),
        "to_words": odd.to_words,
        "chance": odd.chance,
        "verdict": odd.verdict,
    }
