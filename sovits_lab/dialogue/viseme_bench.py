"""Mouth shapes against the truth: recordings of a run's corpus with known phone times, beside the run's voice.

A voice whose GPT tells which phone each token speaks is given a recording's tokens as if it had spoken them, and says
when each phone begins; that is compared with the corpus' own alignment. One that settles how long each phone lasts
before it speaks says the same words itself, and what it tells is compared with its own sound (`lip_sync`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from sovits_lab.checkpoints.bundle import bundle_folder
from sovits_lab.corpora.manifest import MANIFEST, Phone, audio_of, phones_of, read_cuts
from sovits_lab.data.prepared import read_tokens
from sovits_lab.data.store import FeatureStore, Utterance
from sovits_lab.dialogue.lip_sync import RATE, SpokenPhones, lateness, time_phones
from sovits_lab.dialogue.visemes import shapes_of
from sovits_lab.files import read_json
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import KnowsDurations, KnowsPhones, PhoneTime, timings_of
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.types import got

if TYPE_CHECKING:
    from lhotse.cut import Cut

STAGES = ("corpus", "features", "tokens", "bundle")
TRUTH = "a run whose corpus has the times of its phones, such as corpus=toy"


def bench_visemes(run: Path, count: int, seed: int) -> Iterator[str]:
    """Compare recordings that no training has heard, drawn by chance, with what the voice says of their times.

    Yields:
        Lines of text with errors in milliseconds.

    Raises:
        InputError: a run without the stages, without alignments, or whose voice does not know its phones.
    """
    folders = _stages(run)
    synthesizer = Synthesizer.load(bundle_folder(run))
    gpt = synthesizer.voice.gpt
    if not isinstance(gpt, KnowsPhones | KnowsDurations):
        raise got(
            "film visemes, gpt", type(gpt).__name__, "one that knows when phones are spoken: gpt=prefix_lm|parallel"
        )
    store = FeatureStore(folders["features"])
    known = [row for row in store.rows if row.split != "train" and row.speaker in synthesizer.voice.speakers]
    cuts = {one.id: one for one in read_cuts(folders["corpus"] / MANIFEST)}
    chosen = [row for row in random.Random(seed).sample(known, len(known)) if row.id in cuts]
    if isinstance(gpt, KnowsDurations):
        found = (_own_lateness(synthesizer, row, cuts[row.id]) for row in chosen)
    else:
        tokens = read_tokens(folders["tokens"], store)
        found = (_known_lateness(synthesizer, row, cuts[row.id], tokens[row.id]) for row in chosen)
    compared = list(islice((one for one in found if one is not None), count))
    if not compared:
        raise got("film visemes, run", run, TRUTH)
    yield f"{len(compared)} recordings, {sum(map(len, compared))} changes of the mouth, of {len(known)} not trained on"
    yield from _summary(np.array([late for one in compared for late in one]))


def _summary(late: np.ndarray) -> Iterator[str]:
    off = np.abs(late)
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


def _own_lateness(synthesizer: Synthesizer, row: Utterance, cut: Cut) -> list[float] | None:
    """Milliseconds by which the voice tells its own changes of the mouth late; None where it reads other phones."""
    truth = phones_of(cut)
    spoken = time_phones(synthesizer, _request(synthesizer, row))
    if [one.symbol for one in truth] != list(spoken.phones):
        return None
    recording = audio_of(cut, RATE)
    return lateness(SpokenPhones(recording, spoken.phones, [one.start for one in truth]), spoken)


def _known_lateness(synthesizer: Synthesizer, row: Utterance, cut: Cut, tokens: np.ndarray) -> list[float] | None:
    """Milliseconds by which the voice, given a recording's tokens, tells its changes of the mouth late.

    None where the recording has other phones in truth than were made of it, or too few tokens to tell.
    """
    truth = phones_of(cut)
    if row.phones != tuple(one.symbol for one in truth):
        return None
    asked = utterances_of(_request(synthesizer, row), synthesizer.clips)[0]
    utterance = replace(asked, phones=row.phones, words=())
    times = timings_of(synthesizer.voice, utterance, torch.from_numpy(np.asarray(tokens, dtype=np.int64)))
    return None if times.estimated else list(_differences(truth, times.phones))


def _differences(truth: list[Phone], times: tuple[PhoneTime, ...]) -> Iterator[float]:
    """Of every place where one phone's last shape is not the next one's first."""
    for (before, here), own in zip(pairwise(truth), times[1:], strict=True):
        if shapes_of(before.symbol)[-1] != shapes_of(here.symbol)[0]:
            yield 1000 * (own.start - here.start)


def _request(synthesizer: Synthesizer, row: Utterance) -> Request:
    return Request(row.text, row.speaker, emotion=row.emotion if row.emotion in synthesizer.voice.emotions else None)
