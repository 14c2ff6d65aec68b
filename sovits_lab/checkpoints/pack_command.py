"""`python -m sovits_lab pack bundle=RUN out=DIR`: a voice in 8 bits, a quarter of its size."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got


@dataclass(frozen=True)
class PackOptions:
    """Write a voice, ours or a released one, with its weights in 8 bits; it speaks as before, nearly."""

    bundle: Path = option("a run folder, or the bundle of a voice", bare=True)
    out: Path = option("the folder to write")


def main(argv: list[str]) -> int:
    """Write the bundle and say how large it is."""
    if not argv or wants_help(argv):
        print(describe(PackOptions, "pack"))
        return 0
    options = read_options(PackOptions, argv)
    from sovits_lab.checkpoints.bundle import WEIGHTS

    before = pack_voice(options.bundle, options.out)
    after = (options.out / WEIGHTS).stat().st_size
    print(f"written: {options.out}, weights of {after / 1e6:.1f} MB (were {before / 1e6:.1f})")
    return 0


def pack_voice(bundle: Path, out: Path) -> int:
    """Write a voice in 8 bits, with its cards and its adapters; return the bytes that its weights had.

    A released voice keeps what speaks and converts: GPT and SoVITS, without a discriminator.

    Raises:
        InputError: no bundle of a voice, or a folder to write that is something else, or holds more than a bundle.
    """
    from sovits_lab.checkpoints.adapters import BASES, FOLDER, PARTS
    from sovits_lab.checkpoints.bundle import WEIGHTS, build, bundle_folder, load_parts, read_facts, write_bundle
    from sovits_lab.checkpoints.cards import cards_of
    from sovits_lab.files import read_object

    folder = bundle_folder(bundle)
    if out.resolve() in (folder.resolve(), bundle.resolve()):
        raise got("pack, out", out, "another folder than the bundle's, whose weights would be lost")
    kind = read_object(folder / "bundle.json", "bundle").get("kind")
    if kind not in BASES:
        raise got(f"pack, bundle {folder}: kind", kind, "a voice of ours, or a released one that `convert` made")
    if out.exists() and not (out / "bundle.json").is_file():
        raise got("pack, out", out, "a new folder, or a bundle to replace")
    if out.exists() and (others := sorted(path.name for path in out.iterdir() if not _of_bundle(path))):
        raise got(
            "pack, out", f"{out} with {others[0]} in it", "a bundle to replace and nothing else, which would be lost"
        )
    nodes = "models" if kind == "voice" else "parts"
    facts = read_facts(folder, kind, (nodes,))
    modules = {part: build(node) for part, node in facts[nodes].items()}
    load_parts(folder, modules)
    if kind != "voice":
        modules = {part: module for part, module in modules.items() if part in PARTS}
        facts[nodes] = {part: facts[nodes][part] for part in modules}
    whole = out.with_name(f".{out.name}.packing")
    kept = {key: value for key, value in facts.items() if key != "format"}
    try:
        write_bundle(whole, modules, kept, cards_of(bundle), small=True)
        if (folder / FOLDER / "bundle.json").is_file():
            _bring_adapters(folder, whole)
        if out.exists():
            shutil.rmtree(out)
        whole.rename(out)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    return (folder / WEIGHTS).stat().st_size


def _of_bundle(path: Path) -> bool:
    """Tell whether a file of a bundle's folder is the bundle's own."""
    from sovits_lab.checkpoints.adapters import FOLDER
    from sovits_lab.checkpoints.bundle import WEIGHTS

    return path.name in ("bundle.json", WEIGHTS, FOLDER) or path.suffix == ".md"


def in_8_bits(folder: Path) -> bool:
    """Tell whether a bundle was packed."""
    import torch

    from sovits_lab.checkpoints.bundle import WEIGHTS
    from sovits_lab.checkpoints.compact import SCALE
    from sovits_lab.weights.tensors import read_safetensors

    tensors = read_safetensors(folder / WEIGHTS, "bundle")
    return any(value.dtype == torch.int8 and name + SCALE in tensors for name, value in tensors.items())


def _bring_adapters(folder: Path, whole: Path) -> None:
    """Write the adapters of a voice, as they are, beside its packed weights, by whose hash they belong to them."""
    from sovits_lab.checkpoints.adapters import FOLDER, StoredWeights, base_digest, refuse_other_base
    from sovits_lab.checkpoints.bundle import WEIGHTS, write_bundle
    from sovits_lab.checkpoints.cards import cards_of
    from sovits_lab.weights.tensors import read_safetensors

    adapters = folder / FOLDER
    facts = {key: value for key, value in refuse_other_base(adapters, folder).items() if key != "format"}
    weights: dict[str, dict[str, Any]] = {}
    for name, value in read_safetensors(adapters / WEIGHTS, "adapters").items():
        part, _, own = name.partition("/")
        weights.setdefault(part, {})[own] = value
    facts["base"] = {part: base_digest(whole, part) for part in facts["base"]}
    write_bundle(whole / FOLDER, {p: StoredWeights(own) for p, own in weights.items()}, facts, cards_of(adapters))
