"""A trained tokenizer as a recogniser: waveforms in, phones out; and as a content model: mels in, tokens out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch.nn.utils.rnn import pad_sequence

from sovits_lab.audio.files import resample
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.content.contract import ContentTokens
from sovits_lab.content.ctc import CtcTokenizer
from sovits_lab.nn.masks import length_mask


class PhoneScores(NamedTuple):
    """Log probabilities of CTC's labels (blank first) every two frames, and of the phones in each frame."""

    steps: Float[np.ndarray, "S Q"]
    frames: Float[np.ndarray, "L P"]


class Recogniser:
    """Greedy phone recognition. `sovits_lab.checkpoints.content.load_recogniser` makes one from a bundle."""

    input_kind: Literal["mel"] = "mel"

    def __init__(self, model: CtcTokenizer, spec: AudioSpec, symbols: Sequence[str]) -> None:
        self.model, self.spec, self.symbols = model.eval(), spec, list(symbols)
        self.codes = model.codes

    @torch.no_grad()
    def listen(self, utterances: Sequence[np.ndarray]) -> list[ContentTokens]:
        """See `ContentModel`: log-mels [L M]."""
        lengths = torch.tensor([len(mel) for mel in utterances])
        mels = pad_sequence([torch.from_numpy(mel) for mel in utterances], batch_first=True)
        out = self.model(mels.transpose(1, 2).contiguous(), length_mask(lengths))
        sizes = (lengths // 2).tolist()
        log_p = out.ctc.log_softmax(-1)
        return [ContentTokens(out.tokens[i, :n].numpy(), log_p[i, :n].numpy()) for i, n in enumerate(sizes)]

    @torch.no_grad()
    def phones_in(self, mel: Float[np.ndarray, "L M"]) -> PhoneScores:
        """Return where phones are heard in a log-mel."""
        mels = torch.from_numpy(np.ascontiguousarray(mel.T))[None]
        out = self.model(mels, length_mask(torch.tensor([len(mel)])))
        steps, frames = out.ctc[0, : len(mel) // 2].log_softmax(-1), out.after[0].log_softmax(-1)
        return PhoneScores(steps.numpy(), frames.numpy())

    def transcribe(self, wavs: Sequence[np.ndarray], rate: int) -> list[list[str]]:
        """Return the phones of each mono waveform at `rate`; a waveform shorter than a frame has none."""
        return [self._one(resample(wav, rate, self.spec.sample_rate)) for wav in wavs]

    def _one(self, wav: np.ndarray) -> list[str]:
        if len(wav) < self.spec.hop:
            return []
        mel = torch.from_numpy(log_mel(np.ascontiguousarray(wav, dtype=np.float32), self.spec))[None]
        ids = self.model.recognise(mel, torch.tensor([mel.shape[-1]]))[0]
        return [self.symbols[i] for i in ids]
