# %% [markdown]
# # A style encoder of your own on trial
#
# Does a vector know the emotion, or does it follow the voice and the words? Any function from a waveform at 16
# kHz to a vector can be tried. Here are two: one that hears pitch, one that hears the spectrum. The recordings
# are embedded voices that say sad, happy, angry and neutral sentences in each tone, so that everything is
# crossed.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from evaluation.real_speech.clips import load_clip
from evaluation.style.baselines import mel_statistics
from evaluation.style.distance import compress_vectors, distances_of
from evaluation.style.extract import label_clips
from evaluation.validity.incongruent import speak_incongruent
from evaluation.validity.triplets import try_triplets
from sovits_lab.audio.pitch import f0

FOLDER = Path("runs/evaluation/judges/incongruent")
VOICES = ("miguel", "Andrea", "f3")
clips = [clip for clip in speak_incongruent(FOLDER, VOICES) if clip.take == "neutral"]
sounds = [load_clip(clip).normalised for clip in clips]
print(f"{len(clips)} recordings of {len(VOICES)} voices")

# %% [markdown]
# **Your encoder**: replace this function. It hears every clip at one level, so loudness is not what it can lean
# on.


# %%
def my_encoder(wav: np.ndarray) -> np.ndarray:
    """Median, spread and movement of F0, in semitones."""
    contour = f0(wav, 16000, 160)
    tones = 12 * np.log2(contour[contour > 0] / 55) if (contour > 0).any() else np.zeros(1)
    return np.array([np.median(tones), tones.std(), np.abs(np.diff(tones)).mean() if len(tones) > 1 else 0.0])


# %% [markdown]
# Controlled triplets: is a clip nearer to one of its emotion (another voice, other words) than to one of another
# emotion that shares its voice, its words, or both? One half is chance; below it an encoder follows what is
# shared.

# %%
labels = label_clips(clips)
found = {}
for name, encoder in (("my encoder", my_encoder), ("mel statistics", mel_statistics)):
    vectors = np.stack([encoder(sound) for sound in sounds])
    found[name] = try_triplets(distances_of(compress_vectors(vectors)), labels)
    for one in found[name]:
        print(f"{name}, shares {one.shared}: {one.share:.2f} [{one.low:.2f}, {one.high:.2f}] {one.verdict}")

# %%
figure, axes = plt.subplots(figsize=(8, 3))
for i, (name, results) in enumerate(found.items()):
    x = np.arange(len(results)) + 0.3 * i - 0.15
    low, high = ([abs(r.share - getattr(r, end)) for r in results] for end in ("low", "high"))
    axes.errorbar(x, [r.share for r in results], [low, high], fmt="o", label=name)
axes.axhline(0.5, color="grey", linewidth=1)
axes.set_xticks(range(4), [f"shares {r.shared}" for r in found["my encoder"]])
axes.set_ylabel("share of triplets")
axes.legend()
plt.show()

# %% [markdown]
# The same on real recordings, with words against the tone, for every judge: `python -m evaluation judges
# corpus=DIR` ([judges on trial](../docs/judges_on_trial.md)). The whole protocol: [style
# protocol](../docs/style_protocol.md).
