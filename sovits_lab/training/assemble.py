"""Stage `bundle`: the trained parts of a run -> one bundle of kind "voice" that speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.checkpoints.bundle import build, load_parts, read_facts, write_bundle
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.models.accepts import accepted
from sovits_lab.provenance.cards import BASE, DATA_CARD, MODEL_CARD, data_card, model_card, summary_of
from sovits_lab.provenance.trace import MANIFEST
from sovits_lab.types import got

PARTS = ("gpt", "sovits", "speaker")


class AssembleBundle:
    """Put GPT, SoVITS and speaker encoder together with all that synthesis needs to know.

    Args:
        audio: node of the `AudioSpec`.
        frontend: node of the front end; a bundle names its class.
        sampling: node of the `Sampler` that is the bundle's default.
        variant: the experiment's name, for people.
        offered: name -> speaker of the training whom the voice speaks as by that name; None offers everybody of the
            corpus. Others have taught the voice how people differ, and are not in the bundle.
    """

    resumable = False

    def __init__(
        self,
        audio: Mapping[str, Any],
        frontend: Mapping[str, Any],
        sampling: Mapping[str, Any],
        variant: str,
        offered: Mapping[str, str] | None = None,
    ) -> None:
        self.audio, self.frontend, self.sampling, self.variant = audio, frontend, sampling, variant
        self.offered = offered
        build(sampling)  # a setting out of range would be refused by the voice, after all training

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell which offered speakers a corpus lacks."""
        strangers = sorted(set((self.offered or {}).values()) - {row.speaker for row in rows})
        return (
            [Lack(f"no speaker {', '.join(strangers)} to offer by name", "{key}=null", "offered")] if strangers else []
        )

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Assemble the voice: needs the stage folders of the parts, writes `out/voice`.

        Of the stage `corpus`, where it is given, the bundle gets the consent ids and two cards.
        """
        modules, facts = {}, {}
        for part in PARTS:
            folder = inputs[part] / "bundle"
            facts[part] = read_facts(folder, part)
            modules[part] = build(facts[part]["model"])
            load_parts(folder, {part: modules[part]})
        if facts["gpt"]["symbols"] != facts["sovits"]["symbols"]:
            raise got("bundle parts", "GPT and SoVITS with different symbol tables", "one table")
        summary = summary_of(inputs["corpus"] / MANIFEST) if "corpus" in inputs else None
        voices = facts["sovits"].get("voices", {})  # what an acoustic model makes of the speakers' clips
        with np.load(inputs["speaker"] / "speakers.npz", allow_pickle=False) as vectors:
            taught = list(vectors.files)
            offered = self.offered
            if offered is None:  # what a base rehearsed is not of the corpus
                offered = {name: name for name in taught if summary is None or name in summary.speakers}
            strangers = [name for name in offered.values() if name not in taught]
            if strangers:
                raise got("bundle.offered", strangers, f"speakers of the training: {', '.join(taught[:20])}")
            speakers = {
                name: {
                    "vector": vectors[who].tolist(),
                    "baseline": facts["sovits"]["baselines"][who],
                    **({"voice": voices[who]} if who in voices else {}),
                }
                for name, who in offered.items()
            }
        record = {
            "kind": "voice",
            "variant": self.variant,
            "audio": dict(self.audio),
            "frontend": dict(self.frontend),
            "sampling": dict(self.sampling),
            "symbols": facts["gpt"]["symbols"],
            "accepts": list(accepted(modules["gpt"], modules["sovits"])),
            "models": {part: facts[part]["model"] for part in PARTS},
            "emotions": {part: facts[part]["emotions"] for part in ("gpt", "sovits")},
            "speakers": speakers,
            "taught": facts["speaker"].get("taught", len(taught)),  # speakers of the training, in the bundle or not
        }
        bases = list({json.dumps(one, sort_keys=True): one for one in _bases(facts)}.values())
        cards, inherited = {}, {one for base in bases for one in base["consents"]}
        if summary is not None:
            record["consents"] = sorted(inherited.union(summary.consents))
            sizes = {part: sum(one.numel() for one in module.parameters()) for part, module in modules.items()}
            cards = {
                MODEL_CARD: model_card(self.variant, sizes, record, summary, bases),
                DATA_CARD: data_card(summary, bases),
            }
        write_bundle(out / "voice", modules, record, cards)


def _bases(facts: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one[BASE] for one in facts.values() if BASE in one]
