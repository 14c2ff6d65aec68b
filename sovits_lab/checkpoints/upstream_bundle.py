"""Upstream checkpoints as a native bundle and back: the same tensors, bit for bit, under our names."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sovits_lab.checkpoints.adapters import attach_adapters
from sovits_lab.checkpoints.bundle import WEIGHTS, build, load_parts, read_facts, write_bundle
from sovits_lab.checkpoints.lora_file import check_lora, merged_state
from sovits_lab.checkpoints.matched_architecture import matched_node
from sovits_lab.checkpoints.matched_names import VOCODER, matched_names
from sovits_lab.checkpoints.names import NameTable, discriminator_names, gpt_names, inverse, sovits_names
from sovits_lab.checkpoints.upstream_file import MATCHED, SYMBOLS, WRITTEN_HEADERS, UpstreamFile
from sovits_lab.checkpoints.upstream_state import (
    discriminator_from,
    gpt_from,
    matched_from,
    node_of,
    shapes_of,
    sovits_from,
)
from sovits_lab.files import write_whole
from sovits_lab.models.adapters.lora import OWN
from sovits_lab.types import got
from sovits_lab.weights.tensors import read_safetensors

KIND = "upstream"
SAMPLE_RATE = 32_000
SPOKEN_RATES = {"v3": 24_000, "v4": 48_000}


def generator_names(keys: Iterable[str]) -> NameTable:
    """Return the names of a generator of any version, told by its keys."""
    keys = list(keys)
    matched = any(key.startswith(("cfm.", "flow.estimator.")) for key in keys)
    return matched_names(keys) if matched else sovits_names(keys)


NAMES = {"gpt": gpt_names, "sovits": generator_names, "discriminator": discriminator_names}


class UpstreamBundle(NamedTuple):
    """What a bundle of this kind holds: modules by part, and its facts."""

    parts: dict[str, nn.Module]
    facts: dict[str, Any]


def _check_pair(gpt: UpstreamFile, sovits: UpstreamFile) -> None:
    """Both stages must read the same phones, and every token of the GPT but its last, the end, must have a code."""
    table = "v1" if sovits.version == "v1" else "v2"
    if gpt.version != table:
        expected = f"one for the {SYMBOLS[table]} symbols of {sovits.path.name} ({sovits.version})"
        raise got(f"{gpt.path}: symbol table", f"a GPT of {gpt.version}", expected)
    tokens = len(gpt.tensors["ar_audio_embedding.word_embeddings.weight"]) - 1
    codes = len(sovits.tensors["quantizer.vq.layers.0._codebook.embed"])
    if tokens > codes:
        raise got(f"{gpt.path}: tokens", tokens, f"at most the {codes} codes of {sovits.path.name}")


def with_vocoder(
    sovits: UpstreamFile, base: UpstreamFile | None, vocoder: UpstreamFile | None, settings: Mapping[str, Any]
) -> UpstreamFile:
    """Return a whole v3 or v4: a LoRA file merged into its base, and the vocoder beside the generator.

    Args:
        settings: the vocoder's configuration, where it has one.

    Raises:
        InputError: no vocoder or that of the other version, no base for a LoRA file, a base for none.
    """
    if sovits.version not in MATCHED:
        for name, file in (("base", base), ("vocoder", vocoder)):
            if file is not None:
                raise got(f"convert: {name}", file.path, f"none: {sovits.path.name} is a {sovits.version}")
        return sovits
    if vocoder is None:
        kind = "bigvgan_generator.pt" if sovits.version == "v3" else "vocoder.pth"
        raise got(f"convert: vocoder of {sovits.path.name} ({sovits.version})", "nothing", f"vocoder={kind}")
    periodic = "activation_post.act.alpha" in vocoder.tensors
    if vocoder.version != "vocoder" or periodic != (sovits.version == "v3"):
        made = f"{'BigVGAN' if periodic else 'HiFi-GAN'}, or none" if vocoder.version == "vocoder" else vocoder.version
        raise got(f"convert: vocoder {vocoder.path}", made, f"the vocoder of {sovits.version}")
    tensors, config = dict(sovits.tensors), sovits.config
    if sovits.lora:
        if base is None:
            raise got(f"convert: base of {sovits.path.name}", "nothing", f"base=FILE, the {sovits.version} it adapts")
        check_lora(base.tensors, tensors, str(sovits.path))
        tensors, config = merged_state(base.tensors, tensors), base.config or config
    elif base is not None:
        raise got("convert: base", base.path, f"none: {sovits.path.name} is no LoRA file")
    tensors |= {f"{VOCODER}{key}": value for key, value in vocoder.tensors.items()}
    return replace(sovits, tensors=tensors, config={**config, "vocoder": dict(settings)}, lora=False)


def convert(
    gpt: UpstreamFile | None, sovits: UpstreamFile | None, out: Path, discriminator: UpstreamFile | None = None
) -> UpstreamBundle:
    """Write a bundle of the given parts; tensors keep their precision. v3 and v4: see `with_vocoder`.

    Raises:
        InputError: a part does not fit its model, the parts do not fit each other, or `out` exists.
    """
    if out.exists():
        raise got("bundle", out, "a path that does not exist yet")
    files = {"gpt": gpt, "sovits": sovits, "discriminator": discriminator}
    given = {part: file for part, file in files.items() if file is not None}
    if not given:
        raise got("convert", "no file", "a GPT, a SoVITS or both")
    modules: dict[str, nn.Module] = {}
    for part, file in given.items():
        source = str(file.path)
        if part == "discriminator":
            modules[part] = discriminator_from(file.tensors, source, keep_dtype=True)
        elif part == "sovits" and file.version in MATCHED:
            modules[part] = matched_from(
                file.tensors, file.model, source, file.version, file.config.get("vocoder"), keep_dtype=True
            )
        else:
            modules[part] = (gpt_from if part == "gpt" else sovits_from)(
                file.tensors, file.model, source, keep_dtype=True
            )
    if gpt is not None and sovits is not None:
        _check_pair(gpt, sovits)
    version = (sovits or gpt or discriminator).version  # type: ignore[union-attr]
    facts = {
        "kind": KIND,
        "version": version,
        "symbols": "v1" if version == "v1" else "v2",
        "sample_rate": SPOKEN_RATES.get(version, SAMPLE_RATE),
        "parts": {part: _node(part, file) for part, file in given.items()},
        "upstream": {part: {"config": file.config, "info": file.info} for part, file in given.items()},
    }
    _make_folder(out.parent)
    write_bundle(out, modules, facts)
    return UpstreamBundle(modules, facts)


def _node(part: str, file: UpstreamFile) -> dict[str, Any]:
    if part == "sovits" and file.version in MATCHED:
        shapes = shapes_of(file.tensors, str(file.path))
        return matched_node(shapes, file.model, file.version, file.config.get("vocoder") or {})
    return node_of(part, file.tensors, file.model)


def load_bundle(folder: Path) -> UpstreamBundle:
    """Load the modules in eval mode and float32; nothing but tensors and numbers is read.

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
    return UpstreamBundle({part: module.float().eval() for part, module in parts.items()}, facts)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise got(f"folder {folder}", error.strerror, "a path where a folder can be made") from error


def fresh_facts(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a bundle whose parts start from random weights."""
    phones = nodes["sovits"]["prior"]["phones"] if "sovits" in nodes else None
    symbols = "v1" if phones == SYMBOLS["v1"] else "v2"
    matched = nodes.get("sovits", {}).get("mel")  # of v3 and v4 alone
    version = symbols if not matched else "v3" if matched["sample_rate"] == SPOKEN_RATES["v3"] else "v4"
    return {
        "kind": KIND,
        "version": version,
        "symbols": symbols,
        "sample_rate": SPOKEN_RATES.get(version, SAMPLE_RATE),
        "parts": dict(nodes),
        "upstream": {},
    }


def stored_tensors(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Read the tensors of each part under upstream's names, exactly as stored."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in read_safetensors(folder / WEIGHTS, "bundle").items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = value
    return {part: _upstream_names(NAMES[part](tensors), tensors) for part, tensors in parts.items()}


def _upstream_names(table: NameTable, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = inverse(table)
    if foreign := sorted(key for key in tensors if key not in names):
        expected = (
            "a released model without a style slot and with its own head: upstream's files have no place for more"
        )
        raise got("export", foreign[0], expected)
    return {names[key]: value for key, value in tensors.items()}


def merged_tensors(folder: Path, adapters: Path) -> dict[str, dict[str, Tensor]]:
    """Return, under upstream's names, the parts whose low-rank weights are folded in, in the base's precision.

    Raises:
        InputError: adapters of another base, or without low-rank weights: the rest has no place in upstream's files.
    """
    stored, parts = stored_tensors(folder), load_bundle(folder).parts
    facts = attach_adapters(adapters, folder, parts)
    if not facts["lora"]:
        raise got(
            f"adapters {adapters}", "no low-rank weights", "some: style adapters have no place in upstream's files"
        )
    merged = {}
    for part in facts["lora"]:
        state = {k: v for k, v in parts[part].state_dict().items() if not k.startswith(OWN)}
        named = _upstream_names(NAMES[part](state), state)
        merged[part] = {key: value.to(stored[part][key].dtype).contiguous() for key, value in named.items()}
    return merged


def export(folder: Path, out: Path, deploy: bool = False, adapters: Path | None = None) -> list[Path]:
    """Write a bundle as upstream's files: `gpt.ckpt`, `sovits.pth`, `discriminator.pth` in `out`.

    Configurations are written as plain dictionaries, which upstream's loaders accept in place of their own class.

    Args:
        deploy: as upstream deploys: half precision, no posterior.
        adapters: whose low-rank weights are folded in, see `merged_tensors`; None writes the base.

    Raises:
        InputError: a bundle that does not load, or a folder that takes no file; no file is ever half written.
    """
    facts = load_bundle(folder).facts
    parts = stored_tensors(folder) | ({} if adapters is None else merged_tensors(folder, adapters))
    _make_folder(out)
    written = []
    for part, tensors in parts.items():
        if vocoder := {k.removeprefix(VOCODER): v for k, v in tensors.items() if k.startswith(VOCODER)}:
            tensors = {k: v for k, v in tensors.items() if not k.startswith(VOCODER)}
            written.append(_write_vocoder(out, vocoder))
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


def _write_vocoder(out: Path, tensors: Mapping[str, Tensor]) -> Path:
    """A file as each vocoder is published: BigVGAN under the key `generator`, HiFi-GAN bare."""
    periodic = "activation_post.act.alpha" in tensors
    stream = io.BytesIO()
    torch.save({"generator": dict(tensors)} if periodic else dict(tensors), stream)
    path = out / ("bigvgan_generator.pt" if periodic else "vocoder.pth")
    write_whole(path, stream.getvalue())
    return path


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
