# %% [markdown]
# # Read a study's results
#
# Every figure of a study's page stands in `results/main.csv`: one row for each figure and run, with interval, the
# true recordings' value and the commit. This notebook draws them and asks what may be concluded.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from experiments.pages import read_results

results = read_results(Path("experiments/sad_transfer/results/main.csv"))
print(f"{len(results)} figures, runs: {', '.join(row.run for row in next(iter(results.values())))}")

# %% [markdown]
# How much of the true change arrives, by emotion? 100 is all of it.

# %%
keys = [key for key in results if key.split("/")[0] in ("f0_share", "level_share", "duration_share", "f0_range_share")]
for key in keys:
    values = [float(row.value) for row in results[key]]
    print(f"{key:<24} mean {np.mean(values):6.1f}   seeds {', '.join(row.value for row in results[key])}")

# %% [markdown]
# An interval within one run covers voices and sentences; the spread between runs is what training itself does.
# Where the second is as large as the first, one run says little.

# %%
figure, axes = plt.subplots(figsize=(8, 4))
for place, key in enumerate(keys):
    for i, row in enumerate(results[key]):
        y = place + 0.2 * (i - 1)
        axes.plot([float(row.low), float(row.high)], [y, y], color="tab:blue")
        axes.plot(float(row.value), y, "o", color="tab:blue")
axes.axvline(100, color="tab:orange")
axes.set_yticks(range(len(keys)), keys)
axes.invert_yaxis()
axes.set_xlabel("percent of the true change")
plt.show()

# %%
for key in keys:
    values = [float(row.value) for row in results[key]]
    within = np.mean([(float(row.high) - float(row.low)) / 2 for row in results[key]])
    print(f"{key:<24} between runs {np.ptp(values):5.1f}   half an interval {within:5.1f}")

# %% [markdown]
# Your own runs: `python experiments/collect.py sad_transfer RUN...` writes the file anew, `python
# experiments/pages.py` the page. To hold two runs against each other, paired: `python -m evaluation compare RUN
# RUN`.
