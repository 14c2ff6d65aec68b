"""Weights of a model in one that knows more: rows of phones and labels go by their names, new ones stay fresh; a model
that heard no style gets room for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sovits_lab.types import got


class Vocabularies(NamedTuple):
    """What rows of a model's tables stand for, in their order; empty where it has no such tables."""

    phones: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def grown(self, other: Vocabularies) -> Vocabularies:
        """Return the phones of the other, and our labels followed by what the other has besides."""
        return Vocabularies(other.phones, (*self.labels, *(name for name in other.labels if name not in self.labels)))

    def check(self, grown: Vocabularies, source: str) -> None:
        """Refuse phones that the grown vocabulary lacks: another front end would say other words with these weights.

        Raises:
            InputError: the names of some of them.
        """
        lost = sorted(set(self.phones) - set(grown.phones))
        if self.phones and grown.phones and lost:
            given = f"{len(self.phones)} phones, of which the front end lacks {', '.join(lost[:5])}"
            raise got(f"{source}: phones", given, "the front end that it was trained with, or one with more phones")


class AxisCounts(NamedTuple):
    """What an axis counts: a field of `Vocabularies`, as a number of blocks with a row for each name, one after the
    other.
    """

    vocabulary: str
    blocks: int


Axes = Mapping[str, Mapping[int, AxisCounts]]  # by parameter and axis
Shapes = Callable[[Vocabularies], Mapping[str, Sequence[int]]]


def axes_of(shapes: Shapes, known: Vocabularies) -> Axes:
    """Find which axes of which parameters count phones or labels, by asking for the shapes with one more of each."""
    plain = shapes(known)
    found: dict[str, dict[int, AxisCounts]] = {}
    for name, names in known._asdict().items():
        if not names:
            continue
        larger = shapes(known._replace(**{name: (*names, "\0")}))
        for key, shape in plain.items():
            for axis, (one, other) in enumerate(zip(shape, larger[key], strict=True)):
                if other > one:
                    found.setdefault(key, {})[axis] = AxisCounts(name, other - one)
    return found


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights by name."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def grow(
    weights: Mapping[str, Tensor], own: Mapping[str, Tensor], axes: Axes, old: Vocabularies, new: Vocabularies
) -> dict[str, Tensor]:
    """Return weights in the shapes of `own`: rows by name, those that the old model did not know as `own` has them.

    A table may begin with rows of its own, such as the blank of CTC, which stay in front. What differs in another axis
    is left as it is, to be refused where it is loaded.
    """
    made = dict(weights)
    for key in weights.keys() & axes.keys() & own.keys():
        for axis, counts in axes[key].items():
            before, after = getattr(old, counts.vocabulary), getattr(new, counts.vocabulary)
            if before:
                made[key] = _moved(made[key], own[key], axis, counts.blocks, before, after)
    return made


DEAF_STYLE = ("conditions.null.style", "conditions.scale.", "reference.")  # weights that mean nothing without a style


def with_style(
    weights: Mapping[str, Tensor], own: Mapping[str, Tensor], style_channels: int, behind: int
) -> dict[str, Tensor]:
    """Return weights of a model without a reference encoder in the shapes of one with one: what it says is the same
    until the style's columns, which begin at zero, are trained.

    What differs otherwise is left as it is, to be refused where it is loaded.

    Args:
        weights: of a model whose style was the one zero of `NoReference`.
        own: of the model that hears.
        style_channels: width of its style.
        behind: width of what follows the style in a joined condition.
    """
    made = {}
    for name, value in weights.items():
        if name.startswith(DEAF_STYLE):
            continue
        made[name] = value
        wanted = own.get(name)
        if wanted is None or value.ndim != 2 or wanted.shape == value.shape:
            continue
        first = value.shape[1] - behind - 1  # of the columns that knew only a zero
        if first >= 0 and wanted.shape == (len(value), value.shape[1] - 1 + style_channels):
            room = value.new_zeros(len(value), style_channels)
            made[name] = torch.cat([value[:, :first], room, value[:, first + 1 :]], dim=1)
    return made


def _moved(value: Tensor, own: Tensor, axis: int, blocks: int, before: Sequence[str], after: Sequence[str]) -> Tensor:
    ahead = value.shape[axis] - blocks * len(before)
    sizes = list(value.shape)
    sizes[axis] = ahead + blocks * len(after)
    if ahead < 0 or tuple(sizes) != tuple(own.shape):
        return value
    known = [name for name in after if name in before]
    source, target = list(range(ahead)), list(range(ahead))
    for block in range(blocks):
        source += [ahead + block * len(before) + before.index(name) for name in known]
        target += [ahead + block * len(after) + after.index(name) for name in known]
    filled = own.detach().clone().to(value.dtype)
    return filled.index_copy(axis, torch.tensor(target), value.index_select(axis, torch.tensor(source)))
