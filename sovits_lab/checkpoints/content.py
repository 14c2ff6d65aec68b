"""Loading content bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sovits_lab.checkpoints.bundle import build, bundle_folder, load_parts, read_facts
from sovits_lab.content.contract import ContentModel
from sovits_lab.content.recogniser import Recogniser
from sovits_lab.types import InputError, got

CLUSTERS = "clusters"


def recognises(folder: Path) -> bool:
    """Return whether the content of a bundle, or of the stage folder that holds one, can tell phones."""
    return _facts(bundle_folder(folder))["form"] != CLUSTERS


def load_content(folder: Path) -> ContentModel:
    """Return the content model of a bundle, or of the stage folder that holds one.

    Raises:
        InputError: no content bundle, or its encoder is not the one that its clusters belong to.
    """
    folder = bundle_folder(folder)
    facts = _facts(folder)
    if facts["form"] != CLUSTERS:
        return load_recogniser(folder)
    model = build(facts["model"])
    load_parts(folder, {"content": model})
    if (found := model.encoder.digest()) != facts["encoder_digest"]:
        raise got(f"bundle {folder}: weights of {model.encoder.source}", found[:12], facts["encoder_digest"][:12])
    return model.eval()


def load_recogniser(folder: Path) -> Recogniser:
    """Return the tokenizer of a bundle, or of the stage folder that holds one, ready to recognise phones.

    Raises:
        InputError: no content bundle, or one that knows no phones.
    """
    folder = bundle_folder(folder)
    facts = _facts(folder)
    if facts["form"] == CLUSTERS:
        raise InputError(f"bundle {folder}: got clusters of an encoder, expected a recogniser: they know no phones")
    model = build(facts["model"])
    load_parts(folder, {"content": model})
    return Recogniser(model, build(facts["audio"]), facts["symbols"])


def _facts(folder: Path) -> dict[str, Any]:
    return {"form": "ctc", **read_facts(folder, "content", ("model", "audio", "symbols"))}
