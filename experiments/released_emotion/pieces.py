"""How much a stream in pieces differs from the whole, on a bundle of the released family up to v2ProPlus.

    python experiments/released_emotion/pieces.py BUNDLE CLIP ...

Each clip's voice says a sentence as a whole with two seeds, and in pieces; tokens are the likeliest, so that the seed
draws the noise of the latents alone. Printed: mean distance of log-mels (nats) to the whole, by tokens of a piece.
"""

from __future__ import annotations

from itertools import cycle

import librosa
import numpy as np

from experiments.measuring import run_script, sentences
from sovits_lab import Synthesizer
from sovits_lab.inference.request import Request

SENTENCES, PIECES, FLOOR = 6, (4, 8, 16, 25), 1e-3


def log_mel(wav: np.ndarray, rate: int) -> np.ndarray:
    """Return the log-mel of a waveform, 80 bands, 50 frames a second."""
    power = librosa.feature.melspectrogram(y=wav, sr=rate, n_fft=2048, hop_length=rate // 50, n_mels=80)
    return np.log(np.maximum(power, FLOOR))


def main(words: list[str]) -> None:
    """Print the table."""
    folder, *clips = words
    voice = Synthesizer.load(folder)
    rate = voice.voice.sample_rate
    distances: dict[str, list[float]] = {}
    for text, clip in zip(sentences(SENTENCES), cycle(clips), strict=False):
        requests = [Request(text, clip, top_k=1, seed=seed) for seed in (0, 1)]
        whole, other = (log_mel(speech.wav, rate) for speech in voice.speak_all(requests))
        distances.setdefault("another seed", []).append(np.abs(whole - other).mean())
        for size in PIECES:
            pieces = log_mel(np.concatenate(list(voice.stream(requests[0], chunk=size))), rate)
            distances.setdefault(f"pieces of {size} tokens", []).append(np.abs(whole - pieces).mean())
    for name, values in distances.items():
        print(f"{name:20} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")


if __name__ == "__main__":
    run_script(main)
