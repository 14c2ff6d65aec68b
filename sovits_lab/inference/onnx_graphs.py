"""A parallel GPT and a SoVITS with harmonics as two graphs without complex numbers, loops or shapes that data decide.

The first graph gives the length of every phone, the second everything else: what runs them rounds the sum of lengths
and draws as much noise, and with it says how many tokens there are.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.baseline import FEWEST, level_of
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import FLOOR, mel_filters
from sovits_lab.conditioning.conditions import SPEAKER, given
from sovits_lab.models.gpt.parallel import ParallelGpt, SpreadPrefix
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.heads.spectral import HarmonicHead, at_edges, pulse_train
from sovits_lab.models.sovits.acoustic import SoVits

Named = dict[str, Float[Tensor, "1 _"]]  # conditions beside the speaker, by name


class DurationsGraph(nn.Module):
    """Phones and conditions -> how many tokens each phone lasts."""

    def __init__(self, gpt: ParallelGpt) -> None:
        super().__init__()
        self.gpt = gpt

    def forward(self, phones: Int[Tensor, "1 P"], gpt: Named, speaker: Float[Tensor, "1 G"]) -> Float[Tensor, "1 P"]:
        every = torch.ones_like(phones, dtype=torch.bool)
        return self.gpt.spoken_durations(phones, every, given(**{SPEAKER: speaker, **gpt}))


class SpeechGraph(nn.Module):
    """Phones, their durations, conditions and noise -> the waveform, at the level that its energy says.

    Tokens are the likeliest of each place.

    Args:
        gpt, sovits: the models, in evaluation.
        spec: frames of the waveform.
    """

    def __init__(self, gpt: ParallelGpt, sovits: SoVits, spec: AudioSpec) -> None:
        super().__init__()
        assert isinstance(sovits.head, HarmonicHead), "the one head that is written in real numbers"
        self.gpt, self.sovits = gpt, sovits
        self.head = RealHead(sovits.head)
        self.loudness = Loudness(spec)

    def forward(
        self,
        phones: Int[Tensor, "1 P"],
        durations: Float[Tensor, "1 P"],
        speaker: Float[Tensor, "1 G"],
        gpt: Named,
        sovits: Named,
        baseline: Float[Tensor, "1 4"],
        noise: Float[Tensor, "1 S N"],
    ) -> Float[Tensor, "1 T"]:
        """Return the waveform of S tokens, N T / S samples each."""
        size = noise.shape[1]
        every = torch.ones_like(phones, dtype=torch.bool)
        conditions = self.gpt.conditions(given(**{SPEAKER: speaker, **gpt}))
        condition = self.gpt.conditions.vector("gpt", conditions)
        frames = self.gpt.frames(phones, every, durations, size)
        mask = torch.ones_like(frames[..., 0], dtype=torch.bool)
        logits = self.gpt.classify(SpreadPrefix(frames, mask, condition, durations))
        tokens = logits.argmax(-1)
        return self._spoken(tokens, phones, every, given(**{SPEAKER: speaker, **sovits}), baseline, noise)

    def _spoken(
        self,
        tokens: Int[Tensor, "1 S"],
        phones: Int[Tensor, "1 P"],
        every: Bool[Tensor, "1 P"],
        conditions: dict,
        baseline: Float[Tensor, "1 4"],
        noise: Float[Tensor, "1 S N"],
    ) -> Float[Tensor, "1 T"]:
        frames = torch.ones_like(torch.cat([tokens, tokens], dim=1), dtype=torch.bool)
        planned = self.sovits.plan(tokens, frames, phones, every, conditions)
        prosody = planned.prosody(baseline)
        wav = self.head(planned.z, planned.head, prosody, noise.flatten(1))
        return self.loudness(wav, prosody)


class RealHead(nn.Module):
    """What a `HarmonicHead` computes, in real numbers and with its noise given."""

    def __init__(self, head: HarmonicHead) -> None:
        super().__init__()
        self.head = head
        self.transform = RealFourier(head.stft.n_fft, head.hop)

    def forward(
        self, z: Float[Tensor, "1 C L"], condition: Float[Tensor, "1 G"], prosody: Prosody, noise: Float[Tensor, "1 T"]
    ) -> Float[Tensor, "1 T"]:
        head, every = self.head, torch.ones_like(z[:, 0], dtype=torch.bool)
        shape = head.filters(head.stack(z, every, condition)).float() + at_edges(prosody.energy)[:, None]
        harmonic, aperiodic = shape.clamp(max=6.0).transpose(1, 2).chunk(2, dim=2)  # 1 L+1 F
        pulses = pulse_train(prosody.f0, head.hop, head.sample_rate, held_by_distance(prosody.f0))
        margin = self.transform.size // 2
        real, imaginary = self.transform.analyse(F.pad(pulses, (margin, margin)))
        loud, quiet = harmonic.exp(), aperiodic.exp()
        if head.phase == "minimum":
            turn = self.transform.minimum_phase(harmonic)
            real, imaginary = real * turn.cos() - imaginary * turn.sin(), real * turn.sin() + imaginary * turn.cos()
        rough = self.transform.analyse(F.pad(noise, (margin, margin)))
        wav = self.transform.synthesise(real * loud + rough[0] * quiet, imaginary * loud + rough[1] * quiet)
        return wav[:, margin : margin + z.shape[2] * head.hop]


class RealFourier(nn.Module):
    """Short-time Fourier transform and its inverse as products with tables of cosines.

    The tables are cut in the graph out of one period, so that they cost no room in its file.

    Args:
        size: points of the transform, even.
        hop: samples between frames.
    """

    window: Tensor
    period: Tensor

    def __init__(self, size: int, hop: int) -> None:
        super().__init__()
        self.size, self.hop, self.bins, self.pieces = size, hop, size // 2 + 1, math.ceil(size / hop)
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        angles = 2 * math.pi * torch.arange(size, dtype=torch.float64) / size
        self.register_buffer("period", angles.cos().float(), persistent=False)

    def _table(self, shift: int) -> Float[Tensor, "size F"]:
        """Cosines of every time and bin, `shift` quarters of a period later; 3 gives sines."""
        grid = torch.arange(self.size)[:, None] * torch.arange(self.bins)
        return self.period[(grid + shift * self.size // 4) % self.size]

    def analyse(self, wav: Float[Tensor, "1 T"]) -> tuple[Float[Tensor, "1 N F"], Float[Tensor, "1 N F"]]:
        """Return real and imaginary parts of the frames that fit into a padded waveform."""
        count = (wav.shape[1] - self.size) // self.hop + 1
        whole = F.pad(wav, (0, self.pieces * self.hop))[:, : (count + self.pieces - 1) * self.hop]
        hops = whole.reshape(len(whole), -1, self.hop)
        frames = torch.cat([hops[:, i : i + count] for i in range(self.pieces)], dim=2)[..., : self.size] * self.window
        return frames @ self._table(0), -(frames @ self._table(3))

    def synthesise(self, real: Float[Tensor, "1 N F"], imaginary: Float[Tensor, "1 N F"]) -> Float[Tensor, "1 T"]:
        """Return the overlapped frames of a spectrum, weighted and divided as Griffin & Lim 1984, eq. 6."""
        twice = torch.full_like(self.period[: self.bins], 2.0 / self.size)
        ends = torch.arange(self.bins, device=twice.device) % (self.size // 2) == 0
        share = torch.where(ends, twice / 2, twice)
        frames = (real * share) @ self._table(0).T - (imaginary * share) @ self._table(3).T
        power = self.window.square().expand_as(frames)
        return self._overlapped(frames * self.window) / self._overlapped(power).clamp(min=1e-11)

    def _overlapped(self, frames: Float[Tensor, "1 N size"]) -> Float[Tensor, "1 T"]:
        whole = F.pad(frames, (0, self.pieces * self.hop - self.size))
        hops = whole.reshape(len(whole), -1, self.pieces, self.hop)
        last = self.pieces - 1
        total = F.pad(hops[:, :, 0], (0, 0, 0, last))
        for i in range(1, self.pieces):
            total = total + F.pad(hops[:, :, i], (0, 0, i, last - i))
        return total.flatten(1)

    def minimum_phase(self, log_magnitude: Float[Tensor, "1 N F"]) -> Float[Tensor, "1 N F"]:
        """Return the phase of the minimum-phase filter, see `sovits_lab.models.heads.spectral.minimum_phase`."""
        half = self.size // 2
        twice = torch.full_like(self.period[: self.bins], 2.0 / self.size)
        ends = torch.arange(self.bins, device=twice.device) % half == 0
        cepstrum = (log_magnitude * torch.where(ends, twice / 2, twice)) @ self._table(0)[: self.bins].T
        return -2 * cepstrum[..., 1:half] @ self._table(3)[1:half]


class Loudness(nn.Module):
    """One gain that brings the voiced frames of a waveform to the level of its energy; full scale is the most."""

    filters: Tensor

    def __init__(self, spec: AudioSpec) -> None:
        super().__init__()
        self.margin = (spec.n_fft - spec.hop) // 2
        self.transform = RealFourier(spec.n_fft, spec.hop)
        self.register_buffer("filters", mel_filters(spec).T.contiguous(), persistent=False)

    def forward(self, wav: Float[Tensor, "1 T"], asked: Prosody) -> Float[Tensor, "1 T"]:
        padded = F.pad(wav[:, None], (self.margin, self.margin), mode="reflect")[:, 0]
        real, imaginary = self.transform.analyse(padded)
        mels = (((real.square() + imaginary.square() + 1e-12).sqrt()) @ self.filters).clamp(min=FLOOR)
        voiced, energy = asked.f0 > 0, mels.mean(2).log()
        gain = level_of(asked.energy, voiced) - level_of(energy, voiced)
        most = -wav.abs().amax(1).clamp(min=1e-6).log()
        levelled = wav * torch.minimum(gain, most).exp()[:, None]
        return torch.where(voiced.sum(1, keepdim=True) < FEWEST, wav.clamp(-1, 1), levelled)


def held_by_distance(f0: Float[Tensor, "1 L"]) -> Float[Tensor, "1 L"]:
    """Compute `hold_pitch` by the distances of all pairs of frames, which graphs know how to compare."""
    place = torch.arange(f0.shape[1], device=f0.device)
    gap = place[:, None] - place
    score = 2 * gap.abs() + (gap < 0).long()  # of two that are as near the earlier
    far = 4 * f0.shape[1]
    nearest = torch.where((f0 > 0)[:, None], score, far + place).argmin(2)
    return f0.float().gather(1, nearest).clamp(min=1.0)
