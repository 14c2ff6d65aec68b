"""Resemblyzer's speaker network (GE2E, Wan et al. 2018), loaded from the wheel's weights into our own module.

Only the package's weights and arithmetic are used: its import needs webrtcvad and pkg_resources, ours does not. Mel
front end and window slicing equal the package's (a test holds both to stored values of the original). The package cuts
pauses with webrtcvad; here only the quiet ends are cut, so scores differ a little and the version says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.audio.trim import trim_silence
from sovits_lab.types import got
from sovits_lab.weights import locate
from sovits_lab.weights.tensors import read_tensors

RATE = 16000
WINDOW, HOP, MELS = 400, 160, 40  # 25 ms, 10 ms
FRAMES = 160  # one partial utterance, 1.6 s
STEP = 77  # frames between partials: 1.3 partials a second
COVERAGE = 0.75  # of a window must hold audio, else a last partial is dropped
THRESHOLD = 0.72  # equal-error point on whole utterances of read speech
CAUTION = (
    "takes emotion for another person: equal error rate over 18 actors in 8 emotions 13 % (CAM++ 4 %), of neutral "
    "against sad 12 % (2 %)"
)
LEVEL_DB = -30.0  # quieter recordings are raised to this level, louder ones stay


class VoiceNetwork(nn.Module):
    """Three LSTM layers, their last hidden state, a projection, ReLU, unit length: [B, L, 40] to [B, 256]."""

    def __init__(self, mels: int = MELS, width: int = 256, layers: int = 3) -> None:
        super().__init__()
        self.lstm = nn.LSTM(mels, width, layers, batch_first=True)
        self.linear = nn.Linear(width, width)

    def forward(self, mel: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mel)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=-1)


class MelPower(nn.Module):
    """Power mel spectrogram as librosa computes it by default: [T] to [L, 40], hann window, centred, zero padded."""

    def __init__(self) -> None:
        super().__init__()
        filters = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MELS)
        self.filters: Tensor
        self.window: Tensor
        self.register_buffer("filters", torch.from_numpy(filters))
        self.register_buffer("window", torch.hann_window(WINDOW))

    def forward(self, wav: Tensor) -> Tensor:
        spectrum = torch.stft(
            wav, WINDOW, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        return (self.filters @ spectrum.abs().square()).T


class Resemblyzer:
    """The independent speaker judge: 256 dimensions, bundled weights, 16 kHz, at least 1.6 s of speech."""

    def __init__(self, weights: str | Path | None = None, batch: int = 64) -> None:
        path = Path(weights) if weights is not None else locate("judge", "resemblyzer") / "pretrained.pt"
        if not path.is_file():
            raise got("judge resemblyzer, weights", path, "the package's pretrained.pt")
        self.path, self.batch = path, batch
        self.mel = MelPower()
        self.card = JudgeCard(
            name="Resemblyzer",
            version="0.1.4, ends trimmed",
            construct="speaker",
            rate=RATE,
            weight_hash=weight_hash(path),
            minimum_seconds=1.6,
            needs=("enrolment",),
            threshold=THRESHOLD,
            licence="Apache-2.0",
            caution=CAUTION,
        )

    @cached_property
    def network(self) -> VoiceNetwork:
        """The network with the released weights, loaded at first use."""
        network = VoiceNetwork()
        state = read_tensors(self.path, "model_state")
        network.load_state_dict({key: state[key] for key in network.state_dict()})
        return network.eval()

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("network", None)

    @torch.inference_mode()
    def embed(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """Return unit vectors [N, 256] of recordings [T] at 16 kHz; windows of all recordings share batches."""
        windows: list[Tensor] = []
        owner: list[int] = []
        for index, wav in enumerate(wavs):
            parts = self.windows(loudness_raised(trim_silence(wav, RATE).wav))
            windows.extend(parts)
            owner.extend([index] * len(parts))
        chunks = [torch.stack(windows[i : i + self.batch]) for i in range(0, len(windows), self.batch)]
        partial = torch.cat([self.network(chunk) for chunk in chunks])
        total = torch.zeros(len(wavs), partial.shape[1]).index_add_(0, torch.tensor(owner), partial)
        return nn.functional.normalize(total, dim=-1).numpy()

    def windows(self, wav: np.ndarray) -> list[Tensor]:
        """Return overlapping mel windows [160, 40] of one recording, the last one padded where it is kept."""
        starts = window_starts(len(wav))
        end = (starts[-1] + FRAMES) * HOP
        padded = np.pad(wav, (0, max(0, end - len(wav))))
        mel = self.mel(torch.from_numpy(padded.astype(np.float32)))
        return [mel[start : start + FRAMES] for start in starts]


def window_starts(samples: int) -> list[int]:
    """Return the first frames of the windows over so many samples; at least one, and a thin last one is dropped."""
    frames = -(-(samples + 1) // HOP)
    starts = list(range(0, max(1, frames - FRAMES + STEP + 1), STEP))
    covered = (samples - starts[-1] * HOP) / (FRAMES * HOP)
    return starts[:-1] if covered < COVERAGE and len(starts) > 1 else starts


def loudness_raised(wav: np.ndarray) -> np.ndarray:
    """Raise quiet recordings to -30 dBFS root mean square and leave others unchanged."""
    level = 10 * np.log10(np.mean(np.square(wav, dtype=np.float64)) + 1e-12)
    return wav * 10 ** ((LEVEL_DB - level) / 20) if level < LEVEL_DB else wav
