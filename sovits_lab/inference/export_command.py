"""`python -m sovits_lab export bundle=BUNDLE format=upstream|onnx`: a bundle as others' programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got


@dataclass(frozen=True)
class ExportOptions:
    """Write a released bundle as upstream's programs read it, or a voice of ours as graphs for onnxruntime."""

    bundle: Path = option("upstream: what `convert` or fine-tuning made; onnx: a voice of ours, or a run", bare=True)
    format: str = option("of the files", choices=["upstream", "onnx"])
    out: Path | None = option("the folder to write to", None, shown="BUNDLE/upstream or BUNDLE/onnx")
    small: bool = option("onnx: weights in 8 bits, a quarter of the size", False)
    deploy: bool = option("half precision and no posterior, as upstream deploys", False)
    adapters: Path | None = option("style adapters whose low-rank weights are folded in", None, shown="none")
    lora_base: Path | None = option("the v3 or v4 that the bundle adapts: its LoRA file is written", None, shown="none")
    rank: int = option("of that LoRA file", 32, least=1)


def main(argv: list[str]) -> int:
    """Write the files and name them."""
    if not argv or wants_help(argv):
        print(describe(ExportOptions, "export"))
        return 0
    options = read_options(ExportOptions, argv)
    out = options.out or options.bundle / options.format
    if options.format == "onnx":
        return write_graphs(options, out)
    if options.small:
        raise got("small", True, "false with format=upstream; deploy=true halves the precision")
    from sovits_lab.checkpoints.bundle import bundle_folder, read_facts
    from sovits_lab.checkpoints.lora_export import export_lora
    from sovits_lab.checkpoints.pack_command import in_8_bits
    from sovits_lab.checkpoints.upstream_bundle import KIND, export
    from sovits_lab.checkpoints.upstream_file import WRITTEN_HEADERS

    folder = bundle_folder(options.bundle)
    read_facts(folder, KIND)  # what a run holds is a voice of ours, which is said so
    if in_8_bits(folder):
        raise got("export, bundle", folder, "the bundle that `pack` read: this one has its weights in 8 bits alone")
    if options.lora_base is not None:
        if options.deploy or options.adapters is not None:
            raise InputError("export: got lora_base= with deploy= or adapters=, expected lora_base= and rank= alone")
        written = [export_lora(options.bundle, options.lora_base, out, options.rank)]
    else:
        written = export(options.bundle, out, options.deploy, options.adapters)
    for path in written:
        print(f"written: {path}")
    plain = options.lora_base is None and not options.deploy
    if plain and read_facts(options.bundle, KIND)["version"] in WRITTEN_HEADERS:
        print("the SoVITS file begins as a plain zip, for upstream's training; deploy=true writes the header by which "
              "upstream's programs know this version")  # fmt: skip
    return 0


def write_graphs(options: ExportOptions, out: Path) -> int:
    """Write a voice as ONNX and say how large it is."""
    from sovits_lab.inference.onnx_export import export_onnx

    foreign = {"deploy": options.deploy, "adapters": options.adapters, "lora_base": options.lora_base}
    if given := [name for name, value in foreign.items() if value]:
        raise got(given[0], foreign[given[0]], "nothing with format=onnx")
    for path in export_onnx(options.bundle, out, options.small):
        print(f"written: {path}, {path.stat().st_size / 1e6:.2f} MB")
    return 0
