"""The cards that lie beside a bundle, with the scores of the run that made it."""

from __future__ import annotations

from pathlib import Path

from sovits_lab.checkpoints.bundle import bundle_folder
from sovits_lab.files import read_object, read_text
from sovits_lab.provenance.card_scores import put_scores
from sovits_lab.provenance.cards import MODEL_CARD

SCORES = "scores.json"


def cards_of(bundle: Path) -> dict[str, str]:
    """Return the texts beside a bundle by name; those of a run that was scored have its scores in the model card.

    Args:
        bundle: a run folder, or the bundle of a voice.

    Raises:
        InputError: no bundle, or scores that are no JSON object.
    """
    folder = bundle_folder(bundle)
    cards = {path.name: read_text(path, "card") for path in sorted(folder.glob("*.md"))}
    if MODEL_CARD in cards and (bundle / SCORES).is_file():
        cards[MODEL_CARD] = put_scores(cards[MODEL_CARD], read_object(bundle / SCORES, "scores"))
    return cards
