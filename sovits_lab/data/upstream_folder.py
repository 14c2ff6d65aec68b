"""Folders that upstream's data preparation leaves behind: what the family is fine-tuned on.

| file | content |
|---|---|
| `2-name2text.txt` | name, phones, phones per character, normalised text; tab-separated |
| `3-bert/NAME.pt` | BERT features, 1024 x phones; Chinese only |
| `4-cnhubert/NAME.pt` | content features, 1 x C x L at 50 Hz |
| `5-wav32k/NAME` | 32 kHz waveform, 16 bit |
| `6-name2semantic.tsv` | name, semantic tokens; optional, the model's own tokenizer makes them otherwise |
| `7-sv_cn/NAME.pt` | speaker vector, 1 x 20480; Pro models only |
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import soundfile
import torch
from torch import Tensor

from sovits_lab.files import MOST_WEIGHTS, lines_of, read_text, regular_file
from sovits_lab.text.symbols import SymbolTable
from sovits_lab.types import InputError, got

TEXTS, BERT, CONTENT, WAVES, TOKENS, SPEAKERS = (
    "2-name2text.txt",
    "3-bert",
    "4-cnhubert",
    "5-wav32k",
    "6-name2semantic.tsv",
    "7-sv_cn",
)
RATE, HOP = 32_000, 640


@dataclass(frozen=True)
class FolderUtterance:
    """One item. `content` is `C L`, `wav` has 640 L samples, `bert` is `P F`, `tokens` may be missing."""

    name: str
    phones: Tensor
    content: Tensor
    wav: Tensor
    bert: Tensor | None
    tokens: Tensor | None
    speaker: Tensor | None


def _tensor(path: Path) -> Tensor:
    try:
        value = torch.load(regular_file(path, "prepared data", MOST_WEIGHTS), map_location="cpu", weights_only=True)
    except InputError:
        raise
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, pickle.UnpicklingError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"prepared data {path}: cannot be read ({reason})") from error
    if not isinstance(value, Tensor):
        raise got(f"prepared data {path}", type(value).__name__, "a tensor")
    return value.float()


def _table(path: Path, required: bool) -> dict[str, list[str]]:
    if not path.is_file():
        if required:
            raise got("prepared data", path, "a file")
        return {}
    rows = (line.split("\t") for line in lines_of(read_text(path, "prepared data")) if line.strip())
    return {row[0]: row[1:] for row in rows}


def _wave(path: Path) -> Tensor:
    try:
        wav, rate = soundfile.read(path, dtype="float32")
    except (OSError, RuntimeError) as error:
        raise InputError(f"prepared data {path}: cannot be read ({error})") from error
    if rate != RATE or wav.ndim != 1:
        raise got(f"prepared data {path}", f"{rate} Hz, shape {wav.shape}", f"{RATE} Hz, one channel")
    return torch.from_numpy(wav)


def read_folder(folder: Path, symbols: SymbolTable) -> list[FolderUtterance]:
    """Return all utterances that have a text, content features and a waveform, in order of their names.

    Raises:
        InputError: a file is missing or damaged, or a phone is in no table.
    """
    tokens = _table(folder / TOKENS, required=False)
    items = []
    for name, row in sorted(_table(folder / TEXTS, required=True).items()):
        content = _tensor(folder / CONTENT / f"{name}.pt")[0]
        wav = _wave(folder / WAVES / name)
        frames = min(content.shape[1], len(wav) // HOP) // 2 * 2  # whole tokens
        bert, speaker = folder / BERT / f"{name}.pt", folder / SPEAKERS / f"{name}.pt"
        phones = torch.tensor([symbols.id(phone) for phone in row[0].split()])
        codes = tokens.get(name)
        items.append(
            FolderUtterance(
                name,
                phones,
                content[:, :frames],
                wav[: frames * HOP],
                _tensor(bert).T if bert.is_file() else None,
                torch.tensor([int(t) for t in codes[0].split()]) if codes else None,
                _tensor(speaker)[0] if speaker.is_file() else None,
            )
        )
    if not items:
        raise got("prepared data", folder, f"at least one utterance in {TEXTS}")
    return items
