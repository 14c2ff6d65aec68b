"""Discriminators of a waveform.

Scale and periods: HiFi-GAN, Kong et al. 2020, section 2.3; spectrograms: Jang et al. 2021, section 3.2. Each takes
`B T` and returns its logits and the maps of its layers, taken after the activation; the last map is the logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import librosa
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1


class Judgement(NamedTuple):
    """Logits of one discriminator, high for recordings, and the feature maps of its layers."""

    logits: Float[Tensor, "B N"]
    maps: list[Tensor]


class Judgements(NamedTuple):
    """The answers of an ensemble, one entry a discriminator."""

    logits: list[Tensor]
    maps: list[list[Tensor]]


def judged_together(judge: nn.Module, real: Float[Tensor, "B T"], fake: Float[Tensor, "B T"]) -> list[Judgements]:
    """Judge recordings and made waveforms in one pass: weights are normalised and laid out once."""
    both = judge(torch.cat([real, fake]))
    halves = [[[m.chunk(2)[i] for m in maps] for maps in both.maps] for i in range(2)]
    return [Judgements([logits.chunk(2)[i] for logits in both.logits], halves[i]) for i in range(2)]


class _Layers(nn.Module):
    """Convolutions with leaky ReLU, then the projection to logits."""

    convs: nn.ModuleList
    post: nn.Module

    def judge(self, x: Tensor) -> Judgement:
        maps = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
            maps.append(x)
        x = self.post(x)
        return Judgement(x.flatten(1), [*maps, x])


class ScaleDiscriminator(_Layers):
    """Strided, grouped convolutions over the waveform itself.

    Args:
        channels, kernels, groups: of each convolution.
    """

    def __init__(
        self,
        channels: Sequence[int] = (16, 64, 256, 1024, 1024, 1024),
        kernels: Sequence[int] = (15, 41, 41, 41, 41, 5),
        groups: Sequence[int] = (1, 4, 16, 64, 256, 1),
    ) -> None:
        super().__init__()
        shapes = zip([1, *channels], channels, kernels, (1, 4, 4, 4, 4, 1), groups, strict=False)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, k, s, padding=(k - 1) // 2, groups=g)) for a, b, k, s, g in shapes
        )
        self.post = weight_norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, wav: Float[Tensor, "B T"]) -> Judgement:
        return self.judge(wav[:, None])


class PeriodDiscriminator(_Layers):
    """Convolutions over every `period`-th sample; the waveform is reflect-padded to a multiple of it.

    Args:
        period: in samples.
        channels: of each convolution.
        kernel: odd length along time.
    """

    def __init__(
        self,
        period: int,
        channels: Sequence[int] = (32, 128, 512, 1024, 1024),
        kernel: int = 5,
    ) -> None:
        super().__init__()
        self.period = period
        pad = (kernel // 2, 0)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (kernel, 1), (s, 1), padding=pad))
            for a, b, s in zip([1, *channels], channels, (3, 3, 3, 3, 1), strict=False)
        )
        self.post = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wav: Float[Tensor, "B T"]) -> Judgement:
        short = -wav.shape[-1] % self.period
        wav = F.pad(wav[:, None], (0, short), mode="reflect") if short else wav[:, None]
        return self.judge(wav.view(wav.shape[0], 1, -1, self.period))


class SpectrogramDiscriminator(_Layers):
    """Convolutions over the magnitude spectrogram at one resolution, log-compressed.

    Args:
        n_fft: window length; the hop is a quarter of it.
        channels: width of every layer.
    """

    window: Tensor

    def __init__(self, n_fft: int, channels: int = 32) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, n_fft // 4
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        strides = [(1, 1), (2, 1), (2, 1), (2, 1), (1, 1)]
        self.convs = nn.ModuleList(
            weight_norm(
                nn.Conv2d(1 if i == 0 else channels, channels, (7, 5) if i == 0 else (5, 3), stride, padding=pad)
            )
            for i, (stride, pad) in enumerate(zip(strides, [(3, 2), (2, 1), (2, 1), (2, 1), (2, 1)], strict=True))
        )
        self.post = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, wav: Float[Tensor, "B T"]) -> Judgement:
        return self.judge(self.view(wav)[:, None])

    def view(self, wav: Float[Tensor, "B T"]) -> Float[Tensor, "B F L"]:
        """Return what is judged: log magnitudes."""
        spectrum = torch.stft(wav.float(), self.n_fft, self.hop, window=self.window, return_complex=True)
        return torch.log(spectrum.abs().clamp(min=1e-5))


class MelDiscriminator(SpectrogramDiscriminator):
    """Convolutions over the log-mel at one resolution: a judge of the envelope, at a fraction of a spectrogram's cost.

    Args:
        sample_rate: Hz.
        n_fft: window length.
        hop: in samples.
        mels: mel bins.
        channels: width of every layer.
    """

    basis: Tensor

    def __init__(self, sample_rate: int, n_fft: int, hop: int, mels: int, channels: int = 32) -> None:
        super().__init__(n_fft, channels)
        self.hop = hop
        basis = torch.from_numpy(librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=mels))
        self.register_buffer("basis", basis / basis.sum(1, keepdim=True).clamp(min=1e-8), persistent=False)

    def view(self, wav: Float[Tensor, "B T"]) -> Float[Tensor, "B F L"]:
        """Return what is judged: log-mels, moved to a mean about 0."""
        spectrum = torch.stft(wav.float(), self.n_fft, self.hop, window=self.window, return_complex=True)
        magnitude = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-10) * (2 / self.n_fft)
        return torch.log(self.basis @ magnitude + 1e-4) + 4.0  # speech is about -4 there


class DiscriminatorEnsemble(nn.Module):
    """Several discriminators as one.

    Args:
        members: modules that map `B T` to a `Judgement`.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, wav: Float[Tensor, "B T"]) -> Judgements:
        answers = [member(wav) for member in self.members]
        return Judgements([a.logits for a in answers], [a.maps for a in answers])

    def judge_both(self, real: Float[Tensor, "B T"], fake: Float[Tensor, "B T"]) -> list[Judgements]:
        """Judge recordings and made waveforms."""
        return [self(real), self(fake)]


class MultiPeriodDiscriminator(DiscriminatorEnsemble):
    """One scale discriminator and one for each period, the ensemble of the upstream family.

    Args:
        periods: in samples; (2, 3, 5, 7, 11) for v1 and v2, with 17 and 23 added for the Pro models.
        scale_channels, scale_groups: of the scale discriminator, whose last layer is ungrouped.
        period_channels: of every period discriminator.
    """

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        scale_channels: Sequence[int] = (16, 64, 256, 1024, 1024, 1024),
        scale_groups: Sequence[int] = (1, 4, 16, 64, 256, 1),
        period_channels: Sequence[int] = (32, 128, 512, 1024, 1024),
    ) -> None:
        scale = ScaleDiscriminator(channels=scale_channels, groups=scale_groups)
        super().__init__([scale, *(PeriodDiscriminator(period, period_channels) for period in periods)])

    def judge_both(self, real: Float[Tensor, "B T"], fake: Float[Tensor, "B T"]) -> list[Judgements]:
        """Judge both waveforms in one batch, see `judged_together`: the weights are large."""
        return judged_together(self, real, fake)


class SpectralPeriodDiscriminator(DiscriminatorEnsemble):
    """A small ensemble for our own models: periods and spectrogram resolutions, no scale discriminator.

    Args:
        periods: in samples.
        period_channels: of every period discriminator, one a layer.
        windows: STFT window lengths.
        spectrogram_channels: width of the spectrogram discriminators.
    """

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        period_channels: Sequence[int] = (16, 32, 64, 128, 128),
        windows: Sequence[int] = (512, 1024, 2048),
        spectrogram_channels: int = 16,
    ) -> None:
        by_period = [PeriodDiscriminator(period, period_channels) for period in periods]
        super().__init__([*by_period, *(SpectrogramDiscriminator(n, spectrogram_channels) for n in windows)])


class MultiMelDiscriminator(DiscriminatorEnsemble):
    """Log-mels at several resolutions.

    Args:
        sample_rate: Hz.
        windows, hops, mels: of each resolution, in samples and bins.
        channels: width of every layer.
    """

    def __init__(
        self,
        sample_rate: int,
        windows: Sequence[int] = (1024, 400),
        hops: Sequence[int] = (160, 100),
        mels: Sequence[int] = (80, 40),
        channels: int = 32,
    ) -> None:
        resolutions = zip(windows, hops, mels, strict=True)
        super().__init__([MelDiscriminator(sample_rate, n, hop, bins, channels) for n, hop, bins in resolutions])
