"""Adaptation of a trained voice to a minute of another speaker: the GPT stays, SoVITS learns how the speaker sounds.

The chain is that of a voice with these stages in the place of trainings: what is not adapted comes from the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.checkpoints.bundle import build, read_facts, read_weights, write_bundle
from sovits_lab.checkpoints.starter import base_folder
from sovits_lab.conditioning.speaker import knows_strangers
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.data.store import FeatureStore
from sovits_lab.provenance.cards import began_with
from sovits_lab.training.released import initial
from sovits_lab.training.sovits import TrainSovits
from sovits_lab.training.speaker import mean_vectors
from sovits_lab.types import got


def base_facts(base: str | None) -> dict[str, Any]:
    """Return the facts of a trained voice.

    Raises:
        InputError: none was named, or it is no voice of this project's own family.
    """
    return read_facts(base_folder(base), "voice", ("models", "symbols", "speakers", "emotions"))


class KeepPart:
    """Stage: hand on a part of the base as it is, as a bundle of its own.

    Args:
        base: the voice.
        part: "gpt" or "speaker".
    """

    resumable = False

    def __init__(self, part: str, base: str | None = None) -> None:
        if part not in ("gpt", "speaker"):
            raise got("part", part, "gpt or speaker")
        self.part, self.base = part, base

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Refuse a missing base before anything is computed; a corpus lacks nothing for it."""
        base_facts(self.base)
        return []

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `out/bundle`; for "speaker", which needs `inputs["features"]`, also `out/speakers.npz`."""
        facts = base_facts(self.base)
        folder = Path(str(self.base))
        model = build(facts["models"][self.part])
        prefix = f"{self.part}/"
        weights = read_weights(folder)
        model.load_state_dict({key.removeprefix(prefix): v for key, v in weights.items() if key.startswith(prefix)})
        own: dict[str, Any] = {"kind": self.part, "model": facts["models"][self.part]}
        if self.part == "gpt":
            own |= {"symbols": facts["symbols"], "emotions": facts["emotions"]["gpt"]}
        else:
            own |= {"audio": facts["audio"], "taught": facts.get("taught", len(facts["speakers"]))}
            vectors = speaker_vectors(model, FeatureStore(inputs["features"]), facts)
            np.savez(out / "speakers.npz", **vectors)  # type: ignore[arg-type]
        write_bundle(out / "bundle", {self.part: model}, {**own, **began_with(folder)})


def speaker_vectors(model: Any, store: FeatureStore, base: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the vectors of a store's speakers by the encoder of a base, whose facts are given; its own speakers keep
    theirs.

    Where the base knows few speakers a new vector means nothing to its models; there everybody begins with that of the
    nearest speaker whom they know, and training does the rest.
    """
    made = mean_vectors(model, store, store.select(["train"], ["emotional", "target"]))
    there = {name: np.asarray(one["vector"], dtype=np.float32) for name, one in base["speakers"].items()}
    known = {name: there[name] for name in made if name in there}
    if knows_strangers(base):
        return {**made, **known}
    nearest = {name: max(there.values(), key=lambda o: float(o @ vector)) for name, vector in made.items()}
    return {**nearest, **known}


@dataclass(kw_only=True)
class TuneSovits(TrainSovits):
    """Stage: go on with the base's SoVITS on another speaker; its architecture is that of the base.

    Args:
        init: the base.
        model: what is composed in its place where no base is named, for the checks of a configuration.
        others: see `TrainSovits`.
    """

    def __post_init__(self) -> None:
        if self.init is not None and (Path(self.init) / "bundle.json").is_file():
            self.model = dict(base_facts(self.init)["models"]["sovits"])
        super().__post_init__()

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what a corpus lacks, or that the base does.

        Raises:
            InputError: no base, or one that is no voice.
        """
        base_facts(self.init)
        initial(Path(str(self.init)), "sovits")
        return super().lacks(rows)
