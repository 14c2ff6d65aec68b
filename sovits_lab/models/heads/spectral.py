"""Heads that end in an inverse STFT: one for a free spectrum (Vocos), one for a harmonic source with explicit F0.

The contract of every head: latents `B C L` at 50 Hz, condition `B G`, prosody -> waveform `B T`, T = hop L; noise,
where it makes any, comes from the generator that it is given (None: torch's global one). A head hears all L frames: in
a padded batch the last real frames of a row hear its padding, so its samples are those of the row alone only up to the
head's reach from the end.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.nn.convolution import ConvStack


class InverseStft(nn.Module):
    """Complex spectrum of L + 1 centred frames -> L hop samples."""

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def analyse(self, wav: Float[Tensor, "B T"]) -> Tensor:
        """Compute the complex STFT, `B F L+1`."""
        return torch.stft(
            wav, self.n_fft, self.hop, window=self.window, center=True, pad_mode="constant", return_complex=True
        )

    def forward(self, spectrum: Tensor, samples: int) -> Float[Tensor, "B T"]:
        return torch.istft(spectrum, self.n_fft, self.hop, window=self.window, center=True, length=samples)


class FrameEdges(nn.Module):
    """Values at the L + 1 edges between L frames, where the centred STFT has its frames: two neighbours convolved."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, out_channels, 2)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D N"]:
        return self.conv(F.pad(x, (1, 1), mode="replicate"))


def hold_pitch(f0: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
    """Fill unvoiced frames with the pitch of the nearest voiced one, 1 Hz in a row without any.

    Interpolation between frames then never glides out of a voiced stretch towards some other pitch.
    """
    place = torch.arange(f0.shape[1], device=f0.device).expand_as(f0)
    voiced, far = f0 > 0, 2 * f0.shape[1]
    before = torch.where(voiced, place, -far).cummax(1).values
    after = torch.where(voiced, place, far).flip(1).cummin(1).values.flip(1)
    nearest = torch.where(place - before <= after - place, before, after).clamp(0, f0.shape[1] - 1)
    return f0.float().gather(1, nearest).clamp(min=1.0)


def at_edges(x: Float[Tensor, "B L"]) -> Float[Tensor, "B N"]:
    """Return the mean of the two frames at each of the L + 1 edges."""
    padded = F.pad(x[:, None], (1, 1), mode="replicate")[:, 0]
    return (padded[:, 1:] + padded[:, :-1]) / 2


def pulse_train(
    f0: Float[Tensor, "B L"], hop: int, sample_rate: int, held: Float[Tensor, "B L"] | None = None
) -> Float[Tensor, "B T"]:
    """Make band-limited pulses of unit power at `f0` Hz, silence where f0 is 0; `held` is `hold_pitch(f0)`.

    The sum of all K cosine harmonics below Nyquist has the closed form of Dirichlet's kernel,
    sum_k cos(k p) = (sin((K + 1/2) p) / sin(p / 2) - 1) / 2.
    """
    held = hold_pitch(f0) if held is None else held
    smooth = F.interpolate(held[:, None], scale_factor=hop, mode="linear")[:, 0]
    voiced = (f0 > 0).float().repeat_interleave(hop, dim=1)
    turns = torch.cumsum(smooth.double() / sample_rate, dim=1)
    phase = (2 * torch.pi * (turns - turns.floor())).float()  # what `% 1.0` gives, in less time
    harmonics = torch.floor(0.5 * sample_rate / smooth)
    half = torch.sin(phase / 2)
    near_pulse = half.abs() < 1e-4
    ratio = torch.sin((harmonics + 0.5) * phase) / torch.where(near_pulse, torch.ones_like(half), half)
    comb = torch.where(near_pulse, harmonics, (ratio - 1) / 2)
    return comb * torch.sqrt(2 / harmonics.clamp(min=1)) * voiced  # a pitch above half the rate is silence


def minimum_phase(log_magnitude: Float[Tensor, "B F N"]) -> Float[Tensor, "B F N"]:
    """Return the phase of the minimum-phase filter with these log magnitudes.

    Its cepstrum is that of the magnitudes with the negative times folded onto the positive ones (Oppenheim & Schafer,
    Discrete-Time Signal Processing, section 13.5).
    """
    size = 2 * (log_magnitude.shape[1] - 1)
    cepstrum = torch.fft.irfft(log_magnitude, n=size, dim=1)
    fold = torch.zeros(size, device=cepstrum.device)
    fold[0] = fold[size // 2] = 1.0
    fold[1 : size // 2] = 2.0
    return torch.fft.rfft(cepstrum * fold[:, None], dim=1).imag


def spectrum_of(log_magnitude: Float[Tensor, "B F N"], phase: Float[Tensor, "B F N"]) -> Tensor:
    """Compute exp(log magnitude + i phase), complex; a complex exponential takes several times as long on a CPU."""
    size, phase = log_magnitude.exp(), phase + 0.0  # a part of a complex tensor has gaps, its copy has none
    return torch.complex(size * phase.cos(), size * phase.sin())


class HarmonicHead(nn.Module):
    """Neural source-filter with an inverse STFT: pulses and noise, each shaped by a predicted magnitude filter.

    F0 and energy are explicit inputs: emotion moves both, a curve can be drawn by hand. After Wang et al. 2019 (NSF)
    and Kaneko et al. 2022 (iSTFTNet).

    Args:
        in_channels: width of the latents.
        channels, layers: of the filter network.
        condition_channels: width of the condition.
        n_fft, hop, sample_rate: of the STFT.
        fusion: how the condition enters; None is `PrefixSumFusion`, whatever the configuration's default.
        phase: of the filter of the pulses; "minimum" is nearer to a throat's.
    """

    uses_f0 = True

    def __init__(
        self,
        in_channels: int,
        condition_channels: int,
        channels: int = 192,
        layers: int = 4,
        n_fft: int = 1024,
        hop: int = 320,
        sample_rate: int = 16000,
        fusion: Fusion | None = None,
        phase: Literal["zero", "minimum"] = "zero",
    ) -> None:
        super().__init__()
        self.hop, self.sample_rate, self.bins, self.phase = hop, sample_rate, n_fft // 2 + 1, phase
        block = (fusion or PrefixSumFusion()).block
        self.stack = ConvStack(
            in_channels, channels, layers=layers, condition_channels=condition_channels, modulate=block
        )
        self.filters = FrameEdges(channels, 2 * self.bins)
        self.stft = InverseStft(n_fft, hop)
        assert self.filters.conv.bias is not None
        nn.init.zeros_(self.filters.conv.bias)  # starts at the level that the energy says

    def forward(
        self,
        z: Float[Tensor, "B C L"],
        condition: Float[Tensor, "B G"],
        prosody: Prosody,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        every = torch.ones(z.shape[0], z.shape[2], dtype=torch.bool, device=z.device)
        shape = self.filters(self.stack(z, every, condition)).float() + at_edges(prosody.energy)[:, None]
        harmonic, aperiodic = shape.clamp(max=6.0).chunk(2, dim=1)
        filters = spectrum_of(harmonic, minimum_phase(harmonic)) if self.phase == "minimum" else torch.exp(harmonic)
        pulses = pulse_train(prosody.f0, self.hop, self.sample_rate)
        noise = torch.empty_like(pulses).normal_(generator=generator)
        spectrum = self.stft.analyse(pulses) * filters + self.stft.analyse(noise) * torch.exp(aperiodic)
        return self.stft(spectrum, z.shape[-1] * self.hop)


class VocosHead(nn.Module):
    """Magnitude and phase of each frame are predicted freely (Siuzdak 2023), on top of the energy. F0 is ignored.

    Args: as `HarmonicHead`.
    """

    uses_f0 = False

    def __init__(
        self,
        in_channels: int,
        condition_channels: int,
        channels: int = 192,
        layers: int = 4,
        n_fft: int = 1024,
        hop: int = 320,
        sample_rate: int = 16000,
        fusion: Fusion | None = None,
    ) -> None:
        super().__init__()
        self.hop, self.sample_rate, self.bins = hop, sample_rate, n_fft // 2 + 1
        block = (fusion or PrefixSumFusion()).block
        self.stack = ConvStack(
            in_channels, channels, layers=layers, condition_channels=condition_channels, modulate=block
        )
        self.spectrum = FrameEdges(channels, 2 * self.bins)
        self.stft = InverseStft(n_fft, hop)

    def forward(
        self,
        z: Float[Tensor, "B C L"],
        condition: Float[Tensor, "B G"],
        prosody: Prosody,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        every = torch.ones(z.shape[0], z.shape[2], dtype=torch.bool, device=z.device)
        log_magnitude, phase = self.spectrum(self.stack(z, every, condition)).float().chunk(2, dim=1)
        magnitude = torch.exp((log_magnitude + at_edges(prosody.energy)[:, None]).clamp(max=6.0))
        return self.stft(torch.polar(magnitude, phase), z.shape[-1] * self.hop)
