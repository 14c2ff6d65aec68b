"""`python -m sovits_lab pack bundle=RUN out=DIR`: a voice in 8 bits, a quarter of its size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got


@dataclass(frozen=True)
class PackOptions:
    """Write a voice of ours with its weights in 8 bits; it speaks as before, nearly."""

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
    """Write a voice in 8 bits, with its cards; return the bytes that its weights had.

    Raises:
        InputError: no bundle of a voice, or a folder that is something else.
    """
    from sovits_lab.checkpoints.bundle import WEIGHTS, build, bundle_folder, load_parts, read_facts, write_bundle
    from sovits_lab.checkpoints.cards import cards_of

    folder = bundle_folder(bundle)
    if out.resolve() in (folder.resolve(), bundle.resolve()):
        raise got("pack, out", out, "another folder than the bundle's, whose weights would be lost")
    facts = read_facts(folder, "voice", ("models",))
    if out.exists() and not (out / "bundle.json").is_file():
        raise got("pack, out", out, "a new folder, or a bundle to replace")
    modules = {part: build(node) for part, node in facts["models"].items()}
    load_parts(folder, modules)
    kept = {key: value for key, value in facts.items() if key != "format"}
    write_bundle(out, modules, kept, cards_of(bundle), small=True)
    return (folder / WEIGHTS).stat().st_size
