"""What went into a bundle and what it is, for people: a data card and a model card, written beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.files import lines_of, printable, read_object, read_packed_lines, read_text

MODEL_CARD, DATA_CARD = "MODEL_CARD.md", "DATA_CARD.md"
LISTED = 50  # names of a kind, before the rest is counted
LONGEST_CARD = 1 << 20  # bytes of the card of a bundle that somebody else may have made
BASE = "began_with"  # key of the facts of a bundle's part
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


def began_with(base: Path | None) -> dict[str, Any]:
    """Return what a part of a bundle notes of the bundle whose weights it began with; nothing where there is none.

    Its licences and consents hold for what is made of it, too: `AssembleBundle` puts them into the new voice's cards.

    Args:
        base: folder of the bundle, with its data card if it has one.

    Raises:
        InputError: the bundle or its card cannot be read.
    """
    if base is None:
        return {}
    facts, card = read_object(base / "bundle.json", "bundle"), base / DATA_CARD
    if not card.is_file() and BASE in facts:  # a part of a voice, which has no card of its own
        return {BASE: facts[BASE]}
    text = read_text(card, "card", LONGEST_CARD) if card.is_file() else "What it was taught with is not stated.\n"
    name = str(facts.get("variant") or facts.get("version") or facts.get("kind"))
    return {BASE: {"name": name, "consents": list(facts.get("consents") or ()), "card": text}}


def data_card(summary: CorpusSummary, bases: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the card of the recordings, in Markdown; below it those of the bundles that the voice began with."""
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
    for base in bases:
        lines += ["", f"# The weights that it began with: {_cell(str(base['name']))}", ""]
        lines += [
            f"#{line}" if line.startswith("#") else line for line in map(printable, lines_of(base["card"].strip()))
        ]
    return "\n".join(lines) + "\n"


def model_card(
    variant: str,
    parameters: Mapping[str, int],
    facts: Mapping[str, Any],
    summary: CorpusSummary,
    bases: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the card of a voice, in Markdown.

    Args:
        variant: its name.
        parameters: how many each part has.
        facts: of the bundle.
        summary: of the recordings that it was taught with.
        bases: what `began_with` notes of the bundles whose weights it began with.
    """
    names = ", ".join(str(base["name"]) for base in bases)
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
        *([f"| began with the weights of | {_cell(names)}, whose licences hold, too: DATA_CARD.md |"] if bases else []),
        f"| controls | {_cell(', '.join(facts.get('accepts', []))) or 'none'} |",
        f"| consent records | {len(facts.get('consents', summary.consents))}, see DATA_CARD.md |",
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
