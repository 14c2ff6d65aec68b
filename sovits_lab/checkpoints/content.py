"""Loading content bundles."""

from __future__ import annotations

from pathlib import Path

from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
from sovits_lab.content.recogniser import Recogniser


def load_recogniser(folder: Path) -> Recogniser:
    """The tokenizer of a bundle of kind "content", or of the stage folder that holds one, ready to listen."""
    folder = folder / "bundle" if (folder / "bundle" / "bundle.json").is_file() else folder
    facts = read_facts(folder, "content", ("model", "audio", "symbols"))
    model = build(facts["model"])
    load_parts(folder, {"content": model})
    return Recogniser(model, build(facts["audio"]), facts["symbols"])
