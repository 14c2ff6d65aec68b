"""Facts of a bundle, checked before anything is built of them: a file that was found may hold anything."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from sovits_lab.audio.baseline import Baseline
from sovits_lab.checkpoints.bundle import allowed_class
from sovits_lab.conditioning.conditions import SPEAKER
from sovits_lab.inference.styles import Means
from sovits_lab.inference.voice import Speaker
from sovits_lab.models.sovits.acoustic import PART_OF, SoVits
from sovits_lab.pipeline.value_checks import check_value, hints_of, options_of
from sovits_lab.types import got

MOST = 200_000  # of any number of models and audio: none of a real voice is larger than a rate in Hz
OBJECTS = ("torch.", "sovits_lab.")  # modules of classes whose objects a node stands for
LARGEST = 1e6  # of a number in a vector or a baseline
Styles = Mapping[str, Mapping[str, list[float]]]  # part -> emotion -> mean style


def check_nodes(value: Any, where: str) -> None:
    """Check the numbers of nodes with `_target_`, and the types of their arguments.

    Raises:
        InputError: a number that would ask for more memory than there is, or is not finite; a class outside the
            allow-list; an argument of another type than its class takes.
    """
    if isinstance(value, int | float) and not -math.inf < value <= MOST:
        raise got(where, value, f"at most {MOST}")
    if isinstance(value, Mapping):
        if "_target_" in value:
            hints = hints_of(allowed_class(value["_target_"]))
            for name, one in value.items():
                if name in hints:
                    check_value(f"{where}.{name}", one, hints[name])
                    _check_object(one, hints[name], f"{where}.{name}")
        inner = [(str(name), one) for name, one in value.items()]
    else:
        inner = [(str(i), one) for i, one in enumerate(value)] if isinstance(value, list) else []
    for name, one in inner:
        check_nodes(one, f"{where}.{name}")


def _check_object(value: Any, hint: Any, where: str) -> None:
    """Refuse another thing than a node where a class takes an object."""
    if isinstance(value, Mapping) and "_target_" in value:
        return
    options = options_of(hint)
    objects = [kind for kind in options if inspect.isclass(kind) and kind.__module__.startswith(OBJECTS)]
    others = [kind for kind in options if kind not in objects and kind is not type(None)]
    left_out = value is None and type(None) in options
    if objects and not others and not left_out:
        raise got(where, value, f"a node with _target_, of a {' or '.join(kind.__name__ for kind in objects)}")


def check_node(value: Any, where: str) -> None:
    """Check one node as `check_nodes`.

    Raises:
        InputError: it is no node, or as `check_nodes`.
    """
    if "_target_" not in _mapping(value, where):
        raise got(where, sorted(map(str, value)), "a node with _target_ and its arguments")
    check_nodes(value, where)


def check_models(value: Any, where: str) -> None:
    """Check the nodes of a voice's models.

    Raises:
        InputError: one of the two models that speak is missing, or as `check_node`.
    """
    if missing := {"gpt", "sovits"} - _mapping(value, where).keys():
        raise got(where, sorted(map(str, value)), f"also {min(missing)}")
    for part, node in value.items():
        check_node(node, f"{where}.{part}")


def check_widths(
    speakers: Mapping[str, Speaker], means: Mapping[str, Means], models: Mapping[str, Any], where: str
) -> None:
    """Compare vectors of speakers and mean styles with the models that take them.

    Args:
        speakers, means: of the bundle.
        models: `gpt` and `sovits`, each with its node and its module.
        where: names the bundle.

    Raises:
        InputError: a vector of another length than a model takes.
    """
    for part, (node, module) in models.items():
        for name, one in speakers.items():
            if len(one.vector) != node.get("speaker_channels", len(one.vector)):
                expected = f"the {node['speaker_channels']} numbers that {part} takes"
                raise got(f"{where}: speakers.{name}.vector", f"{len(one.vector)} numbers", expected)
        for label, mean in means.items():
            found, width = len(getattr(mean, part)), module.style_encoder.out_channels
            if found != width:
                expected = f"the {width} numbers that {part} takes"
                raise got(f"{where}: emotions.{part}.{label}", f"{found} numbers", expected)


def check_sites(node: Mapping[str, Any], model: Any, where: str) -> None:
    """Compare the parts that hear the style with the widths that the parts of a SoVITS of ours were built for.

    Args:
        node: of the model.
        model: built from it.
        where: names the node.

    Raises:
        InputError: `style_sites` gives a part another number of conditions than it takes.
    """
    if not isinstance(model, SoVits):
        return
    conditioner = model.conditions
    wanted = {(slot, "condition_channels"): conditioner.channels(part) for slot, part in PART_OF.items()}
    wanted["prior", "prosody_channels"] = conditioner.channels("prosody") - conditioner.widths[SPEAKER]
    for (slot, key), given in wanted.items():
        if (taken := node[slot].get(key, given)) != given:
            parts = ", ".join(conditioner.style_sites.parts) or "none"
            expected = f"those of the training: with these, {slot} would hear {given} numbers and takes {taken} ({key})"
            raise got(f"{where}.style_sites.parts", parts, expected)


def read_speakers(value: Any, where: str, place: torch.device) -> dict[str, Speaker]:
    """Return the speakers of a bundle by name.

    Raises:
        InputError: what is there are no vectors of one length, or no baselines.
    """
    speakers = {}
    for name, one in _mapping(value, where).items():
        of, own = f"{where}.{name}", _mapping(one, f"{where}.{name}")
        baseline = _numbers(own.get("baseline"), f"{of}.baseline")
        if len(baseline) != len(Baseline._fields):
            raise got(f"{of}.baseline", f"{len(baseline)} numbers", f"the numbers {', '.join(Baseline._fields)}")
        acoustic = torch.tensor(_numbers(own["voice"], f"{of}.voice"), device=place) if "voice" in own else None
        vector = torch.tensor(_numbers(own.get("vector"), f"{of}.vector"))
        speakers[str(name)] = Speaker(vector, Baseline(*baseline), acoustic)
    if len(lengths := sorted({len(one.vector) for one in speakers.values()})) > 1:
        raise got(where, f"vectors of {lengths} numbers", "vectors of one length")
    return speakers


def read_means(value: Any, where: str) -> dict[str, Means]:
    """Return the mean styles of a bundle's labels; none where it has none.

    Raises:
        InputError: a label without a vector for each part.
    """
    if not value:
        return {}
    parts = {
        part: {
            label: torch.tensor(_numbers(mean, f"{where}.{part}.{label}"))
            for label, mean in _mapping(_mapping(value, where).get(part), f"{where}.{part}").items()
        }
        for part in ("gpt", "sovits")
    }
    if parts["gpt"].keys() != parts["sovits"].keys():
        raise got(where, f"{sorted(parts['gpt'])} and {sorted(parts['sovits'])}", "the same labels in gpt and sovits")
    return {label: Means(parts["gpt"][label], parts["sovits"][label]) for label in parts["gpt"]}


def read_words(value: Any, where: str) -> Sequence[str]:
    """Return a list of words.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise got(where, value, "a list of words")
    return value


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise got(where, value, "a mapping from names")
    return value


def _numbers(value: Any, where: str) -> list[float]:
    if not isinstance(value, list):
        raise got(where, value, "a list of numbers")
    for index, one in enumerate(value):
        if isinstance(one, bool) or not isinstance(one, int | float) or not abs(one) <= LARGEST:
            raise got(f"{where}.{index}", one, f"a number of at most {LARGEST:g} in size")
    return [float(one) for one in value]
