"""`python -m sovits_lab.corpora.toy_voices`: how the toy corpus' voices were screened, measured anew.

For each voice variant of the installed espeak-ng: median F0 and its 5 to 95 % range, share of voiced frames, peak at
the corpus' volume, crest factor, whether its phones equal the plain voice's, and the nearest other voice by the
distance of mean MFCCs (1 to 19, level removed).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.files import resample
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.trim import trim_silence
from sovits_lab.text.espeak import phonemize, speak

TEXTS = (
    "The little boat was waiting by the river, but nobody had seen it.",
    "My brother carried three green boxes to the old house.",
    "We should never have opened that window again.",
    "She thinks the weather is lovely this morning.",
    "Yesterday the tall doctor bought a cheap yellow umbrella.",
    "Please put the fresh fish on the kitchen table.",
)
RATE = 16_000


class Voice(NamedTuple):
    """What was measured of a voice over `TEXTS`; `timbre` is its mean MFCC vector."""

    name: str
    f0_low: float
    f0_median: float
    f0_high: float
    voiced: float
    peak: float
    crest_db: float
    same_phones: bool
    timbre: np.ndarray


def measure(name: str) -> Voice:
    """Speak `TEXTS` with a variant and measure."""
    from librosa.feature import mfcc

    clips, timbres, pitch, same = [], [], [], True
    for text in TEXTS:
        speech = speak(text, voice=f"en-us+{name}")
        same = same and [phone.symbol for phone in speech.phones] == phonemize(text)
        wav = trim_silence(resample(speech.wav, speech.sample_rate, RATE), RATE).wav
        clips.append(wav)
        pitch.append(f0(wav, RATE, 160))
        level = wav / np.sqrt(np.mean(wav**2) + 1e-12)
        timbres.append(mfcc(y=level, sr=RATE, n_mfcc=20, n_fft=512, hop_length=160)[1:].mean(axis=1))
    contour = np.concatenate(pitch)
    voiced = contour[contour > 0]
    low, middle, high = np.percentile(voiced, [5, 50, 95]) if voiced.size else (0.0, 0.0, 0.0)
    peak = max(float(np.abs(clip).max()) for clip in clips)
    crest = 20 * np.log10(peak) - level_dbfs(np.concatenate(clips))
    share = float(np.mean(contour > 0))
    return Voice(name, low, middle, high, share, peak, float(crest), same, np.mean(timbres, axis=0))


def main() -> int:
    """Print the table."""
    import espeakng_loader

    names = sorted(path.name for path in (Path(espeakng_loader.get_data_path()) / "voices" / "!v").iterdir())
    voices = [measure(name) for name in names]
    timbre = np.stack([voice.timbre for voice in voices])
    distance = np.linalg.norm(timbre[:, None] - timbre[None], axis=-1) + np.diag(np.full(len(voices), np.inf))
    print("voice          F0 5 % median 95 %  voiced  peak  crest  phones  nearest")
    for voice, row in zip(voices, distance, strict=True):
        near = f"{names[int(row.argmin())]} {row.min():.0f}"
        phones = "same" if voice.same_phones else "other"
        print(
            f"{voice.name:<14} {voice.f0_low:6.0f} {voice.f0_median:6.0f} {voice.f0_high:6.0f} {voice.voiced:6.2f} "
            f"{voice.peak:6.2f} {voice.crest_db:6.1f}  {phones:<6}  {near}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
