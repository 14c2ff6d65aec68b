"""When each phone of an utterance is spoken, in seconds.

A model of tokens that learned which phone each token speaks (`SemanticGpt.spoken_phones`) is asked so, and the best
monotonic path through its answers gives the times, by dynamic programming. A model that settles durations before it
speaks (`ParallelGpt.spoken_durations`) is asked for them. A model that learned no such thing gives none: phones then
share the time by how long their kind usually lasts, and are marked as estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.conditioning.conditions import SPEAKER, Conditions, given
from sovits_lab.inference.utterances import SpokenUtterance
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.text.reading import SILENT

TOKENS_PER_SECOND = 25.0
# A token is taught the phone of the first of its two frames, so every other change is seen half a token late.
LATE = 0.25  # tokens
SHARES = {"silent": 0.6, "vowel": 1.3, "consonant": 0.8}  # of an average phone
VOWELS = frozenset("aeiouAEIOUV@03vyɑæʌɔəɛɝɪʊㅏㅐㅓㅔㅗㅜㅡㅣ")


class PhoneTime(NamedTuple):
    """A phone and when it is spoken, seconds from the beginning of the sound."""

    phone: str
    start: float
    end: float


class WordTime(NamedTuple):
    """A word and when it is spoken, seconds from the beginning of the sound."""

    word: str
    start: float
    end: float


class Timings(NamedTuple):
    """Times of phones and words in order; `estimated` where no model was asked."""

    phones: tuple[PhoneTime, ...] = ()
    words: tuple[WordTime, ...] = ()
    estimated: bool = False

    def later(self, seconds: float) -> Timings:
        """Return the same, moved by so many seconds."""
        phones = tuple(PhoneTime(one.phone, one.start + seconds, one.end + seconds) for one in self.phones)
        words = tuple(WordTime(one.word, one.start + seconds, one.end + seconds) for one in self.words)
        return Timings(phones, words, self.estimated)

    def until(self, seconds: float) -> Timings:
        """Return the phones and words that are over by then."""
        phones = tuple(one for one in self.phones if one.end <= seconds)
        return Timings(phones, tuple(one for one in self.words if one.end <= seconds), self.estimated)

    def after(self, other: Timings) -> Timings:
        """Return what comes after the phones and words of an earlier, shorter timing of the same speech."""
        return Timings(self.phones[len(other.phones) :], self.words[len(other.words) :], self.estimated)


@runtime_checkable
class KnowsPhones(Protocol):
    """A model of tokens that can tell which phone each token speaks."""

    def spoken_phones(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        tokens: Int[Tensor, "B S"],
        conditions: Conditions,
    ) -> Float[Tensor, "B S V"]:
        """Return log probabilities of every phone for each token."""


@runtime_checkable
class KnowsDurations(Protocol):
    """A model of tokens that settles how long each phone lasts before it speaks."""

    def spoken_durations(
        self, phones: Int[Tensor, "B P"], phone_mask: Bool[Tensor, "B P"], conditions: Conditions
    ) -> Float[Tensor, "B P"]:
        """Return how many tokens each phone lasts."""


def timings_of(
    voice: LoadedVoice, utterance: SpokenUtterance, tokens: Int[Tensor, " S"], whole: bool = True
) -> Timings:
    """Find when the phones of one utterance are spoken, from the beginning of its first token.

    Args:
        voice: its models.
        utterance: what was asked.
        tokens: what was generated.
        whole: False where more tokens follow: then the phones that are surely over come out, and no more.
    """
    edges, estimated = _token_edges(voice, utterance, tokens, whole)
    edges = edges / (TOKENS_PER_SECOND * utterance.rate)
    named = zip(utterance.phones, edges[:-1], edges[1:], strict=False)
    phones = tuple(PhoneTime(phone, float(start), float(end)) for phone, start, end in named)
    return Timings(phones, tuple(_words(utterance.words, phones)), estimated)


def phone_of_frames(
    voice: LoadedVoice, utterance: SpokenUtterance, tokens: Int[Tensor, " S"]
) -> Int[np.ndarray, " 2*S"] | None:
    """Return which phone each of the two frames of every token speaks; None where that would be a guess."""
    times = timings_of(voice, utterance, tokens)
    if times.estimated:
        return None
    ends = np.array([one.end for one in times.phones]) * (TOKENS_PER_SECOND * utterance.rate)
    middle = (np.arange(2 * len(tokens)) + 0.5) / 2
    return np.minimum(np.searchsorted(ends, middle, side="right"), len(ends) - 1)


def _words(words: Sequence[tuple[str, int]], phones: Sequence[PhoneTime]) -> Iterator[WordTime]:
    """Times of the words whose phones are all there; several words read as one share its time by their letters."""
    place = 0
    for text, count in words:
        own = [one for one in phones[place : place + count] if one.phone not in SILENT]
        if place + count > len(phones):
            return
        place += count
        parts = [part for part in text.split() if any(letter.isalnum() for letter in part)]
        if not own or not parts:
            continue
        edges = np.cumsum([0] + [len(part) for part in parts]) / sum(map(len, parts))
        start, length = own[0].start, own[-1].end - own[0].start
        for part, a, b in zip(parts, edges[:-1], edges[1:], strict=True):
            yield WordTime(part, float(start + a * length), float(start + b * length))


def _token_edges(
    voice: LoadedVoice, utterance: SpokenUtterance, tokens: Tensor, whole: bool
) -> tuple[NDArray[np.float64], bool]:
    """Between which tokens each phone lies, [P + 1] or fewer while more tokens follow, and whether that is a guess."""
    model, count = voice.gpt, len(tokens)
    if isinstance(model, KnowsDurations):
        with voice.computing():
            durations = model.spoken_durations(*_model_inputs(voice, utterance))[0].double().cpu().numpy()
        edges = np.concatenate([[0.0], np.cumsum(durations)])
        return (np.minimum(edges, count) if whole else edges[edges <= count]), False
    if not isinstance(model, KnowsPhones) or count < len(utterance.phones):
        shares = _shared(utterance.phones, count if whole else 0)
        return np.concatenate([[0.0], np.cumsum(shares)]), True
    ids, mask, conditions = _model_inputs(voice, utterance)
    with voice.computing():
        log_p = model.spoken_phones(ids, mask, tokens[None].to(voice.device), conditions)
    counts = monotonic(log_p[0].float().cpu().numpy()[:, ids[0].cpu().numpy()], whole)
    edges = np.concatenate([[0.0], np.cumsum(counts)])
    edges[1:-1] -= LATE
    return edges, False


def _model_inputs(voice: LoadedVoice, utterance: SpokenUtterance) -> tuple[Tensor, Tensor, Conditions]:
    """Phones, their mask and conditions of one utterance, as the model of tokens takes them."""
    ids = torch.tensor([[voice.symbols[phone] for phone in utterance.phones]], device=voice.device)
    vectors = {**utterance.style.gpt, SPEAKER: utterance.speaker.vector}
    known = {name: vector for name, vector in vectors.items() if name in voice.gpt.conditions.widths}
    conditions = given(**{name: vector[None].to(voice.device) for name, vector in known.items()})
    return ids, torch.ones_like(ids, dtype=torch.bool), conditions


def monotonic(log_p: NDArray[np.float32], whole: bool = True) -> list[int]:
    """Find the best path that goes through the phones in order, at least one token each.

    Args:
        log_p: log probability that token s speaks phone p, [S, P], S >= P.
        whole: whether the path must end in the last phone; else it may end in any, and that one, which may go on, is
            left out.

    Returns:
        How many tokens each phone lasts.
    """
    steps, phones = log_p.shape
    score = np.full(phones, -np.inf, dtype=np.float64)
    score[0] = log_p[0, 0]
    moved = np.zeros((steps, phones), dtype=bool)
    for t in range(1, steps):
        before = np.concatenate([[-np.inf], score[:-1]])
        moved[t] = before > score
        score = np.maximum(score, before) + log_p[t]
    last = place = phones - 1 if whole else int(score.argmax())
    counts = np.zeros(phones, dtype=int)
    for t in range(steps - 1, -1, -1):
        counts[place] += 1
        place -= int(moved[t, place])
    return counts[: last + 1].tolist() if whole else counts[:last].tolist()


def _shared(phones: Sequence[str], tokens: int) -> list[float]:
    """A guess: each phone's share of the time by its kind."""
    shares = np.array([SHARES[kind_of(phone)] for phone in phones])
    return (shares / shares.sum() * tokens).tolist()


def kind_of(phone: str) -> str:
    """Return "silent", "vowel" or "consonant" of a phone of any table."""
    if phone in SILENT:
        return "silent"
    letters = phone[1:] if phone.startswith("Y") and len(phone) > 1 else phone  # Cantonese symbols begin with Y
    return "vowel" if any(letter in VOWELS for letter in letters[:1]) else "consonant"
