"""`python experiments/sad_transfer/asked.py RUN`: how wide a swing of F0 and what level styles ask SoVITS for.

Mean over clips of an emotion less the mean over neutral ones, in percent of what the training voices truly do (both
`sovits_lab.audio.baseline.extent`). Clips are whole utterances of voices that training heard, saying test sentences,
and of voices that it did not hear. What lacks in the second row alone is what the encoder has learned by heart.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sovits_lab.audio.baseline import FEWEST, extent, voiced_frames
from sovits_lab.conditioning.conditions import given
from sovits_lab.data.batches import stack_mels
from sovits_lab.data.store import FeatureStore
from sovits_lab.inference.loading import load_voice
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
Extents = dict[str, Tensor]  # emotion -> swing and level, nats


def changes(said: Sequence[tuple[str, Tensor]]) -> Extents:
    """Mean of each emotion less that of neutral; nothing without neutral."""
    of: dict[str, list[Tensor]] = defaultdict(list)
    for emotion, value in said:
        of[emotion].append(value)
    means = {emotion: torch.stack(values).mean(0) for emotion, values in of.items()}
    if NEUTRAL not in means:
        return {}
    return {emotion: mean - means[NEUTRAL] for emotion, mean in means.items() if emotion != NEUTRAL}


def true(store: FeatureStore, rows: Sequence[int]) -> Extents:
    """What these utterances do."""
    said = []
    for i in rows:
        heard = voiced_frames(store.f0(i), store.mel(i).T)
        if len(heard.log_f0) >= FEWEST:
            pitch, energy = (torch.from_numpy(values).float()[None] for values in heard)
            said.append((store.rows[i].emotion, extent(pitch, energy, torch.ones_like(pitch, dtype=torch.bool))[0]))
    return changes(said)


@torch.inference_mode()
def asked(sovits: SoVits, store: FeatureStore, rows: Sequence[int]) -> Extents:
    """What the styles of these utterances ask for."""
    said = []
    for i in rows:
        clip = stack_mels([store.mel(i)])
        nobody = torch.zeros(1, sovits.conditions.widths["speaker"])
        told = given(speaker=nobody, style=sovits.reference(clip.mel, clip.mask))
        said.append((store.rows[i].emotion, sovits.prior.extent(sovits.part_conditions(told).prosody)[0]))
    return changes(said)


def main(run: Path) -> None:
    """Print the table."""
    if not (run / "stages.json").is_file():
        raise got("run", run, "the folder of one run, with stages.json")
    store = FeatureStore(run / json.loads((run / "stages.json").read_text("utf-8"))["features"])
    voice = load_voice(run)
    if not voice.takes_style:
        raise got("run", run, "a voice that hears styles")
    whole = true(store, store.select(["train"], ["emotional"]))
    clips = {"heard": store.select(["test"], ["emotional"]), "unheard": store.select(["test"], ["heldout"])}
    print("| voices of the clips | " + " | ".join(f"{e}: swing | {e}: level" for e in sorted(whole)) + " |")
    print("|---" * (2 * len(whole) + 1) + "|")
    for name, rows in clips.items():
        found = asked(voice.sovits, store, rows)
        shares = [found[e] / whole[e] if e in found else torch.full((2,), torch.nan) for e in sorted(whole)]
        cells = ["-" if math.isnan(value) else f"{100 * value:.0f} %" for share in shares for value in share.tolist()]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python experiments/sad_transfer/asked.py RUN")
    try:
        main(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(f"error: {error}")
