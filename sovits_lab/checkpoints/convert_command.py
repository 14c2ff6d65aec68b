"""`python -m sovits_lab convert gpt=X.ckpt sovits=Y.pth out=bundle/`: upstream checkpoints to a native bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help


@dataclass(frozen=True)
class ConvertOptions:
    """Write a native bundle from checkpoints of the released family; tensors keep their precision."""

    out: Path = option("the folder to create")
    gpt: Path | None = option("stage 1, a .ckpt file", None)
    sovits: Path | None = option("stage 2 generator, a .pth file", None)
    discriminator: Path | None = option("stage 2 discriminators, for fine-tuning", None)


def main(argv: list[str]) -> int:
    """Convert a file; the exit status is 0 when the bundle is written, 2 (and one line) if the file does not fit."""
    if not argv or wants_help(argv):
        print(describe(ConvertOptions, "convert"))
        return 0
    options = read_options(ConvertOptions, argv)
    from sovits_lab.checkpoints import upstream_bundle
    from sovits_lab.checkpoints.upstream_file import read_upstream

    files = [read_upstream(p) if p else None for p in (options.gpt, options.sovits, options.discriminator)]
    print(upstream_bundle.describe(upstream_bundle.convert(files[0], files[1], options.out, files[2])))
    print(f"written: {options.out}")
    return 0
