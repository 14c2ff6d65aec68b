"""The voice of the package `hibari-tts` (Williams 2026, Apache-2.0): a student of Kokoro-82M's voice af_heart.

Its network gives, for frames of 12.5 ms, F0 and five maps of a spectrum: a filter of the harmonics with their phase, a
filter of noise, and a free part. The waveform is then

    S = exp(lh) e^{i pi tanh(theta)} STFT(pulses(F0)) + exp(ln) Z + exp(lr) e^{i phi}

as documented there. The decoder hears F0, so an emotion moves it before any sound is made, without the marks that a
vocoder leaves: shifting the pulses alone, under parts made for another F0, costs 0.5 to 1.2 points of DistillMOS. The
network file is read; none of the package's code runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from sovits_lab.corpora.natural_network import led_from_outside, onnx_output
from sovits_lab.corpora.natural_phones import SpelledPhone, counted
from sovits_lab.corpora.natural_style import NaturalSpeech, NaturalStyle, moved_f0, tilt_of
from sovits_lab.files import read_json
from sovits_lab.types import InputError, got
from sovits_lab.weights import locate

RATE, HOP, N_FFT = 24_000, 300, 1200
HIGHEST = 11_000.0  # Hz, of the harmonics
VOICED = 40.0  # Hz
LOUDEST = 7.0  # nats
# Values inside the network: length of each letter, with the frames of its unit, and what the decoder hears of prosody.
DURATIONS, FRAMES = "/Cast_32_output_0", 2
EARLY = 4  # frames by which a phone is heard before the place that the lengths give it, measured by voicing
PITCH, PITCH_SCALE = "/Div_41_output_0", 5.0  # log(1 + Hz) / 5
ENERGY = "/Div_42_output_0"
FILES = ("hibari.onnx", "vocab.json")


class SpectrumMaps(NamedTuple):
    """What the network says of each frame: log magnitudes and phases of the three parts, and F0, 0 where unvoiced."""

    harmonic: Float32[np.ndarray, "F L"]
    harmonic_phase: Float32[np.ndarray, "F L"]
    noise: Float32[np.ndarray, "F L"]
    free: Float32[np.ndarray, "F L"]
    free_phase: Float32[np.ndarray, "F L"]
    f0: Float32[np.ndarray, " L"]

    def of_frames(self, index: Int[np.ndarray, " N"]) -> SpectrumMaps:
        """Return the maps with these frames in this order."""
        return SpectrumMaps(*(each[..., index] for each in self))


class Networks(NamedTuple):
    """The network twice: once as it is, telling what it plans, and once speaking with a prosody that it is given."""

    plan: Any
    speak: Any


class HibariVoice:
    """Speak letters of Kokoro's alphabet.

    Args:
        source: `hibari`, the package's files, or a folder with `hibari.onnx` and `vocab.json`.
    """

    def __init__(self, source: str = "hibari") -> None:
        self.source = source

    @cached_property
    def _networks(self) -> Networks:
        try:
            import onnxruntime
        except ImportError as error:
            raise got("corpus=natural", "no package onnxruntime", "pip install 'sovits-lab[natural]'") from error
        path = locate("corpus=natural, voice", self.source, FILES) / FILES[0]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = path.read_bytes()
        shown, led = model + onnx_output(ENERGY) + onnx_output(DURATIONS), led_from_outside(model, (PITCH, ENERGY))
        try:
            return Networks(
                *(
                    onnxruntime.InferenceSession(each, options, providers=["CPUExecutionProvider"])
                    for each in (shown, led)
                )
            )
        except Exception as error:  # the runtime raises a dozen kinds; all mean the same to the user
            raise InputError(f"corpus=natural: {path} is not a network of hibari's ({error})") from error

    @cached_property
    def _letters(self) -> dict[str, int]:
        folder = locate("corpus=natural, voice", self.source, FILES)
        letters: dict[str, int] = read_json(folder / FILES[1], "letters of the voice")
        return letters

    def say(self, spelled: Sequence[SpelledPhone], style: NaturalStyle, seed: int) -> NaturalSpeech:
        """Return the phones spoken in a style, with their times.

        Raises:
            InputError: the weights are not installed.
        """
        maps, counts = self._maps("".join(each.letters for each in spelled), style)
        lengths = [counts[0], *counted(spelled, counts[1:-1]), counts[-1]]
        early = min(EARLY, lengths[0])
        lengths[0], lengths[-1] = lengths[0] - early, lengths[-1] + early
        pauses = [False, *(each.is_pause for each in spelled), False]
        maps, lengths = _with_pauses(maps, lengths, pauses, style.pause)
        wav = render(_shaped(maps, style), np.random.default_rng(seed))
        seconds = np.array(lengths[1:-1], dtype=float) * HOP / RATE
        seconds[0] += lengths[0] * HOP / RATE
        seconds[-1] += lengths[-1] * HOP / RATE
        return NaturalSpeech(wav, RATE, tuple(seconds.tolist()))

    def _maps(self, letters: str, style: NaturalStyle) -> tuple[SpectrumMaps, list[int]]:
        """The maps of letters said with the style's tempo and F0, and frames of each letter."""
        ids = [0, *(self._letters[letter] for letter in letters), 0]
        given = {"ids": np.array([ids], dtype=np.int64), "speed": np.array([style.rate], dtype=np.float32)}
        planned, energy, counts = self._networks.plan.run(["f0", ENERGY, DURATIONS], given)
        f0 = np.where(planned[0] > VOICED, planned[0], 0).astype(np.float32)
        moved = moved_f0(f0, style)
        pitch = np.where(f0 > 0, moved, np.maximum(planned[0], 0))
        given[PITCH] = (np.log1p(pitch) / PITCH_SCALE)[None, None].astype(np.float32)
        made = self._networks.speak.run(["lh", "theta", "ln", "lr", "phi"], given | {ENERGY: energy})
        harmonic, phase, noise, free, free_phase = (each[0] for each in made)
        lengths = [FRAMES * int(count) for count in counts.reshape(-1)]
        return SpectrumMaps(harmonic, phase, noise, free, free_phase, moved.astype(np.float32)), lengths


def _shaped(maps: SpectrumMaps, style: NaturalStyle) -> SpectrumMaps:
    """The maps with the style's tilt and breath."""
    slope = tilt_of(maps.harmonic.shape[0], RATE, style.tilt_db)[:, None]
    breath = np.log(10) / 20 * style.breath_db * (maps.f0 > 0)
    return maps._replace(
        harmonic=(maps.harmonic + slope).astype(np.float32),
        noise=(maps.noise + slope + breath).astype(np.float32),
        free=(maps.free + slope).astype(np.float32),
    )


def _with_pauses(
    maps: SpectrumMaps, lengths: Sequence[int], pauses: Sequence[bool], factor: float
) -> tuple[SpectrumMaps, list[int]]:
    """Make pauses longer or shorter by repeating or leaving out their frames."""
    index: list[np.ndarray] = []
    found: list[int] = []
    at = 0
    for length, pause in zip(lengths, pauses, strict=True):
        size = max(1, round(length * factor)) if pause and length else length
        index.append(at + np.linspace(0, max(0, length - 1), size).round().astype(int))
        found.append(size)
        at += length
    return maps.of_frames(np.concatenate(index)), found


def render(maps: SpectrumMaps, generator: np.random.Generator) -> Float32[np.ndarray, " T"]:
    """Return the waveform, 300 samples a frame."""
    import torch

    frames = maps.harmonic.shape[1]
    window = torch.hann_window(N_FFT)
    pulses = torch.from_numpy(np.pad(pulse_train(maps.f0), N_FFT // 2, mode="reflect"))
    source = torch.stft(pulses, N_FFT, HOP, window=window / (N_FFT / 4), center=False, return_complex=True)
    drawn = generator.standard_normal((2, *maps.noise.shape), dtype=np.float32)
    harmonic, noise, free = (
        torch.from_numpy(np.exp(np.minimum(each, LOUDEST))) for each in (maps.harmonic, maps.noise, maps.free)
    )
    turned = torch.polar(harmonic, np.pi * torch.from_numpy(maps.harmonic_phase).tanh())
    spectrum = source[:, :frames] * turned + noise * torch.complex(*map(torch.from_numpy, drawn))
    spectrum = spectrum + torch.polar(free, torch.from_numpy(np.ascontiguousarray(maps.free_phase)))
    # The network's transform has one frame less than torch expects for so many samples.
    spectrum = torch.cat([spectrum, torch.zeros_like(spectrum[:, :1])], dim=1)
    return torch.istft(spectrum, N_FFT, HOP, window=window, length=frames * HOP).numpy()


def pulse_train(f0: Float[np.ndarray, " L"]) -> Float32[np.ndarray, " T"]:
    """Return all cosine harmonics of F0 below `HIGHEST`, each of amplitude 1, silence where unvoiced.

    The sum of K of them is Dirichlet's kernel, sin((K + 1/2) p) / (2 sin(p / 2)) - 1/2.
    """
    place = (np.arange(len(f0) * HOP) + 0.5) / HOP - 0.5
    curve = np.interp(place, np.arange(len(f0)), f0)
    voiced = curve > VOICED
    curve = np.maximum(curve, VOICED)
    phase = 2 * np.pi * (np.cumsum(curve / RATE) % 1.0)
    half = 2 * np.sin(phase / 2)
    count = np.floor(HIGHEST / curve) + 0.5
    near = np.abs(half) <= 2e-3
    comb = np.where(near, count, np.sin(count * phase) / np.where(near, 1.0, half)) - 0.5
    return np.where(voiced, comb, 0.0).astype(np.float32)
