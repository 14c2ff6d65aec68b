"""Generation of semantic tokens by any semantic model: one cached step a token; rows that end leave the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sovits_lab.conditioning.conditions import Conditions
from sovits_lab.models.contracts import Bounds, Decoding, Prompt, SemanticPrefix
from sovits_lab.models.gpt.sampling import Sampler, penalise, seen_table

Draws = torch.Generator | Sequence[torch.Generator] | None


class Opens(Protocol):
    """What generation asks of a model, or of what stands in front of one."""

    @property
    def end(self) -> int:
        """The number of the end of speech, which follows the tokens."""

    @property
    def max_tokens(self) -> int:
        """Longest sequence that can be generated."""

    @property
    def bounds(self) -> Bounds:
        """The bounds with which it is used unless others are asked for."""

    def open(self, prefix: Any, steps: int) -> Decoding:
        """Return a decoding with room for `steps` tokens."""


@runtime_checkable
class DecidesAtOnce(Protocol):
    """A model that knows the logits of all tokens before the first is drawn."""

    def settle(self, prefix: Any) -> Float[Tensor, "B S K"]:
        """Return the logits of every token; `prefix.mask` says where each row ends."""


class Step(NamedTuple):
    """One step of a generation. `rows` are the indices of the sequences still running before it; the token with which a
    row ends is not to be kept."""

    rows: Int[Tensor, " R"]
    tokens: Int[Tensor, " R"]
    ended: Bool[Tensor, " R"]
    logits: Float[Tensor, "R K"]


class Generated(NamedTuple):
    """New tokens of each row, without prompt and end, and what went wrong: "" | "runaway" | "empty" | "truncated"."""

    tokens: list[Int[Tensor, " S"]]
    flags: list[str]

    @property
    def ended(self) -> list[bool]:
        """False where a bound cut the row."""
        return [flag != "runaway" for flag in self.flags]


@torch.inference_mode()
def steps(
    model: Opens,
    prefix: SemanticPrefix,
    sampler: Sampler,
    bounds: Bounds | None = None,
    draws: Draws = None,
    limits: Int[Tensor, " B"] | None = None,
) -> Iterator[Step]:
    """Yield every step until all rows have ended.

    Args:
        bounds: the model's own where None.
        draws: the source of randomness: one generator for the whole batch, or one for each row, whose tokens then do
            not depend on the rows beside it.
        limits: tokens at which each row is cut; the model's bound alone where None.
    """
    bounds = bounds or model.bounds
    most = _most(model, bounds, limits)
    if all_at_once(model, sampler):
        yield from _read_off(_settled(model, prefix, sampler, draws, most, limits), most)
        return
    decoding = model.open(prefix, most)
    logits, batch = decoding.logits, len(decoding.logits)
    rows = torch.arange(batch, device=logits.device)
    limits = torch.full_like(rows, most) if limits is None else limits
    earliest = None if prefix.expected is None else bounds.early * prefix.expected[:batch]
    seen = seen_table(prefix.spoken[:batch], model.end + 1)
    for index in range(most):
        width = model.end if index < bounds.banned_steps else model.end + 1
        allowed = logits if earliest is None else _without_end(logits, index < earliest, model.end)
        penalised = penalise(allowed[:, :width], seen[:, :width], sampler.repetition_penalty)
        tokens = _drawn(sampler, penalised, draws, rows)
        ended = (tokens == model.end) | (index >= limits)
        if bounds.on_argmax and width > model.end:
            ended = ended | (penalised.argmax(-1) == model.end)
        yield Step(rows, tokens, ended, logits)
        if ended.any():
            if ended.all():
                return
            kept = torch.nonzero(~ended)[:, 0]
            decoding.keep(kept)
            rows, tokens, seen, limits = rows[kept], tokens[kept], seen[kept], limits[kept]
            earliest = None if earliest is None else earliest[kept]
        if index + 1 < most:
            seen[torch.arange(len(tokens), device=tokens.device), tokens] = True
            logits = decoding.step(tokens)


def all_at_once(model: object, sampler: Sampler) -> TypeGuard[DecidesAtOnce]:
    """Return whether all tokens are drawn together: the model knows their logits, and none depends on another."""
    return isinstance(model, DecidesAtOnce) and sampler.repetition_penalty == 1.0


class _Settled(NamedTuple):
    """All tokens of all rows, drawn; of each row only the first `sizes` are its own."""

    tokens: Int[Tensor, "B S"]
    sizes: Int[Tensor, " B"]
    logits: Float[Tensor, "B S K"]


def _settled(
    model: DecidesAtOnce, prefix: Any, sampler: Sampler, draws: Draws, most: int, limits: Tensor | None
) -> _Settled:
    """Draw every row by one call."""
    logits, lengths = model.settle(prefix), prefix.mask.sum(1)
    sources = [draws] * len(logits) if draws is None or isinstance(draws, torch.Generator) else draws
    own = [row[:size] for row, size in zip(logits, lengths.tolist(), strict=True)]  # padding takes no part in a draw
    drawn = pad_sequence([sampler.draw(row, source) for row, source in zip(own, sources, strict=True)], True)
    cuts = torch.full_like(lengths, most) if limits is None else limits.clamp(max=most)
    return _Settled(drawn, torch.minimum(lengths, cuts), logits)


def _read_off(settled: _Settled, most: int) -> Iterator[Step]:
    """The steps that a generation token by token would take to the same."""
    drawn, sizes, logits = settled
    rows = torch.arange(len(sizes), device=sizes.device)
    for index in range(min(logits.shape[1] + 1, most)):
        ended = index >= sizes[rows]
        column = min(index, logits.shape[1] - 1)
        yield Step(rows, drawn[rows, column], ended, logits[rows, column])
        rows = rows[~ended]
        if not len(rows):
            return


def _most(model: Opens, bounds: Bounds, limits: Tensor | None) -> int:
    hard = model.max_tokens if bounds.max_tokens is None else bounds.max_tokens
    return hard if limits is None else min(hard, int(limits.max()))


def _without_end(logits: Tensor, rows: Tensor, end: int) -> Tensor:
    """Logits whose end is impossible in these rows."""
    if not rows.any():
        return logits
    column = torch.arange(logits.shape[1], device=logits.device) == end
    return logits.masked_fill(rows[:, None] & column, -torch.inf)


def _drawn(sampler: Sampler, penalised: Tensor, draws: Draws, rows: Tensor) -> Tensor:
    if draws is None or isinstance(draws, torch.Generator):
        return sampler.draw(penalised, draws)
    return torch.cat([sampler.draw(penalised[i : i + 1], draws[row]) for i, row in enumerate(rows.tolist())])


def limits_of(phone_mask: Bool[Tensor, "B P"], bounds: Bounds) -> Int[Tensor, " B"]:
    """Return the number of tokens at which each row is cut, by its number of phones."""
    return (phone_mask.sum(1) * bounds.most).long() + bounds.margin


def generate(
    model: Opens,
    prefix: SemanticPrefix,
    sampler: Sampler,
    bounds: Bounds | None = None,
    draws: Draws = None,
    phone_mask: Bool[Tensor, "B P"] | None = None,
) -> Generated:
    """Run a batch to its end.

    Args:
        bounds, draws: see `steps`.
        phone_mask: of the texts; without it, bounds in tokens per phone do not count.
    """
    bounds = bounds or model.bounds
    limits = None if phone_mask is None else limits_of(phone_mask, bounds)
    most = _most(model, bounds, limits)
    if all_at_once(model, sampler):
        with torch.inference_mode():
            drawn, sizes, _ = _settled(model, prefix, sampler, draws, most, limits)
        rows = [row[:size] for row, size in zip(drawn.clone().unbind(), sizes.tolist(), strict=True)]
    else:
        rows = _collected(steps(model, prefix, sampler, bounds, draws, limits), prefix.spoken.device)
    cuts = [most] * len(rows) if limits is None else limits.clamp(max=most).tolist()
    counts = [0] * len(rows) if phone_mask is None else phone_mask.sum(1).tolist()
    flags = [flag_of(len(row), cut, least * bounds.least) for row, cut, least in zip(rows, cuts, counts, strict=True)]
    return Generated(rows, flags)


def _collected(found: Iterator[Step], device: torch.device) -> list[Int[Tensor, " S"]]:
    """The tokens of each row of a whole generation."""
    sequences: dict[int, list[int]] = {}
    for step in found:
        for row, token, end in zip(step.rows.tolist(), step.tokens.tolist(), step.ended.tolist(), strict=True):
            sequences.setdefault(row, [])
            if not end:
                sequences[row].append(token)
    return [torch.tensor(sequences[row], dtype=torch.long, device=device) for row in sorted(sequences)]


def flag_of(tokens: int, cut: int, least: float) -> str:
    if tokens == 0:
        return "empty"
    if tokens >= cut:
        return "runaway"
    return "truncated" if tokens < least else ""


class SpeaksTokens(Opens, Protocol):
    """A model, or what stands in front of one, that makes its own prefix."""

    @property
    def prefix(self) -> Callable[..., Any]:
        """What opens the sequence, see `SemanticModel.prefix`; a prompt and BERT features are given by name."""


def speak_tokens(
    model: SpeaksTokens,
    phones: Int[Tensor, "B P"],
    phone_mask: Bool[Tensor, "B P"],
    conditions: Conditions,
    sampler: Sampler,
    seeds: Sequence[int],
    bounds: Bounds | None = None,
    prompt: Prompt | None = None,
    bert: Float[Tensor, "B P F"] | None = None,
) -> Generated:
    """Sample every row from its own seed until its end or a bound, so that no row depends on those beside it."""
    draws = [torch.Generator(phones.device).manual_seed(seed) for seed in seeds]
    with torch.no_grad():
        more = {name: value for name, value in (("prompt", prompt), ("bert", bert)) if value is not None}
        prefix = model.prefix(phones, phone_mask, conditions, **more)
    return generate(model, prefix, sampler, bounds, draws, phone_mask)
