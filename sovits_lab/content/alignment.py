"""Forced alignment of a known phone sequence with what a recogniser hears, by dynamic programming."""

from __future__ import annotations

import numpy as np


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


def align_frames(log_p: np.ndarray, phones: np.ndarray) -> list[int]:
    """Find each phone's frames on the best path that says the phones in turn, each for one frame at least.

    Args:
        log_p: log probabilities of the phones [L, labels], without blank.
        phones: phone ids [P].

    Returns:
        P counts that sum to L. A recording too short for its phones is divided evenly instead.
    """
    frames, count = len(log_p), len(phones)
    if frames < count:
        return np.diff(np.linspace(0, frames, count + 1).round().astype(int)).tolist()
    heard = log_p[:, phones]
    score = np.full(count, -np.inf)
    score[0] = heard[0, 0]
    came = np.zeros((frames, count), dtype=bool)  # from the phone before
    for frame in range(1, frames):
        before = np.concatenate([[-np.inf], score[:-1]])
        came[frame] = before > score
        score = np.maximum(score, before) + heard[frame]
    counts, phone = np.zeros(count, dtype=int), count - 1
    for frame in range(frames - 1, -1, -1):
        counts[phone] += 1
        phone -= int(came[frame, phone])
    return counts.tolist()
