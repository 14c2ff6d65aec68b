"""The regularisers of a training stage, from its node: name -> node; the weight has the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import build
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.data.batches import Labels, SpeechBatch
from sovits_lab.losses.regulariser import Regulariser
from sovits_lab.types import got

# What a stage gives to a regulariser: the width of its vectors, and the number of classes of what it asks.
SUPPLIED = frozenset({"width", "classes"})


def build_regularisers(
    nodes: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float], widths: Mapping[str, int], labels: Labels
) -> nn.ModuleDict:
    """The regularisers whose weight is not 0, in the order of their nodes.

    Args:
        nodes: name of the loss -> node of a `Regulariser`.
        weights: of the stage.
        widths: name of vectors that the stage has -> their width.
        labels: the classes.

    Raises:
        InputError: a regulariser without a weight, of unknown vectors, about unknown labels, or none at all.
    """
    classes = {"emotion": len(labels.emotions), "speaker": len(labels.speakers)}
    made = nn.ModuleDict()
    for name, node in nodes.items():
        if name not in weights:
            raise got(f"weights.{name}", None, f"a number: regularisers.{name} needs a weight")
        if not weights[name]:
            continue
        of, what = str(node.get("of")), node.get("what")
        if of not in widths:
            raise got(f"regularisers.{name}.of", of, f"one of {', '.join(widths)}")
        if what is not None and what not in classes:
            raise got(f"regularisers.{name}.what", what, f"one of {', '.join(classes)}")
        made[name] = build(node, width=widths[of], classes=classes.get(what or ""))
        if not isinstance(made[name], Regulariser):
            raise got(f"regularisers.{name}._target_", node["_target_"], "a Regulariser")
    return made


def of_what_is_heard(nodes: Mapping[str, Mapping[str, Any]], encoder: ReferenceEncoder) -> dict[str, Mapping[str, Any]]:
    """Without those of what the encoder lacks.

    Of the style where no clip is heard, a constant: there is nothing to learn or to unlearn. Of frames where it shows
    none.
    """
    there = {"style": encoder.hears, "frames": encoder.frame_channels > 0}
    return {name: node for name, node in nodes.items() if there.get(str(node.get("of")), True)}


def facts_of(batch: SpeechBatch, style: Tensor) -> dict[str, Tensor]:
    """What GPT and SoVITS know of a batch."""
    return {"style": style, "speaker_vector": batch.speaker_vector, "emotion": batch.emotion, "speaker": batch.speaker}
