"""Upstream checkpoints as a native bundle and back: the same tensors, bit for bit, under our names."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import build, load_parts, read_facts, write_bundle
from sovits_lab.checkpoints.names import NameTable, discriminator_names, gpt_names, inverse, sovits_names
from sovits_lab.checkpoints.upstream_file import SYMBOLS, WRITTEN_HEADERS, UpstreamFile
from sovits_lab.checkpoints.upstream_state import discriminator_from, gpt_from, node_of, sovits_from
from sovits_lab.files import write_whole
from sovits_lab.types import got

KIND = "upstream"
SAMPLE_RATE = 32_000
NAMES = {"gpt": gpt_names, "sovits": sovits_names, "discriminator": discriminator_names}


class UpstreamBundle(NamedTuple):
    """What a bundle of this kind holds: modules by part, and its facts."""

    parts: dict[str, nn.Module]
    facts: dict[str, Any]


def _check_pair(gpt: UpstreamFile, sovits: UpstreamFile) -> None:
    """Both stages must read the same phones."""
    table = "v1" if sovits.version == "v1" else "v2"
    if gpt.version != table:
        expected = f"one for the {SYMBOLS[table]} symbols of {sovits.path.name} ({sovits.version})"
        raise got(f"{gpt.path}: symbol table", f"a GPT of {gpt.version}", expected)


def convert(
    gpt: UpstreamFile | None, sovits: UpstreamFile | None, out: Path, discriminator: UpstreamFile | None = None
) -> UpstreamBundle:
    """Write a bundle of the given parts; tensors keep their precision.

    Raises:
        InputError: a part does not fit its model, the parts do not fit each other, or `out` exists.
    """
    if out.exists():
        raise got("bundle", out, "a path that does not exist yet")
    if gpt is not None and sovits is not None:
        _check_pair(gpt, sovits)
    files = {"gpt": gpt, "sovits": sovits, "discriminator": discriminator}
    given = {part: file for part, file in files.items() if file is not None}
    if not given:
        raise got("convert", "no file", "a GPT, a SoVITS or both")
    modules: dict[str, nn.Module] = {}
    for part, file in given.items():
        source = str(file.path)
        if part == "discriminator":
            modules[part] = discriminator_from(file.tensors, source, keep_dtype=True)
        else:
            modules[part] = (gpt_from if part == "gpt" else sovits_from)(
                file.tensors, file.model, source, keep_dtype=True
            )
    version = (sovits or gpt or discriminator).version  # type: ignore[union-attr]
    facts = {
        "kind": KIND,
        "version": version,
        "symbols": "v1" if version == "v1" else "v2",
        "sample_rate": SAMPLE_RATE,
        "parts": {part: node_of(part, file.tensors, file.model) for part, file in given.items()},
        "upstream": {part: {"config": file.config, "info": file.info} for part, file in given.items()},
    }
    _make_folder(out.parent)
    write_bundle(out, modules, facts)
    return UpstreamBundle(modules, facts)


def load_bundle(folder: Path, dtype: torch.dtype = torch.float32) -> UpstreamBundle:
    """Load the modules in eval mode and `dtype`; nothing but tensors and numbers is read.

    Raises:
        InputError: not such a bundle, or damaged.
    """
    facts = read_facts(folder, KIND, ("version", "symbols", "parts", "upstream"))
    for key in ("parts", "upstream"):
        if not isinstance(facts[key], dict) or not all(isinstance(node, dict) for node in facts[key].values()):
            raise got(f"bundle {folder}: {key}", facts[key], "an object for each part")
    if unknown := sorted(facts["parts"].keys() - NAMES.keys()):
        raise got(f"bundle {folder}: parts", unknown[0], f"some of {', '.join(NAMES)}")
    if facts["symbols"] not in ("v1", "v2"):
        raise got(f"bundle {folder}: symbols", facts["symbols"], "v1 or v2")
    parts = {part: build(node) for part, node in facts["parts"].items()}
    load_parts(folder, parts)
    return UpstreamBundle({part: module.to(dtype).eval() for part, module in parts.items()}, facts)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise got(f"folder {folder}", error.strerror, "a path where a folder can be made") from error


def fresh_facts(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a bundle whose parts start from random weights."""
    phones = nodes["sovits"]["prior"]["phones"] if "sovits" in nodes else None
    symbols = "v1" if phones == SYMBOLS["v1"] else "v2"
    return {
        "kind": KIND,
        "version": symbols,
        "symbols": symbols,
        "sample_rate": SAMPLE_RATE,
        "parts": dict(nodes),
        "upstream": {},
    }


def fresh_bundle(nodes: Mapping[str, Any]) -> UpstreamBundle:
    """Draw weights of the given parts and a codebook, which means nothing before pre-training."""
    parts = {part: build(node) for part, node in nodes.items()}
    if "sovits" in parts:
        parts["sovits"].start_codebook()
    return UpstreamBundle(parts, fresh_facts(nodes))


def stored_tensors(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Read the tensors of each part under upstream's names, exactly as stored."""
    from safetensors.torch import load_file

    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in load_file(folder / "model.safetensors").items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = value
    return {part: _upstream_names(NAMES[part](tensors), tensors) for part, tensors in parts.items()}


def _upstream_names(table: NameTable, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = inverse(table)
    if foreign := sorted(key for key in tensors if key not in names):
        raise got(
            "export", f"a trained style slot ({foreign[0]})", "a model without one: upstream's files have no place"
        )
    return {names[key]: value for key, value in tensors.items()}


def export(folder: Path, out: Path, deploy: bool = False) -> list[Path]:
    """Write a bundle as upstream's files: `gpt.ckpt`, `sovits.pth`, `discriminator.pth` in `out`.

    Configurations are written as plain dictionaries, which upstream's loaders accept in place of their own class.

    Args:
        deploy: as upstream deploys: half precision, no posterior.

    Raises:
        InputError: a bundle that does not load, or a folder that takes no file; no file is ever half written.
    """
    facts = load_bundle(folder).facts
    _make_folder(out)
    written = []
    for part, tensors in stored_tensors(folder).items():
        if deploy:
            tensors = {k: v.half() for k, v in tensors.items() if not k.startswith("enc_q.")}
        if part == "gpt":
            tensors = {f"model.{k}": v for k, v in tensors.items()}
        record = facts["upstream"].get(part, {})
        path = out / ("gpt.ckpt" if part == "gpt" else f"{part}.pth")
        stream = io.BytesIO()
        torch.save({"weight": tensors, "config": record.get("config", {}), "info": record.get("info", "")}, stream)
        header = WRITTEN_HEADERS.get(facts["version"]) if part == "sovits" and deploy else None
        stream.getbuffer()[: len(header or b"")] = header or b""
        write_whole(path, bytes(stream.getbuffer()))
        written.append(path)
    return written


def describe(bundle: UpstreamBundle) -> str:
    """Describe each part in a line: class, parameters, precision."""
    lines = []
    for part, module in bundle.parts.items():
        tensors = list(module.state_dict().values())
        kinds = sorted({str(t.dtype).removeprefix("torch.") for t in tensors})
        total = sum(t.numel() for t in tensors)
        lines.append(
            f"{part}: {type(module).__name__}, {len(tensors)} tensors, {total / 1e6:.2f} M values, {'/'.join(kinds)}"
        )
    lines.append(json.dumps({k: bundle.facts[k] for k in ("version", "symbols", "sample_rate")}))
    return "\n".join(lines)
