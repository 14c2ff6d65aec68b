"""Batches of an upstream folder: one voice, with everything that its recordings say of pitch left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sovits_lab.audio.upstream import SPEC_32K, log_mel_32k
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.data.upstream_folder import FolderUtterance, read_folder
from sovits_lab.text.symbols import SymbolTable
from sovits_lab.types import Count, got


@dataclass(frozen=True)
class FolderSource:
    """Where utterances in upstream's prepared layout lie, and how they are used.

    Attributes:
        path: the folder, see `data/upstream_folder.py`.
        batch_size: utterances in a batch.
        held_out: utterances, the last by name, that choose the weights and are not trained on.
    """

    path: str | None
    batch_size: Count = 4
    held_out: int = 2

    def read(self, symbols: SymbolTable) -> list[FolderUtterance]:
        """Return all utterances.

        Raises:
            InputError: no folder, a damaged one, or too few utterances.
        """
        if self.path is None:
            raise got("stages.sovits.folder.path", None, "a folder in upstream's prepared layout")
        items = read_folder(Path(self.path), symbols)
        if len(items) <= self.held_out:
            raise got(f"prepared data {self.path}", f"{len(items)} utterances", f"more than {self.held_out} held out")
        return items


def with_tokens(
    items: Sequence[FolderUtterance], tokenizer: Callable[[Tensor], Tensor] | None
) -> list[FolderUtterance]:
    """Return the utterances with semantic tokens: content `1 C L` -> tokens `1 S` makes them where the folder has none.

    Raises:
        InputError: an utterance without tokens, and nothing to make them.
    """
    made = []
    for item in items:
        if item.tokens is None:
            if tokenizer is None:
                raise got(f"prepared data {item.name}", "no tokens", "6-name2semantic.tsv, or a bundle with SoVITS")
            item = replace(item, tokens=tokenizer(item.content[None])[0])
        made.append(item)
    return made


def speech_batch(items: Sequence[FolderUtterance], step: int) -> SpeechBatch:
    """Stack utterances of unequal length; each is its own speaker clip and its own style clip.

    Of pitch and alignment nothing is known: F0 is 0, `place` is -1, the baseline is that of nobody.
    """
    rows = len(items)
    frames = torch.tensor([item.content.shape[1] for item in items])
    tokens = [torch.zeros(0, dtype=torch.long) if item.tokens is None else item.tokens for item in items]
    width = next((item.bert.shape[1] for item in items if item.bert is not None), 0)
    berts = [torch.zeros(len(item.phones), width) if item.bert is None else item.bert for item in items]
    speakers = [item.speaker for item in items if item.speaker is not None]
    wav = pad_sequence([item.wav for item in items], batch_first=True)
    mask = _mask(frames)
    mel = log_mel_32k(SPEC_32K)(wav)
    return SpeechBatch(
        step=step,
        tokens=pad_sequence(tokens, batch_first=True),
        token_mask=_mask(torch.tensor([len(each) for each in tokens])),
        phones=pad_sequence([item.phones for item in items], batch_first=True),
        phone_mask=_mask(torch.tensor([len(item.phones) for item in items])),
        place=torch.full(mask.shape, -1),
        mel=mel,
        mask=mask,
        f0=torch.zeros(mask.shape),
        wav=wav,
        baseline=torch.tensor([[1.0, 0.0, 1.0, 0.0]]).expand(rows, -1),
        speaker_vector=torch.stack(speakers) if len(speakers) == rows else torch.zeros(rows, 0),
        speaker=torch.zeros(rows, dtype=torch.long),
        emotion=torch.zeros(rows, dtype=torch.long),
        reference=mel,
        reference_mask=mask,
        bert=pad_sequence(berts, batch_first=True) if width else None,
        content=pad_sequence([item.content.T for item in items], batch_first=True).transpose(1, 2),
        voice=wav,
        voice_mask=mask,
    )


def _mask(lengths: Tensor) -> Tensor:
    return torch.arange(max(1, int(lengths.max()))) < lengths[:, None]


class FolderData:
    """Batches by step: a pure function of seed and step.

    Args:
        items: to draw from, anew for every batch.
        batch_size: utterances in a batch.
        seed: of the draws.
    """

    def __init__(self, items: Sequence[FolderUtterance], batch_size: int, seed: int) -> None:
        self.items, self.batch_size, self.seed = items, batch_size, seed

    def batch(self, step: int, rank: int = 0) -> SpeechBatch:
        """Return batch number `step` of this rank."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * rank + step)
        order = torch.randperm(len(self.items), generator=draw)[: self.batch_size].tolist()
        return speech_batch([self.items[i] for i in order], step)
