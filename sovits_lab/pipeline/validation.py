"""Check every `_target_` node against the signature of what it names, before any compute is spent."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from sovits_lab.pipeline.plan import suggestion
from sovits_lab.pipeline.value_checks import MARKERS, check_value, hints_of, is_plain
from sovits_lab.types import ArgumentsOf, InputError, got


class BuiltStage(NamedTuple):
    """A stage of a plan as it was built for the checks before any compute.

    Attributes:
        stage: the object.
        inputs: names of the stages whose folders it reads.
        folder: where its finished result lies, or will.
    """

    stage: Any
    inputs: Sequence[str]
    folder: Path


# What looks at all built stages together, with the configuration and its interpolations, and raises `InputError`.
PlanCheck = Callable[[Mapping[str, BuiltStage], Mapping[str, Any]], None]


def check_stage(name: str, node: Mapping[str, Any], raw: Mapping[str, Any], runtime: Mapping[str, Any]) -> Any:
    """Check a stage's node and all nodes below it, and build the stage (constructors do no work) for its own checks.

    A stage's class may say, as `supplies: frozenset[str]`, which arguments it gives to the models below it itself
    (numbers of symbols, say), so that it is no error when the config leaves them out or null; and as
    `reads: Mapping[str, str]`, argument -> a key that it takes for itself from the nodes in that argument.

    Args:
        name: of the stage.
        node: its resolved node, without `inputs` and `runtime`.
        raw: the whole configuration with its interpolations, to name a key where the user wrote it.
        runtime: fields of `Runtime`.

    Returns:
        The stage.

    Raises:
        InputError: an unknown key, a missing argument, a value of another type, a target that cannot be imported;
            the message names the key.
    """
    path = f"stages.{name}"
    stage = locate(node["_target_"], origin(f"{path}._target_", raw))
    if not callable(getattr(stage, "run", None)):
        raise got(f"{path}._target_", node["_target_"], "a class with run(inputs, out, report)")
    supplied = frozenset(getattr(stage, "supplies", ()))
    reads = getattr(stage, "reads", {})
    nodes = [(node, path, frozenset({"runtime"}))]
    for key in node:
        below = nodes_below(_without(node[key], reads.get(key)), f"{path}.{key}")
        nodes += [(inner, where, supplied) for where, inner in below]
    for one in nodes:
        check_node(*one, raw)
    try:
        built = build_stage(stage, node, runtime)
    except Exception as error:
        # A refusal of ours says more of a list or a mapping than its type does; Python's own words say less.
        if not isinstance(error, InputError) or error.__cause__ is not None:
            check_contents(nodes, raw)
        if isinstance(error, TypeError | ValueError):
            raise InputError(f"{path}: {error}") from error
        raise
    check_contents(nodes, raw)
    return built


def build_stage(stage: Any, node: Mapping[str, Any], runtime: Mapping[str, Any]) -> Any:
    """Call a stage's constructor; nodes below it stay plain dicts, for the stage to build when it knows its data."""
    arguments = {key: value for key, value in node.items() if key not in MARKERS}
    if "runtime" in inspect.signature(stage).parameters:
        arguments["runtime"] = dict(runtime)
    return stage(**arguments)


def origin(path: str, raw: Mapping[str, Any]) -> str:
    """Return where the user wrote a value: `stages.train.model.width`, with `model: ${sovits}`, is `sovits.width`."""
    parts = path.split(".")
    node: Any = raw
    shown: list[str] = []
    for index, part in enumerate(parts):
        if not isinstance(node, Mapping) or part not in node:
            return ".".join(shown + parts[index:])
        node = node[part]
        shown.append(part)
        while isinstance(node, str) and (link := re.fullmatch(r"\$\{(\w[\w.]*)\}", node)):
            shown = link.group(1).split(".")
            node = raw
            for key in shown:
                node = node[key]
    return ".".join(shown)


def check_node(
    node: Mapping[str, Any], path: str, supplied: Collection[str] = (), raw: Mapping[str, Any] | None = None
) -> None:
    """Check the keys and the plain values of one node; `supplied` are arguments that come at run time."""

    def where(key: str) -> str:
        return origin(f"{path}.{key}", raw or {})

    target = locate(node["_target_"], where("_target_"))
    _refuse_dangerous(node["_target_"], where("_target_"))
    named = _check_keys(target, node["_target_"], node, where, supplied)
    hints = hints_of(target)
    for key in named:
        if key not in node or (node[key] is None and key in supplied):
            continue
        hint = hints.get(key)
        if is_plain(hint):
            check_value(where(key), node[key], hint, _check_arguments)
        elif node[key] is None and inspect.isclass(hint):  # an object, never left out
            group = where(key)
            choose = "" if "." in group else f"; choose one by {group}=NAME"
            raise got(group, None, f"a {hint.__name__}: {node['_target_']} requires it{choose}")


def _refuse_dangerous(target: str, path: str) -> None:
    """Refuse now what Hydra would refuse when the stage builds the node: what is partial is looked at, not called."""
    try:
        instantiate({"_target_": target, "_partial_": True})
    except InstantiationException as error:
        reason = " ".join(str(error).partition("\nfull_key")[0].split())
        raise got(path, target, f"a class that makes what the key asks for ({reason})") from error


def _check_keys(
    target: Any, name: str, node: Mapping[str, Any], where: Callable[[str], str], supplied: Collection[str]
) -> Collection[str]:
    """Refuse unknown and missing keyword arguments; returns the known ones, none of a builtin without a signature."""
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return ()
    named = {
        key: p for key, p in parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD) and key != "self"
    }
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for key in node:
            if key not in named and key not in MARKERS:
                free = [one for one in named if one not in supplied]
                expected = f"a parameter of {name}: {', '.join(free) or 'it takes none'}"
                raise got(where(key), node[key], expected + suggestion(key, free))
    if not node.get("_partial_"):
        for key, parameter in named.items():
            if parameter.default is parameter.empty and key not in node and key not in supplied:
                raise got(where(key), None, f"a value: {name} requires it")
    return named


def check_contents(nodes: Iterable[tuple[Mapping[str, Any], str, frozenset[str]]], raw: Mapping[str, Any]) -> None:
    """Check lists and mappings, and what is in them, against the signatures of the nodes' targets."""
    for node, path, supplied in nodes:
        hints = hints_of(locate(node["_target_"], path))
        for key, value in node.items():
            if key in hints and not (value is None and key in supplied):
                check_value(origin(f"{path}.{key}", raw), value, hints[key], _check_arguments)


def locate(target: str, path: str) -> Any:
    """Import the object that a dotted path names.

    Raises:
        InputError: naming `path`, when the module or the attribute does not exist.
    """
    parts = target.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:end])
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and (module_name + ".").startswith(error.name + "."):
                continue  # the module itself is not there: its parent may hold a class of that name
            raise got(path, target, f"an importable class; its module needs the package {error.name!r}") from error
        for attribute in parts[end:]:
            if not hasattr(found, attribute):
                hint = suggestion(attribute, dir(found))
                raise got(path, target, f"an importable class; {module_name} has no {attribute!r}{hint}")
            found = getattr(found, attribute)
        return found
    raise got(path, target, "the dotted path of an importable class")


def nodes_below(value: object, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping with a `_target_` in a value, the value itself included, and where it stands."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield path, value
        for key, inner in value.items():
            yield from nodes_below(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from nodes_below(inner, f"{path}[{index}]")


def _without(value: Any, key: str | None) -> Any:
    """Return a mapping of nodes, each without this key."""
    if key is None or not isinstance(value, Mapping):
        return value
    return {
        name: {word: one for word, one in node.items() if word != key} if isinstance(node, Mapping) else node
        for name, node in value.items()
    }


def _check_arguments(path: str, values: Any, of: ArgumentsOf) -> None:
    """Check a mapping, of keyword arguments without a `_target_`, as the node of one."""
    hints = hints_of(of.target)
    for key in of.supplied:
        if key in values:
            raise got(f"{path}.{key}", values[key], "nothing: it comes at run time")
    for key in _check_keys(of.target, of.target.__name__, values, lambda key: f"{path}.{key}", of.supplied):
        if key in values and key in hints:
            check_value(f"{path}.{key}", values[key], hints[key], _check_arguments)
