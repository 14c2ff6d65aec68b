"""`python -m sovits_lab export bundle=BUNDLE format=upstream`: a native bundle back to upstream's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help


@dataclass(frozen=True)
class ExportOptions:
    """Write the checkpoints of a bundle as the released family's own programs read them."""

    bundle: Path = option("a folder that `convert` or fine-tuning made", bare=True)
    format: str = option("of the files", choices=["upstream"])
    out: Path | None = option("the folder to write to", None, shown="BUNDLE/upstream")
    deploy: bool = option("half precision and no posterior, as upstream deploys", False)
    adapters: Path | None = option("style adapters whose low-rank weights are folded in", None, shown="none")


def main(argv: list[str]) -> int:
    """Write the files and name them."""
    if not argv or wants_help(argv):
        print(describe(ExportOptions, "export"))
        return 0
    options = read_options(ExportOptions, argv)
    from sovits_lab.checkpoints.upstream_bundle import export

    for path in export(options.bundle, options.out or options.bundle / "upstream", options.deploy, options.adapters):
        print(f"written: {path}")
    return 0
