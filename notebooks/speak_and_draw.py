# %% [markdown]
# # Speak, and draw the curves
#
# A sad clip of one speaker makes another speaker sound sad. This notebook speaks one sentence neutrally and
# sadly, and draws F0 of both beside each other. It needs a run of `make study`, or of `python train.py
# experiment=sad_transfer debug=smoke`, whose voice is noise but goes the same way.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sovits_lab import Synthesizer

RUN = sorted(Path("runs/sad_transfer").glob("*/samples/samples.jsonl"))[-1].parents[1]
voice = Synthesizer.load(RUN)
print("the voice takes:", ", ".join(voice.voice.accepts))

# %% [markdown]
# What the run itself spoke tells who can speak and which clips told it how. `style_reference` is a clip of
# *another* speaker who says *another* sentence.

# %%
rows = [json.loads(line) for line in (RUN / "samples" / "samples.jsonl").read_text().splitlines()]
sad = next(row for row in rows if row["emotion"] == "sad" and row["style_reference"])
neutral = next(row for row in rows if row["emotion"] == "neutral" and row["speaker"] == sad["speaker"])
clips = {one["emotion"]: str(RUN / "samples" / one["style_reference"]) for one in (neutral, sad)}
print(f"{sad['speaker']} says {sad['text']!r}; the sad clip is by {sad['style_speaker']}")

# %% [markdown]
# Two requests that differ in the style clip only. The seed makes them repeatable to the last bit on one machine.

# %%
spoken = {name: voice.speak(sad["text"], speaker=sad["speaker"], style=clip, seed=1) for name, clip in clips.items()}
for name, speech in spoken.items():
    print(f"{name}: {len(speech.wav) / speech.sample_rate:.2f} s, flags: {', '.join(speech.flags) or 'none'}")

# %% [markdown]
# F0 over time. Of a whole run, sad is lower, flatter and longer; of a smoke run the curves say nothing.

# %%
figure, axes = plt.subplots(figsize=(8, 3))
for name, speech in spoken.items():
    f0 = np.where(speech.f0 > 0, speech.f0, np.nan)
    axes.plot(np.arange(len(f0)) * len(speech.wav) / speech.sample_rate / max(1, len(f0)), f0, label=name)
axes.set_xlabel("seconds")
axes.set_ylabel("F0, Hz")
axes.legend()
plt.show()

# %% [markdown]
# Next: `strength=0.5` lies between the two; [controls](../docs/controls.md) lists what else a request may say.
