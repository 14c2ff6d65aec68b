"""The regularisers of a training stage, from its node: name -> node; the weight has the same name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import allowed_class, build
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.conditioning.vae import VaeReference
from sovits_lab.data.batches import Labels, SpeechBatch
from sovits_lab.losses.regulariser import Regulariser
from sovits_lab.pipeline.plan import suggestion
from sovits_lab.types import got

CLASSES = ("emotion", "speaker")  # what a regulariser may ask
# What a stage gives to a regulariser: the width of its vectors, and the number of classes of what it asks.
SUPPLIED = frozenset({"width", "classes"})


def check_weights(
    weights: Mapping[str, float],
    own: Iterable[str],
    regularisers: Mapping[str, Mapping[str, Any]] | None = None,
    vectors: Collection[str] = (),
    model: Mapping[str, Any] | None = None,
    optional: Iterable[str] = (),
) -> None:
    """Check that every loss has a weight and every weight a loss: a slip in a name would change and say nothing.

    Of what is only known with the data (the classes, the widths) `build_regularisers` judges.

    Args:
        weights: of the stage.
        own: losses that the stage always has.
        regularisers: name of the loss -> node of a `Regulariser`.
        vectors: what the stage's regularisers may be of.
        model: node of one with a reference encoder, which may have losses of its own; those of `vae` are weighed by
            default, whichever encoder there is.
        optional: losses that the stage has with some settings.

    Raises:
        InputError: naming the weight or the regulariser.
    """
    always = [*own, *(regularisers or {})]
    for name in always:
        if name not in weights:
            raise got(f"weights.{name}", None, "a number: the loss is there")
    of_encoders = () if model is None else (*VaeReference.own_losses, *_own_losses(model))
    known = list(dict.fromkeys([*always, *optional, *of_encoders]))
    for name, weight in weights.items():
        if name not in known:
            expected = f"one of the losses {', '.join(known)}" if known else "none: no loss here is weighed"
            raise got(f"weights.{name}", weight, expected + suggestion(name, known))
        if isinstance(weight, int | float) and not 0 <= weight < float("inf"):  # of other types the signature speaks
            raise got(f"weights.{name}", weight, "a number of at least 0")
    for name, node in (regularisers or {}).items():
        for key, allowed in (("input", vectors), ("target", CLASSES)):
            if node.get(key) is not None and node[key] not in allowed:
                raise got(f"regularisers.{name}.{key}", node[key], f"one of {', '.join(allowed)}")


def _own_losses(node: Any) -> Iterator[str]:
    """What the reference encoders within a model's node say that they add."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield from getattr(allowed_class(node["_target_"]), "own_losses", ())
        for inner in node.values():
            yield from _own_losses(inner)


def build_regularisers(
    nodes: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float], widths: Mapping[str, int], labels: Labels
) -> nn.ModuleDict:
    """Return the regularisers whose weight is not 0, in the order of their nodes.

    Args:
        nodes: name of the loss -> node of a `Regulariser`.
        weights: of the stage, see `check_weights`.
        widths: name of vectors that the stage has -> their width.
        labels: the classes.

    Raises:
        InputError: a regulariser of unknown vectors, about unknown labels, or none at all.
    """
    classes = dict(zip(CLASSES, (len(labels.emotions), len(labels.speakers)), strict=True))
    made = nn.ModuleDict()
    for name, node in nodes.items():
        if not weights[name]:
            continue
        of, what = str(node.get("input")), node.get("target")
        if of not in widths:
            raise got(f"regularisers.{name}.input", of, f"one of {', '.join(widths)}")
        if what is not None and what not in classes:
            raise got(f"regularisers.{name}.target", what, f"one of {', '.join(classes)}")
        made[name] = build(node, width=widths[of], classes=classes.get(what or ""))
        if not isinstance(made[name], Regulariser):
            raise got(f"regularisers.{name}._target_", node["_target_"], "a Regulariser")
    return made


def of_what_is_heard(nodes: Mapping[str, Mapping[str, Any]], encoder: ReferenceEncoder) -> dict[str, Mapping[str, Any]]:
    """Leave out the regularisers of what the encoder lacks.

    Of the style where no clip is heard, a constant: there is nothing to learn or to unlearn. Of frames where it shows
    none.
    """
    there = {"style": encoder.hears, "frames": encoder.frame_channels > 0}
    return {name: node for name, node in nodes.items() if there.get(str(node.get("input")), True)}


def facts_of(batch: SpeechBatch, style: Tensor) -> dict[str, Tensor]:
    """Return what GPT and SoVITS know of a batch."""
    return {"style": style, "speaker_vector": batch.speaker_vector, "emotion": batch.emotion, "speaker": batch.speaker}
