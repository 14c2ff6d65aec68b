"""`python -m sovits_lab export BUNDLE --format upstream`: a native bundle back to upstream's files."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(argv: list[str]) -> int:
    """Write the files and name them."""
    parser = argparse.ArgumentParser(prog="python -m sovits_lab export", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--format", choices=["upstream"], required=True)
    parser.add_argument("--out", type=Path, help="folder, default: BUNDLE/upstream")
    parser.add_argument("--deploy", action="store_true", help="half precision and no posterior, as upstream deploys")
    options = parser.parse_args(argv)
    from sovits_lab.checkpoints.upstream_bundle import export

    for path in export(options.bundle, options.out or options.bundle / "upstream", options.deploy):
        print(f"written: {path}")
    return 0
