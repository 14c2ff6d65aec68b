"""`python -m sovits_lab export bundle=BUNDLE format=upstream`: a native bundle back to upstream's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError


@dataclass(frozen=True)
class ExportOptions:
    """Write the checkpoints of a bundle as the released family's own programs read them."""

    bundle: Path = option("a folder that `convert` or fine-tuning made", bare=True)
    format: str = option("of the files", choices=["upstream"])
    out: Path | None = option("the folder to write to", None, shown="BUNDLE/upstream")
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
    from sovits_lab.checkpoints.lora_export import export_lora
    from sovits_lab.checkpoints.upstream_bundle import export

    out = options.out or options.bundle / "upstream"
    if options.lora_base is not None:
        if options.deploy or options.adapters is not None:
            raise InputError("export: got lora_base= with deploy= or adapters=, expected lora_base= and rank= alone")
        written = [export_lora(options.bundle, options.lora_base, out, options.rank)]
    else:
        written = export(options.bundle, out, options.deploy, options.adapters)
    for path in written:
        print(f"written: {path}")
    return 0
