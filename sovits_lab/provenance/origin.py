"""What a voice on top of a trained base is made of: the recordings that taught what is new, and the base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sovits_lab.provenance.cards import (
    BASE,
    DATA_CARD,
    MODEL_CARD,
    CorpusSummary,
    began_with,
    data_card,
    model_card,
    summary_of,
)


class Origin(NamedTuple):
    """Whose licences and consents a voice on a base names.

    Attributes:
        summary: of the recordings that taught what is on top of the base.
        base: what `began_with` notes of the base.
    """

    summary: CorpusSummary
    base: Mapping[str, Any]

    @classmethod
    def of(cls, manifest: Path, base: Path) -> Origin:
        """Read the manifest of the recordings and the base's card.

        Raises:
            InputError: one of them cannot be read.
        """
        return cls(summary_of(manifest), began_with(base)[BASE])

    @property
    def consents(self) -> list[str]:
        """Return the ids of the consent records of both."""
        return sorted({*self.summary.consents, *self.base["consents"]})

    def data_card(self) -> dict[str, str]:
        """Return the card of the recordings, the base's below it, by its name."""
        return {DATA_CARD: data_card(self.summary, [self.base])}

    def model_card(self, parameters: Mapping[str, int], facts: Mapping[str, Any]) -> dict[str, str]:
        """Return the card of a native voice by its name; its parts' parameters and its facts go into it."""
        return {MODEL_CARD: model_card(facts["variant"], parameters, facts, self.summary, [self.base])}
