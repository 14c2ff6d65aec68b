"""Native bundles, and building objects from plain configuration without trusting it.

A bundle is a folder: `model.safetensors` (tensors, prefixed by part) + `bundle.json` (parts' configurations, symbol
table, audio, speakers, provenance). Loading runs no pickle, no Hydra and no class outside the allow-list.
"""

from __future__ import annotations

import inspect
import itertools
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_lab.files import MOST_TEXT, regular_file
from sovits_lab.plugins import VARIABLE, class_below, is_below, packages_of, trusted_prefixes
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from torch import nn

# Packages whose classes a configuration or a bundle may name. Nothing in them acts on construction.
ALLOWED = (
    "sovits_lab.audio.",
    "sovits_lab.text.",
    "sovits_lab.content.",
    "sovits_lab.conditioning.",
    "sovits_lab.losses.",
    "sovits_lab.models.",
    "sovits_lab.nn.",
    "sovits_lab.quantization.",
)
FORMAT = 1
WEIGHTS = "model.safetensors"
MOST_PARTS = 20_000  # layers of all kinds; the released models have about a thousand
# What bundles of this format were written with before -> its name today.
OLDER_KEYS = {"site": "style_sites"}
OLDER_CLASSES = {"sovits_lab.conditioning.conditions.Site": "sovits_lab.conditioning.conditions.StyleSites"}


def build(node: Mapping[str, Any], **runtime: Any) -> Any:
    """Construct the object that `node["_target_"]` names, children first.

    Args:
        node: `_target_` plus keyword arguments; nested nodes with `_target_` are built too.
        runtime: arguments that are only known now, such as the size of a symbol table. They reach every class in the
            tree whose signature has the name and whose node does not set it.

    Raises:
        InputError: a target outside the allow-list, or arguments that do not fit.
    """
    target = node.get("_target_", "")
    cls = allowed_class(target)
    arguments = {k: _build_value(v, runtime) for k, v in node.items() if k != "_target_"}
    wanted = inspect.signature(cls).parameters
    arguments |= {k: v for k, v in runtime.items() if k in wanted and arguments.get(k) is None}
    try:
        return cls(**arguments)
    except InputError:
        raise
    except (
        TypeError,
        ValueError,
        AssertionError,
        RuntimeError,
        AttributeError,
        LookupError,
    ) as error:  # what constructors say of bad arguments
        raise InputError(f"{target}: {error or 'the arguments do not fit together'}") from error


@contextmanager
def few_parts() -> Iterator[None]:
    """Refuse to build what has more than `MOST_PARTS` layers: a number in a file that was found may ask for billions.

    Raises:
        InputError: inside, once there are too many.
    """
    from torch.nn.modules.module import register_module_module_registration_hook

    here, count = threading.get_ident(), itertools.count(1)

    def counted(module: nn.Module, name: str, part: nn.Module | None) -> None:
        if threading.get_ident() == here and next(count) > MOST_PARTS:
            raise InputError(f"the model has more than {MOST_PARTS} layers; a number in its file is out of range")

    hook = register_module_module_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()


def _build_value(value: Any, runtime: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return (
            build(value, **runtime) if "_target_" in value else {k: _build_value(v, runtime) for k, v in value.items()}
        )
    return tuple(_build_value(v, runtime) for v in value) if isinstance(value, list | tuple) else value


def allowed_class(target: object) -> type:
    """Return the class of a dotted name, if its package is on the allow-list."""
    if not isinstance(target, str):
        raise got("_target_", target, "the dotted name of a class")
    foreign = trusted_prefixes()
    allowed = (*ALLOWED, *foreign)
    if not is_below(target, allowed):
        raise got("_target_", target, f"a class of {packages_of(allowed)}; {VARIABLE}=NAME adds a package of your own")
    return class_below(target, ("sovits_lab.", *foreign))


def write_bundle(
    folder: Path,
    parts: Mapping[str, Any],
    facts: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    small: bool = False,
) -> None:
    """Save modules (name -> nn.Module), facts and texts (file name -> content); the folder appears when it is whole.

    A bundle that is already there is replaced: a stage killed after writing it writes it again. With `small` large
    tensors are kept in 8 bits (`compact`).

    Raises:
        InputError: the disk does not take it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from sovits_lab.checkpoints.compact import compact

    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    tensors = {
        f"{part}/{key}": value.detach().cpu().contiguous().clone()
        for part, module in parts.items()
        for key, value in module.state_dict().items()
    }
    record = json.dumps({"format": FORMAT, **facts}, ensure_ascii=False, indent=1)
    try:
        for left_over in folder.parent.glob(f".{folder.name}.*.partial"):
            shutil.rmtree(left_over)
        partial.mkdir(parents=True)
        save_file(compact(tensors) if small else tensors, partial / WEIGHTS)
        for name, text in {**(texts or {}), "bundle.json": record}.items():
            (partial / name).write_text(text, encoding="utf-8")
        # safetensors keeps its files to their owner; a voice is for whoever may read the record beside it
        (partial / WEIGHTS).chmod((partial / "bundle.json").stat().st_mode)
        if (folder / "bundle.json").is_file():
            shutil.rmtree(folder)
        partial.rename(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(f"bundle {folder}: cannot be written ({error})") from error


def bundle_folder(folder: Path) -> Path:
    """Return the bundle of a run or stage folder, or the folder itself where it is one.

    Raises:
        InputError: neither.
    """
    inside = folder / "bundle"
    found = inside if (inside / "bundle.json").is_file() else folder
    if not (found / "bundle.json").is_file():
        raise got("bundle", folder, "a folder with bundle.json and model.safetensors")
    return found


def read_facts(folder: Path, kind: str, needs: Sequence[str] = ()) -> dict[str, Any]:
    """Read `bundle.json` of a bundle of this kind ("content", "speaker", "gpt", "sovits", "voice").

    Args:
        folder: the bundle.
        kind: what it must be.
        needs: keys that must be there.

    Raises:
        InputError: not a bundle, another format, a bundle of another kind, or a key is missing.
    """
    path = folder / "bundle.json"
    if not path.is_file():
        raise got("bundle", folder, "a folder with bundle.json and model.safetensors")
    try:
        facts = json.loads(regular_file(path, "bundle", MOST_TEXT).read_text(encoding="utf-8"))
    except InputError:
        raise
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"bundle {path}: is not readable JSON ({error})") from error
    if not isinstance(facts, dict):
        raise got(f"bundle {path}", type(facts).__name__, "a JSON object")
    if facts.get("format") != FORMAT:
        raise got(f"bundle {path}: format", facts.get("format"), str(FORMAT))
    if facts.get("kind") != kind:
        raise got(f"bundle {folder}: kind", facts.get("kind"), kind)
    if missing := [key for key in needs if key not in facts]:
        raise got(f"bundle {path}", f"no key {missing[0]}", f"the keys {', '.join(needs)}")
    return {key: _with_new_names(value) for key, value in facts.items()}


def _with_new_names(value: Any) -> Any:
    """Give the nodes within a bundle's facts the names that classes and arguments have today."""
    if isinstance(value, list):
        return [_with_new_names(one) for one in value]
    if not isinstance(value, dict):
        return value
    target = value.get("_target_")
    keys = OLDER_KEYS if target else {}
    inner = {keys.get(key, key): _with_new_names(one) for key, one in value.items()}
    return {**inner, "_target_": OLDER_CLASSES.get(target, target)} if isinstance(target, str) else inner


def read_weights(folder: Path) -> dict[str, Any]:
    """Return the tensors of a bundle by name, those that are kept in 8 bits as float32.

    Raises:
        InputError: the file cannot be read, or does not fit together.
    """
    from sovits_lab.checkpoints.compact import expanded
    from sovits_lab.weights.tensors import read_safetensors

    return expanded(read_safetensors(folder / WEIGHTS, "bundle"))


def load_parts(folder: Path, modules: Mapping[str, Any]) -> None:
    """Fill modules (name -> nn.Module) from `model.safetensors`, strictly: every key is used, no value is NaN.

    Raises:
        InputError: unreadable file, missing or surplus keys, other shapes or kinds of numbers, non-finite weights.
    """
    from sovits_lab.weights.tensors import require_like

    path = folder / WEIGHTS
    tensors = read_weights(folder)
    if foreign := sorted(key for key in tensors if key.partition("/")[0] not in modules):
        raise got(f"bundle {path}: keys", foreign[0], f"keys of the parts {', '.join(modules)}")
    for name, module in modules.items():
        prefix = f"{name}/"
        own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        expected = module.state_dict()
        if missing := sorted(expected.keys() - own.keys()):
            raise got(f"bundle {path}: keys of {name}", f"no {missing[0]} (and {len(missing) - 1} more)", "all keys")
        if surplus := sorted(own.keys() - expected.keys()):
            raise got(f"bundle {path}: keys of {name}", f"unknown {surplus[0]} (and {len(surplus) - 1} more)", "none")
        for key, value in own.items():
            require_like(value, expected[key], f"bundle {path}: {name}/{key}")
        module.load_state_dict(own)
