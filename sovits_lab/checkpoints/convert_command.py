"""`python -m sovits_lab convert`: upstream checkpoints to a native bundle."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(argv: list[str]) -> int:
    """Exit status 0 when the bundle is written; a file that does not fit is one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m sovits_lab convert", description=__doc__)
    parser.add_argument("--gpt", type=Path, help="stage 1, .ckpt")
    parser.add_argument("--sovits", type=Path, help="stage 2 generator, .pth")
    parser.add_argument("--discriminator", type=Path, help="stage 2 discriminators, for fine-tuning")
    parser.add_argument("--out", type=Path, required=True, help="folder to create")
    options = parser.parse_args(argv)
    from sovits_lab.checkpoints.upstream_bundle import convert, describe
    from sovits_lab.checkpoints.upstream_file import read_upstream

    files = [read_upstream(p) if p else None for p in (options.gpt, options.sovits, options.discriminator)]
    print(describe(convert(files[0], files[1], options.out, files[2])))
    print(f"written: {options.out}")
    return 0
