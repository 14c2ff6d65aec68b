"""Utterances -> semantic tokens, in batches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.conditioning.conditions import given
from sovits_lab.data.batches import mask_of, pad
from sovits_lab.inference.guidance import GuidedGpt
from sovits_lab.inference.utterances import Utterance
from sovits_lab.inference.voice import Voice
from sovits_lab.models.contracts import Bounds
from sovits_lab.models.gpt.generation import speak_tokens


class SpokenTokens(NamedTuple):
    """Tokens of one utterance, what the guard says of them ("" when all is well), and its share of the wall time."""

    tokens: Int[Tensor, " S"]
    flag: str
    seconds: float


def ids_of(voice: Voice, utterance: Utterance) -> NDArray[np.int64]:
    """Numbers of an utterance's phones."""
    return np.array([voice.symbols[phone] for phone in utterance.phones], dtype=np.int64)


def spoken_tokens(voice: Voice, utterances: Sequence[Utterance], batch: int, guard: Bounds) -> list[SpokenTokens]:
    """Tokens of each utterance, of up to `batch` together; a row depends on its own seed alone."""
    made = [SpokenTokens(torch.zeros(0, dtype=torch.long), "", 0.0)] * len(utterances)
    spoken = [i for i, one in enumerate(utterances) if one.phones]
    order = sorted(spoken, key=lambda i: len(utterances[i].phones))
    for chosen in _batches(order, [one.guidance != 1 for one in utterances], batch):
        for i, one in zip(chosen, _together(voice, [utterances[i] for i in chosen], guard), strict=True):
            made[i] = one
    return made


def _together(voice: Voice, rows: Sequence[Utterance], guard: Bounds) -> list[SpokenTokens]:
    began = time.perf_counter()
    ids = [ids_of(voice, row) for row in rows]
    scale = torch.tensor([row.guidance for row in rows], dtype=torch.float32, device=voice.device)
    model = GuidedGpt(voice.gpt, scale) if any(row.guidance != 1 for row in rows) else voice.gpt
    styles = [row.manner.style.gpt for row in rows]
    stacked = {name: torch.stack([one[name] for one in styles]) for name in styles[0]}
    vectors = {"speaker": torch.stack([row.speaker.vector for row in rows]), **stacked}
    told = given(**{name: vector.to(voice.device) for name, vector in vectors.items()})
    phones, mask = pad(ids).to(voice.device), mask_of(ids).to(voice.device)
    with voice.computing():
        generated = speak_tokens(model, phones, mask, told, voice.sampler, [row.seed for row in rows], guard)
    seconds = (time.perf_counter() - began) / len(rows)
    return [
        SpokenTokens(tokens.cpu(), flag, seconds)
        for tokens, flag in zip(generated.tokens, generated.flags, strict=True)
    ]


def _batches(order: Sequence[int], guided: Sequence[bool], size: int) -> Iterator[Sequence[int]]:
    """At most `size` at a time, guided utterances never with others: their rows are computed twice."""
    for kind in (False, True):
        alike = [i for i in order if guided[i] is kind]
        for first in range(0, len(alike), size):
            yield alike[first : first + size]
