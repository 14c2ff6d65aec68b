"""The losses of a training stage as its node declares them: each once, with its weight."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
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
WEIGHT = "weight"  # in the node of a regulariser, beside what its class takes

# As a configuration writes them: name -> weight of a loss that the model has, or node of a regulariser and its weight.
Losses = Mapping[str, float | Mapping[str, Any]]


@dataclass(frozen=True)
class DeclaredLosses:
    """The losses that a stage's configuration declares.

    Attributes:
        weights: of all losses, by name; 0 switches one off.
        regularisers: name of the loss -> node of a `Regulariser`, without its weight.
    """

    weights: Mapping[str, float]
    regularisers: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, losses: Losses) -> DeclaredLosses:
        """Read what a configuration says.

        Raises:
            InputError: a node without a class or a weight, or a weight that is no number of at least 0.
        """
        weights: dict[str, Any] = {}
        regularisers: dict[str, Mapping[str, Any]] = {}
        for name, declared in losses.items():
            key, weights[name] = f"losses.{name}", declared
            if isinstance(declared, Mapping):
                key, weights[name] = f"{key}.{WEIGHT}", declared.get(WEIGHT)
                regularisers[name] = {word: value for word, value in declared.items() if word != WEIGHT}
                if "_target_" not in declared:
                    nodes = [other for other in losses if other != name]
                    expected = "a number, or a node with weight and _target_" + suggestion(name, nodes)
                    raise got(f"losses.{name}", dict(declared), expected)
            weight = weights[name]
            if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight < float("inf"):
                raise got(key, weight, "a number of at least 0; 0 switches the loss off")
        return cls(weights, regularisers)

    def check(
        self,
        own: Iterable[str],
        vectors: Collection[str] = (),
        model: Mapping[str, Any] | None = None,
        optional: Iterable[str] = (),
    ) -> None:
        """Check that every loss is declared and every name is a loss: a slip would change and say nothing.

        Of what is only known with the data (the classes, the widths) `build` judges.

        Args:
            own: losses that the stage always has.
            vectors: what the stage's regularisers may be of.
            model: node of one with a reference encoder, which may have losses of its own; those of `vae` are weighed
                by default, whichever encoder there is.
            optional: losses that the stage has with some settings.

        Raises:
            InputError: naming the loss.
        """
        always = [*own]
        for name in always:
            if name not in self.weights:
                raise got(f"losses.{name}", None, "its weight, a number: the model has this loss")
        of_encoders = () if model is None else (*VaeReference.own_losses, *_own_losses(model))
        known = list(dict.fromkeys([*always, *optional, *of_encoders]))
        for name in self.weights:
            if name not in self.regularisers and name not in known:
                ours = f"one of the losses {', '.join(known)}, or" if known else "none of the model's own, but"
                expected = f"{ours} a regulariser: a node with weight and _target_"
                raise got(f"losses.{name}", self.weights[name], expected + suggestion(name, known))
        for name, node in self.regularisers.items():
            if name in known:
                raise got(f"losses.{name}", node["_target_"], "another name: the model has a loss so named")
            for key, allowed in (("input", vectors), ("target", CLASSES)):
                if node.get(key) is not None and node[key] not in allowed:
                    raise got(f"losses.{name}.{key}", node[key], f"one of {', '.join(allowed)}")

    def build(
        self, widths: Mapping[str, int], labels: Labels, encoder: ReferenceEncoder | None = None
    ) -> nn.ModuleDict:
        """Return the regularisers whose weight is not 0, in the order of the configuration.

        Args:
            widths: name of vectors that the stage has -> their width.
            labels: the classes.
            encoder: leaves out those of what it lacks; None has everything.

        Raises:
            InputError: a regulariser of unknown vectors, about unknown labels, or none at all.
        """
        classes = dict(zip(CLASSES, (len(labels.emotions), len(labels.speakers)), strict=True))
        made = nn.ModuleDict()
        for name, node in self.of(encoder).items():
            of, what = str(node.get("input")), node.get("target")
            if of not in widths:
                raise got(f"losses.{name}.input", of, f"one of {', '.join(widths)}")
            if what is not None and what not in classes:
                raise got(f"losses.{name}.target", what, f"one of {', '.join(classes)}")
            made[name] = build(node, width=widths[of], classes=classes.get(what or ""))
            if not isinstance(made[name], Regulariser):
                raise got(f"losses.{name}._target_", node["_target_"], "a Regulariser")
        return made

    def of(self, encoder: ReferenceEncoder | None) -> dict[str, Mapping[str, Any]]:
        """Return the nodes of the regularisers that have something to look at and a weight above 0."""
        silent = () if encoder is None else self.not_shown(encoder)
        return {n: node for n, node in self.regularisers.items() if self.weights[n] and n not in silent}

    def not_shown(self, encoder: ReferenceEncoder) -> list[str]:
        """Return the names of the regularisers of what the encoder lacks.

        Of the style where no clip is heard, a constant: there is nothing to learn or to unlearn. Of frames where it
        shows none.
        """
        there = {"style": encoder.takes_clips, "frames": encoder.frame_channels > 0}
        return [name for name, node in self.regularisers.items() if not there.get(str(node.get("input")), True)]


def facts_of(batch: SpeechBatch, style: Tensor) -> dict[str, Tensor]:
    """Return what GPT and SoVITS know of a batch."""
    return {"style": style, "speaker_vector": batch.speaker_vector, "emotion": batch.emotion, "speaker": batch.speaker}


def _own_losses(node: Any) -> Iterator[str]:
    """What the reference encoders within a model's node say that they add."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield from getattr(allowed_class(node["_target_"]), "own_losses", ())
        for inner in node.values():
            yield from _own_losses(inner)
