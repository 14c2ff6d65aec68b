"""The network of the inaudible mark: Perth (Resemble AI, 2023, MIT), implicit model, 9.4 M parameters.

It looks at magnitudes below 2 kHz in frames of 64 ms every 10 ms. The encoder says by how many decibels each of them
changes; the decoder says whether such changes are there. Its released code cannot be imported in many environments and
unpickles its weights: here are its layers, filled with the released tensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from sovits_lab.weights.locate import locate
from sovits_lab.weights.tensors import load_by_name, read_tensors

WEIGHTS = "perth_net_250000.pth.tar"
WINDOW, HOP = 0.064, 0.01  # seconds
TRAINED_WINDOW = 2048  # samples at 32 kHz: other lengths give magnitudes in proportion
FLOOR_DB, HEADROOM_DB = -180.0, 15.0  # a magnitude of 1e-9 is 0, one of 15 dB is 1
SPAN_DB = HEADROOM_DB - FLOOR_DB
BANDS, HIDDEN, WIDTH, DEPTH = 128, 256, 7, 5  # 128 bands of 15.6 Hz: 2 kHz
SOUNDING = 0.05  # of the loudest frame's sum: frames below hold no mark
STRETCHES = {"slow_layers": 1.25, "normal_layers": 1.0, "fast_layers": 0.75}


class _Step(nn.Module):
    """One convolution; `conv` is the name of its weights in the release."""

    def __init__(self, inner: int, outer: int, width: int, last: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inner, outer, width, padding=width // 2)
        self.act: nn.Module = nn.Identity() if last else nn.LeakyReLU()

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D L"]:
        return self.act(self.conv(x))


def _stack(bands: int, hidden: int, out: int) -> nn.Sequential:
    middle = [_Step(hidden, hidden, WIDTH) for _ in range(DEPTH)]
    return nn.Sequential(_Step(bands, hidden, 1), *middle, _Step(hidden, out, 1, last=True))


class MarkEncoder(nn.Module):
    """Magnitudes, as a share of `SPAN_DB`, to the change of each that is the mark."""

    def __init__(self, bands: int = BANDS, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.bands = bands
        self.layers = _stack(bands, hidden, bands)

    def forward(self, levels: Float[Tensor, "B F L"]) -> Float[Tensor, "B K L"]:
        return self.layers(levels[:, : self.bands]) * sounding(levels)


class MarkDecoder(nn.Module):
    """Magnitudes to the presence of a mark: near 0 without, near 1 with one, looked for at three tempos."""

    def __init__(self, bands: int = BANDS, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.bands = bands
        for name in STRETCHES:
            self.add_module(name, _stack(bands, hidden, 2))

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights; levels are taken and presence is returned in float32."""
        return next(self.parameters()).dtype

    def forward(self, levels: Float[Tensor, "B F L"]) -> Float[Tensor, " B"]:
        mask, low = sounding(levels), levels[:, : self.bands]
        weights, marks = [], []
        for name, stretch in STRETCHES.items():
            size = int(low.shape[-1] * stretch)
            stretched = F.interpolate(low, size=size, mode="linear", align_corners=True)
            kept = F.interpolate(mask, size=size, mode="nearest")
            found = self.get_submodule(name)(stretched.to(self.dtype)).float()
            weight, mark = ((found * kept).sum(2) / kept.sum(2)).unbind(1)
            weights.append(weight)
            marks.append(mark)
        return (torch.stack(marks, 1) * torch.stack(weights, 1).softmax(1)).sum(1)


class PerthNetwork(nn.Module):
    """Encoder and decoder of the mark."""

    def __init__(self, bands: int = BANDS, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.encoder = MarkEncoder(bands, hidden)
        self.decoder = MarkDecoder(bands, hidden)


class Levels(NamedTuple):
    """A short-time spectrum, and its magnitudes in decibels as a share of `SPAN_DB`."""

    spectrum: Complex[Tensor, "B F L"]
    levels: Float[Tensor, "B F L"]


def levels_of(wav: Float[Tensor, "B T"], sample_rate: int) -> Levels:
    """Compute the spectrum that the network was trained on, at any rate that 64 ms and 10 ms divide.

    Frames and bands are those of 32 kHz, so nothing has to be resampled.
    """
    size, hop = window_of(sample_rate)
    window = torch.hann_window(size)
    spectrum = torch.stft(wav, size, hop, window=window, return_complex=True, pad_mode="reflect")
    decibels = 20 * torch.log10((spectrum.abs() * (TRAINED_WINDOW / size)).clip(10 ** (FLOOR_DB / 20)))
    return Levels(spectrum, (decibels - FLOOR_DB) / SPAN_DB)


def window_of(sample_rate: int) -> tuple[int, int]:
    """Return the samples of a window and of a step."""
    size, hop = WINDOW * sample_rate, HOP * sample_rate
    assert size.is_integer() and hop.is_integer(), f"{sample_rate} Hz: neither 64 ms nor 10 ms are whole samples"
    return int(size), int(hop)


def fits(sample_rate: int) -> bool:
    """Return whether windows and steps are whole samples at a rate, which then need not be changed."""
    return (WINDOW * sample_rate).is_integer() and (HOP * sample_rate).is_integer() and sample_rate >= 8000


def sounding(levels: Float[Tensor, "B F L"]) -> Float[Tensor, "B 1 L"]:
    """Return 1 for frames that are not digital silence."""
    sums = levels.sum(1, keepdim=True)
    return (sums > SOUNDING * sums.amax(2, keepdim=True)).float()


def load_perth(source: str | Path = "perth") -> PerthNetwork:
    """Return the network with the released weights: `perth` of the catalogue, or a folder that holds them.

    Raises:
        InputError: the weights are missing, or are of another network or size.
    """
    path = locate("watermark", source, (WEIGHTS,)) / WEIGHTS
    network = PerthNetwork()
    tensors = read_tensors(path, inside="model")
    wanted = {name: value for name, value in tensors.items() if not name.startswith("ap.")}  # windows of its spectra
    load_by_name(network, wanted, "Perth's implicit network", path)
    return network.eval()
