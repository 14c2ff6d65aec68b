"""The corpus against the experiment, before any compute: every stage says what it lacks, all in one refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sovits_lab.corpora.manifest import MANIFEST
from sovits_lab.corpora.needs import Lack, RowFacts, manifest_facts
from sovits_lab.pipeline.validation import BuiltStage, origin
from sovits_lab.types import InputError


def check_corpora(stages: Mapping[str, BuiltStage], raw: Mapping[str, Any]) -> None:
    """Compare what each corpus has with what the stages that depend on it need.

    Args:
        stages: by name, in an order that respects their inputs.
        raw: the configuration with its interpolations, to name keys where the user wrote them.

    Raises:
        InputError: with everything that is lacking, and what to add to the command.
    """
    for name, built in stages.items():
        if hasattr(built.stage, "survey") and any(hasattr(each.stage, "lacks") for each in stages.values()):
            manifest = built.folder / MANIFEST
            rows = manifest_facts(manifest) if manifest.is_file() else built.stage.survey()
            refuse_lacks(f"stages.{name}", lacks_of(rows, name, stages, raw))


def lacks_of(
    rows: Sequence[RowFacts], corpus: str, stages: Mapping[str, BuiltStage], raw: Mapping[str, Any]
) -> list[tuple[str, Lack]]:
    """Return the names of the stages behind a corpus and what each of them lacks in its rows, remedies written out."""
    behind, found = {corpus}, []
    for name, built in stages.items():
        if not behind.intersection(built.inputs):
            continue
        behind.add(name)
        if hasattr(built.stage, "lacks"):
            for lack in built.stage.lacks(rows):
                key = origin(f"stages.{name}.{lack.key}", raw)
                found.append((name, lack._replace(remedy=lack.remedy.replace("{key}", key))))
    return found


def refuse_lacks(corpus: str, lacks: Sequence[tuple[str, Lack]]) -> None:
    """Raise one InputError for all lacks; nothing where there are none."""
    if not lacks:
        return
    lacking = "; ".join(f"stage {name}: {lack.what}" for name, lack in lacks)
    remedies = list(dict.fromkeys(lack.remedy for _, lack in lacks if lack.remedy))
    others = [remedy for remedy in remedies if remedy.startswith("experiment=")]  # another one has other needs
    add = f"; add {' '.join(others or remedies)}" if remedies else "; `sovits_lab doctor` shows what there is"
    raise InputError(f"{corpus}: the corpus lacks what the experiment needs: {lacking}{add}")
