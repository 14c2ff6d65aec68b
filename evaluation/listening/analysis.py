"""The whole analysis of a test: screening, figures, scales, judges against listeners, and one page of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.listening.agreement import correlate_judges, list_agreements
from evaluation.listening.bradley_terry import collect_contests, fit_worth
from evaluation.listening.estimates import decide_stop, estimate_figures
from evaluation.listening.folder import read_texts
from evaluation.listening.results import ListenerResult, agree, pair_repeats
from evaluation.listening.screening import screen
from evaluation.listening.trials import ListeningPlan
from sovits_lab.files import write_whole
from sovits_lab.types import got

FEWEST_LISTENERS = 2
RESULT, PAGE = "listening.json", "listening.html"


def analyse_results(
    plan: ListeningPlan,
    results: Sequence[ListenerResult],
    refused: Sequence[str] = (),
    folders: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Analyse the answers to a test; return everything that the page says as plain JSON types.

    Raises:
        InputError: fewer than two listeners are left after screening.
    """
    verdicts = screen(results, plan)
    kept = [one for one, verdict in zip(results, verdicts, strict=True) if not verdict.reasons]
    if len(kept) < FEWEST_LISTENERS:
        reasons = "; ".join(f"{one.listener}: {', '.join(one.reasons)}" for one in verdicts if one.reasons)
        raise got("listeners that count", f"{len(kept)} of {len(results)} ({reasons})", f"at least {FEWEST_LISTENERS}")
    figures = estimate_figures(kept, plan)
    chosen = dict(folders) if folders is not None else {name: Path(place) for name, place in plan.sources.items()}
    judges, notes = correlate_judges(kept, plan, chosen)
    scales = {
        kind: fit_worth(list(collect_contests(kept, plan, kind)))
        for kind in plan.kinds
        if kind in ("cmos", "mushra", "bws")
    }
    return {
        "title": plan.title,
        "plan": plan.id,
        "listeners": len(results),
        "counted": len(kept),
        "answers": sum(len(one.responses) for one in kept),
        "languages": {code: sum(one.language == code for one in kept) for code in ("en", "zh")},
        "headphones": sum(one.device == "headphones" for one in kept),
        "self_agreement": measure_self_agreement(kept),
        "figures": [one.row() for one in figures],
        "scales": {kind: [one._asdict() for one in worths] for kind, worths in scales.items() if worths},
        "stop": decide_stop(figures),
        "judges": list_agreements(judges),
        "screening": [
            {"listener": one.listener, "reasons": list(one.reasons), "checks": _plain(one.checks)} for one in verdicts
        ],
        "questions": {kind: {code: read_texts(code)[kind]["question"] for code in ("en", "zh")} for kind in plan.kinds},
        "notes": [*refused, *notes],
    }


def measure_self_agreement(results: Sequence[ListenerResult]) -> dict[str, float]:
    """Measure by kind how often listeners gave the same answer again."""
    found: dict[str, list[bool]] = {}
    for one in results:
        for a, b in pair_repeats(one):
            found.setdefault(a.trial.kind, []).append(agree(a.values, b.values, a.trial.kind))
    return {kind: sum(same) / len(same) for kind, same in found.items()}


def _plain(checks: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: None if value is None else round(float(value), 3) for name, value in checks.items()}


def write_analysis(content: Mapping[str, Any], out: Path) -> Path:
    """Write `listening.json` and the page; return the page."""
    from evaluation.report.template import render

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(out / RESULT, (text + "\n").encode())
    page = out / PAGE
    write_whole(page, render("listening.html", {"content": content}).encode())
    return page
