"""Mouth shapes against the truth: recordings of a run's corpus with known phone times, timed by the run's voice.

The voice is given a recording's tokens and phones as if it had spoken them, and says when each phone begins. Where the
mouth changes its shape there, that is compared with the corpus' own alignment.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sovits_lab.checkpoints.bundle import bundle_folder
from sovits_lab.data.prepared import read_tokens
from sovits_lab.data.store import FeatureStore, Utterance
from sovits_lab.dialogue.visemes import shapes_of
from sovits_lab.files import read_json
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import KnowsPhones, PhoneTime, timings_of
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.types import got

STAGES = ("corpus", "features", "tokens", "bundle")
TRUTH = "a run whose corpus has the times of its phones, such as corpus=toy"


class ShapeChange(NamedTuple):
    """Where a mouth changes its shape: milliseconds in truth, and by how many the voice is late."""

    truth: float
    late: float


def bench_visemes(run: Path, count: int, seed: int) -> Iterator[str]:
    """Compare recordings that no training has heard, drawn by chance, with what the voice says of their times.

    Yields:
        Lines of text with errors in milliseconds.

    Raises:
        InputError: a run without the stages, without alignments, or whose voice does not know its phones.
    """
    folders = _stages(run)
    synthesizer = Synthesizer.load(bundle_folder(run))
    if not isinstance(synthesizer.voice.gpt, KnowsPhones):
        kind = type(synthesizer.voice.gpt).__name__
        raise got("film visemes, gpt", kind, "one that tells which phone each token speaks: gpt=prefix_lm")
    store = FeatureStore(folders["features"])
    tokens, truth = read_tokens(folders["tokens"], store), _alignments(folders["corpus"])
    known = [row for row in store.rows if row.split != "train" and row.speaker in synthesizer.voice.speakers]
    rows = [row for row in known if row.id in truth and row.phones == tuple(one.phone for one in truth[row.id])]
    if not rows:
        raise got("film visemes, run", run, TRUTH)
    chosen = random.Random(seed).sample(rows, min(count, len(rows)))
    changes = [one for row in chosen for one in _changes(synthesizer, row, tokens[row.id], truth[row.id])]
    late = np.array([one.late for one in changes])
    off = np.abs(late)
    yield f"{len(chosen)} recordings, {len(changes)} changes of the mouth, of {len(known)} not trained on"
    yield f"error: median {np.median(off):.1f} ms, 95 % within {np.percentile(off, 95):.1f} ms, most {off.max():.0f} ms"
    yield (
        f"bias: {late.mean():+.1f} ms (late is +); within 20 ms {100 * (off <= 20).mean():.0f} %, "
        f"within 60 ms {100 * (off <= 60).mean():.0f} %"
    )


def _stages(run: Path) -> dict[str, Path]:
    known = read_json(run / "stages.json", "stages of a run")
    if not isinstance(known, dict) or (missing := [name for name in STAGES if name not in known]):
        raise got("film visemes, run", run, f"a run with the stages {', '.join(STAGES)}; it lacks {missing[0]}")
    return {name: (run / known[name]).resolve() for name in STAGES}


def _alignments(corpus: Path) -> Mapping[str, list[PhoneTime]]:
    """The true times of every recording of a corpus stage that has them."""
    found: dict[str, list[PhoneTime]] = {}
    with gzip.open(corpus / "cuts.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            cut = json.loads(line)
            phones = (cut["supervisions"][0].get("alignment") or {}).get("phone") or ()
            found[cut["id"]] = [PhoneTime(name, start, start + length) for name, start, length, *_ in phones]
    return {name: times for name, times in found.items() if times}


def _changes(
    synthesizer: Synthesizer, row: Utterance, tokens: np.ndarray, truth: list[PhoneTime]
) -> Iterator[ShapeChange]:
    """Every place of a recording where one phone's last shape is not the next one's first."""
    emotion = row.emotion if row.emotion in synthesizer.voice.emotions else None
    asked = utterances_of(Request(row.text, row.speaker, emotion=emotion), synthesizer.clips)[0]
    utterance = replace(asked, phones=row.phones, words=())
    told = timings_of(synthesizer.voice, utterance, torch.from_numpy(np.asarray(tokens, dtype=np.int64)))
    if told.estimated:  # fewer tokens than phones: nothing is known of it
        return
    for (before, here), own in zip(pairwise(truth), told.phones[1:], strict=True):
        if shapes_of(before.phone)[-1] != shapes_of(here.phone)[0]:
            yield ShapeChange(1000 * here.start, 1000 * (own.start - here.start))
