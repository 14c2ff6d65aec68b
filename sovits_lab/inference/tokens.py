"""Utterances -> semantic tokens, in batches or step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.conditioning.conditions import SPEAKER, Conditions, given
from sovits_lab.data.batches import mask_of, pad
from sovits_lab.inference.guidance import GuidedGpt
from sovits_lab.inference.request import Request
from sovits_lab.inference.utterances import SpokenUtterance
from sovits_lab.inference.voice import ClipPrompt, LoadedVoice
from sovits_lab.models.contracts import Bounds, Prompt
from sovits_lab.models.gpt.generation import all_at_once, generate, limits_of, speak_tokens, steps
from sovits_lab.models.gpt.sampling import Sampler


class SpokenTokens(NamedTuple):
    """Tokens of one utterance, what the guard says of them ("" when all is well), and its share of the wall time."""

    tokens: Int[Tensor, " S"]
    flag: str
    seconds: float


class _Rows(NamedTuple):
    """Utterances as the model of tokens is given them."""

    model: GuidedGpt | object
    phones: Int[Tensor, "B P"]
    mask: Bool[Tensor, "B P"]
    conditions: Conditions
    prompt: Prompt | None
    bert: Float[Tensor, "B P F"] | None


def ids_of(voice: LoadedVoice, utterance: SpokenUtterance) -> NDArray[np.int64]:
    """Return the numbers of an utterance's phones."""
    return np.array([voice.symbols[phone] for phone in utterance.phones], dtype=np.int64)


def sampler_of(voice: LoadedVoice, request: Request) -> Sampler:
    """Return the voice's sampler with what the request changes of it."""
    own = voice.sampler
    return Sampler(
        own.temperature if request.temperature is None else request.temperature,
        own.top_k if request.top_k is None else int(request.top_k),
        own.top_p if request.top_p is None else request.top_p,
        own.repetition_penalty,
        own.order,
    )


def generate_tokens(
    voice: LoadedVoice,
    plans: Sequence[Sequence[SpokenUtterance]],
    requests: Sequence[Request],
    batch: int,
    guard: Bounds,
) -> list[list[SpokenTokens]]:
    """Return the tokens of the utterances of each request, of up to `batch` together; a row depends on its own seed
    alone.

    A model that draws all tokens at once computes a row by itself on a CPU: its products are large as they are, and
    padding would cost more.

    Utterances of two requests share a batch where that changes nothing but speed: a model that is packed for one row
    rounds otherwise with more rows, so there a request is spoken by itself.
    """
    every = [(r, one) for r, plan in enumerate(plans) for one in plan]
    made = [SpokenTokens(torch.zeros(0, dtype=torch.long), "", 0.0)] * len(every)
    spoken = [i for i, (_, one) in enumerate(every) if one.phones]
    groups: dict[tuple[object, ...], list[int]] = {}
    for i in sorted(spoken, key=lambda i: len(every[i][1].phones)):
        request = requests[every[i][0]]
        alone = every[i][0] if voice.gpt.takes_prompt else None
        settings = request.temperature, request.top_k, request.top_p
        groups.setdefault((every[i][1].guidance != 1, alone, *settings), []).append(i)
    for (guided, *_), alike in groups.items():
        sampler = sampler_of(voice, requests[every[alike[0]][0]])
        by_row = voice.device.type == "cpu" and not guided and all_at_once(voice.gpt, sampler)
        rows_each = 1 if by_row else batch
        for first in range(0, len(alike), rows_each):
            chosen = alike[first : first + rows_each]
            rows = _together(voice, [every[i][1] for i in chosen], sampler, guard)
            for i, one in zip(chosen, rows, strict=True):
                made[i] = one
    left = iter(made)
    return [[next(left) for _ in plan] for plan in plans]


def sampled_tokens(voice: LoadedVoice, utterance: SpokenUtterance, sampler: Sampler, guard: Bounds) -> Iterator[int]:
    """Yield the tokens of one utterance as they are sampled, the same that `generate_tokens` gives it alone."""
    rows = _rows(voice, [utterance])
    draws = [voice.draws(utterance.seed)]
    model: Any = rows.model
    together = all_at_once(model, sampler)
    with voice.computing():
        more = {name: value for name, value in (("prompt", rows.prompt), ("bert", rows.bert)) if value is not None}
        prefix = model.prefix(rows.phones, rows.mask, rows.conditions, **more)
        made = generate(rows.model, prefix, sampler, guard, draws, rows.mask) if together else None  # type: ignore[arg-type]
    if made is not None:
        yield from made.tokens[0].tolist()
        return
    found = steps(rows.model, prefix, sampler, guard, draws, limits_of(rows.mask, guard))  # type: ignore[arg-type]
    while True:
        with voice.computing():  # entered anew for each step: between two of them the caller's own settings hold
            step = next(found, None)
        if step is None:
            return
        if not bool(step.ended[0]):
            yield int(step.tokens[0])


def _together(
    voice: LoadedVoice, rows: Sequence[SpokenUtterance], sampler: Sampler, guard: Bounds
) -> list[SpokenTokens]:
    began = time.perf_counter()
    model, phones, mask, conditions, prompt, bert = _rows(voice, rows)
    seeds = [row.seed for row in rows]
    with voice.computing():
        made = speak_tokens(model, phones, mask, conditions, sampler, seeds, guard, prompt, bert)  # type: ignore[arg-type]
    seconds = (time.perf_counter() - began) / len(rows)
    return [SpokenTokens(tokens.cpu(), flag, seconds) for tokens, flag in zip(made.tokens, made.flags, strict=True)]


def _rows(voice: LoadedVoice, rows: Sequence[SpokenUtterance]) -> _Rows:
    ids = [ids_of(voice, row) for row in rows]
    scale = torch.tensor([row.guidance for row in rows], dtype=torch.float32, device=voice.device)
    guided = any(row.guidance != 1 for row in rows) and not voice.gpt.takes_prompt  # what goes on from a clip is not
    model = GuidedGpt(voice.gpt, scale) if guided else voice.gpt
    styles = [row.style.gpt for row in rows]
    vectors = {name: torch.stack([one[name] for one in styles]) for name in styles[0]}
    vectors[SPEAKER] = torch.stack([row.speaker.vector for row in rows])
    conditions = given(**{k: v.to(voice.device) for k, v in vectors.items() if k in voice.gpt.conditions.widths})
    bert = _padded([row.bert for row in rows], [len(one) for one in ids], voice)
    phones, mask = pad(ids).to(voice.device), mask_of(ids).to(voice.device)
    return _Rows(model, phones, mask, conditions, _prompt(voice, rows), bert)


def _prompt(voice: LoadedVoice, rows: Sequence[SpokenUtterance]) -> Prompt | None:
    prompts = [row.speaker.prompt for row in rows]
    if not all(isinstance(one, ClipPrompt) for one in prompts):
        return None
    phones, tokens = ([getattr(one, name).numpy() for one in prompts] for name in ("phones", "tokens"))
    bert = _padded([one.bert for one in prompts if one is not None], [len(one) for one in phones], voice)
    phone_ids, phone_mask, token_ids, token_mask = (
        make(values).to(voice.device) for values in (phones, tokens) for make in (pad, mask_of)
    )
    return Prompt(phone_ids, phone_mask, token_ids, token_mask, bert)


def _padded(features: Sequence[Tensor | None], lengths: Sequence[int], voice: LoadedVoice) -> Tensor | None:
    """Text features of unequal length as one batch, zeros for rows without; None where no row has any."""
    if all(one is None for one in features):
        return None
    whole = torch.zeros(len(features), max(lengths), voice.gpt.bert_channels, device=voice.device)
    for row, one in zip(whole, features, strict=True):
        if one is not None:
            row[: len(one)] = one.to(voice.device)
    return whole
