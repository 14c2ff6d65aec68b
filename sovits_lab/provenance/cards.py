"""What went into a bundle and what it is, for people: a data card and a model card, written beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.files import printable, read_packed_lines

MODEL_CARD, DATA_CARD = "MODEL_CARD.md", "DATA_CARD.md"
LISTED = 50  # names of a kind, before the rest is counted
UNKNOWN = "not stated"


@dataclass(frozen=True)
class CorpusSummary:
    """What a manifest holds.

    Attributes:
        recordings: how many.
        seconds: of sound.
        speakers, languages, emotions, licences: recordings of each.
        consents: ids of the consent records that recordings name, sorted.
        without_consent: recordings that name none.
    """

    recordings: int
    seconds: float
    speakers: Mapping[str, int]
    languages: Mapping[str, int]
    emotions: Mapping[str, int]
    licences: Mapping[str, int]
    consents: Sequence[str]
    without_consent: int


def summary_of(manifest: Path) -> CorpusSummary:
    """Sum up a manifest of a corpus.

    Raises:
        InputError: it cannot be read.
    """
    seconds, consents = 0.0, []
    speakers, languages, emotions, licences = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in read_packed_lines(manifest, "corpus manifest"):
        seconds += float(row.get("duration") or 0)
        spoken = _spoken(row)
        custom = spoken.get("custom") or {}
        for counter, value in ((speakers, spoken.get("speaker")), (languages, spoken.get("language")),
                               (emotions, custom.get("emotion")), (licences, licence_of(custom))):  # fmt: skip
            counter[str(value or UNKNOWN)] += 1
        consents += [str(custom["consent"])] if custom.get("consent") else []
    recordings = speakers.total()
    return CorpusSummary(
        recordings=recordings,
        seconds=seconds,
        speakers=dict(speakers.most_common()),
        languages=dict(languages.most_common()),
        emotions=dict(emotions.most_common()),
        licences=dict(licences.most_common()),
        consents=sorted(set(consents)),
        without_consent=recordings - len(consents),
    )


def licence_of(custom: Mapping[str, Any]) -> str | None:
    """Return the licence that a recording states, in either spelling of the word; None where it states none."""
    stated = str(custom.get("licence") or custom.get("license") or "").strip()
    return stated or None


def data_card(summary: CorpusSummary) -> str:
    """Return the card of the recordings, in Markdown."""
    lines = [
        "# What this voice was taught with",
        "",
        f"{summary.recordings} recordings, {summary.seconds / 3600:.2f} hours.",
        "",
        "| | recordings of each |",
        "|---|---|",
        *(
            f"| {name} | {_listed(found)} |"
            for name, found in (
                ("speakers", summary.speakers),
                ("languages", summary.languages),
                ("emotions", summary.emotions),
                ("licences", summary.licences),
            )
        ),
        "",
        "## Consent",
        "",
        *(f"- {one}" for one in summary.consents),
        f"- {summary.without_consent} recordings name no consent record.",
        "",
        "`python -m sovits_lab consent trace ID` finds every corpus, run and bundle that used a consent.",
    ]
    return "\n".join(lines) + "\n"


def model_card(variant: str, parameters: Mapping[str, int], facts: Mapping[str, Any], summary: CorpusSummary) -> str:
    """Return the card of a voice, in Markdown.

    Args:
        variant: its name.
        parameters: how many each part has.
        facts: of the bundle.
        summary: of the recordings that it was taught with.
    """
    emotions = sorted({name for part in facts.get("emotions", {}).values() for name in part})
    lines = [
        f"# {_cell(variant)}",
        "",
        "A voice that speaks text with the manner of a recording or of a named emotion. It is a bundle of sovits_lab:",
        "tensors and JSON, no code.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {count / 1e6:.2f} M parameters |" for name, count in parameters.items()),
        f"| speakers by name | {_cell(', '.join(list(facts.get('speakers', {}))[:LISTED])) or 'none'} |",
        f"| emotions by name | {_cell(', '.join(emotions)) or 'none'} |",
        f"| languages | {_listed(summary.languages)} |",
        f"| licences of the recordings | {_listed(summary.licences)} |",
        f"| controls | {_cell(', '.join(facts.get('accepts', []))) or 'none'} |",
        f"| consent records | {len(summary.consents)}, see DATA_CARD.md |",
        "",
        "## Use",
        "",
        "Only with voices whose owners agreed, and with a notice that the speech is synthetic. Its outputs can pass",
        "for a person: the service marks them (docs/provenance.md). Licences of the recordings may forbid some uses.",
        "",
        "## Scores",
        "",
        "They are in the run's report, with judges, intervals and the true recordings beside them;",
        "`python -m sovits_lab pack bundle=RUN` and `export format=onnx` write the main ones here.",
    ]
    return "\n".join(lines) + "\n"


def _spoken(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first supervision of a row; empty where there is none."""
    found = row.get("supervisions")
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def _listed(found: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} ({count})" for name, count in list(found.items())[:LISTED])
    more = len(found) - LISTED
    return _cell(shown) + (f" and {more} more" if more > 0 else "")


def _cell(text: str) -> str:
    """Text of a corpus within a table of Markdown."""
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
