"""Forced alignment of a known phone sequence with what a recogniser hears, by dynamic programming."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

FAR = -50.0  # log probability of a phone out of its place


def align(log_p: np.ndarray, phones: np.ndarray) -> list[int]:
    """Find each phone's steps on the best CTC path (Graves et al. 2006, section 4.1); blanks go to the phone before.

    Args:
        log_p: log probabilities [S, labels], blank 0, label = phone id + 1.
        phones: phone ids [P].

    Returns:
        P counts that sum to S. A sequence too short for its phones is divided evenly instead.
    """
    labels = np.zeros(2 * len(phones) + 1, dtype=int)
    labels[1::2] = np.asarray(phones) + 1
    steps, states = len(log_p), len(labels)
    repeats = np.zeros(states, dtype=bool)
    repeats[2:] = labels[2:] == labels[:-2]
    may_skip = (labels != 0) & ~repeats
    may_skip[:2] = False
    score = np.full(states, -np.inf)
    score[:2] = log_p[0, labels[:2]]
    back = np.zeros((steps, states), dtype=np.int8)
    for t in range(1, steps):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(may_skip, np.concatenate([[-np.inf, -np.inf], score[:-2]]), -np.inf)
        options = np.stack([score, one, two])
        back[t] = options.argmax(0)
        score = options.max(0) + log_p[t, labels]
    state = states - 1 if score[-1] >= score[-2] else states - 2
    if not np.isfinite(score[state]):
        edges = np.linspace(0, steps, len(phones) + 1).round().astype(int)
        return np.diff(edges).tolist()
    counts = np.zeros(len(phones), dtype=int)
    for t in range(steps - 1, -1, -1):
        counts[max(0, (state - 1) // 2)] += 1
        state -= int(back[t, state])  # numpy would keep the state in the pointers' 8 bits
    return counts.tolist()


def refine(counts: Sequence[int], log_p: np.ndarray, phones: np.ndarray, slack: int = 3) -> list[int]:
    """Move the edges of an alignment to the likeliest frames, each phone within `slack` frames of where it was.

    CTC says surely in what order and about where, but every 40 ms and, being free to, late; a classifier of frames
    says where one phone ends and the next begins.

    Args:
        counts: frames of each phone [P], sum L.
        log_p: log probabilities of the phones in each frame [L, labels], without blank.
        phones: phone ids [P].

    Returns:
        P counts of at least 1 that sum to L; `counts` themselves where there are fewer frames than phones.
    """
    edges = np.concatenate([[0], np.cumsum(counts)])
    frames, count = len(log_p), len(phones)
    if frames < count:
        return list(counts)
    time = np.arange(frames)[:, None]
    allowed = np.where((time >= edges[:-1] - slack) & (time < edges[1:] + slack), log_p[:, phones], FAR)
    score = np.full(count, -np.inf)
    score[0] = allowed[0, 0]
    came = np.zeros((frames, count), dtype=bool)  # from the phone before
    for frame in range(1, frames):
        before = np.concatenate([[-np.inf], score[:-1]])
        came[frame] = before > score
        score = np.maximum(score, before) + allowed[frame]
    found, phone = np.zeros(count, dtype=int), count - 1
    for frame in range(frames - 1, -1, -1):
        found[phone] += 1
        phone -= int(came[frame, phone])
    return found.tolist()


@torch.no_grad()
def place_phones(
    log_p: Float[Tensor, "B L K"],
    spoken: Bool[Tensor, "B L"],
    phones: Int[Tensor, "B P"],
    phone_mask: Bool[Tensor, "B P"],
) -> Int[Tensor, "B L"]:
    """Find the likeliest phone of every spoken frame, all phones in order and each at least once (Viterbi).

    Args:
        log_p: log probabilities of the phones in each frame.
        spoken: frames that a phone may have; a phone may go on behind those that none has.
        phones: of each utterance.

    Returns:
        Phone ids; -1 where nothing is spoken, and wherever there are fewer frames than phones.
    """
    rows, frames, count = len(log_p), log_p.shape[1], phones.shape[1]
    emissions = log_p.gather(2, phones[:, None].expand(-1, frames, -1)).masked_fill(~spoken[..., None], 0.0)
    score = emissions.new_full((rows, count), -torch.inf)
    score[:, 0] = 0.0
    begun = torch.zeros(rows, 1, dtype=torch.bool, device=emissions.device)  # the first phone needs a frame of its own
    came = []
    for frame in range(frames):
        before = score.roll(1, 1)
        before[:, 0] = -torch.inf
        moves = spoken[:, frame, None] & begun & (before > score)
        came.append(moves)
        score = torch.where(moves, before, score) + emissions[:, frame]
        begun = begun | spoken[:, frame, None]
    place = phone_mask.sum(1, keepdim=True) - 1
    reached = score.gather(1, place) > -torch.inf
    placed = []
    for moves in reversed(came):
        placed.append(place)
        place = place - moves.gather(1, place).long()
    found = phones.gather(1, torch.cat(placed[::-1], dim=1))
    return found.masked_fill(~(spoken & reached), -1)
