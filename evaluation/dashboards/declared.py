"""What an experiment will log, from its configuration alone: losses by stage, scores, sounds and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.catalogue import direction, find_measure, list_measures
from evaluation.report.wording import bar_text, label
from evaluation.scoring.measures import TRANSFER
from sovits_lab.pipeline.conf import CONF
from sovits_lab.tracking.directions import better
from sovits_lab.tracking.results import headline_key


@dataclass(frozen=True)
class DashboardScore:
    """One score in the service's summary.

    Attributes:
        key: its name there.
        title: in words, with which way is better and what a bar asks.
        better: lower, higher, near or none.
    """

    key: str
    title: str
    better: str


@dataclass(frozen=True)
class Declared:
    """What a dashboard of an experiment shows.

    Attributes:
        losses: stage -> names of its training metrics, such as `train/total`.
        scores: of the final evaluation, those with bars first.
        objectives: what arms are chosen by.
        media: stage -> names of its sounds and pictures.
        tables: of scores and style vectors.
        page: the report.
    """

    experiment: str
    project: str
    entity: str | None
    runs: Path
    losses: dict[str, list[str]]
    scores: list[DashboardScore]
    objectives: list[DashboardScore]
    media: dict[str, list[str]]
    tables: list[str]
    page: str | None


def compose_experiment(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose the resolved configuration of an experiment, with W&B's own settings.

    Raises:
        InputError: an override that does not fit.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from sovits_lab.pipeline.plan import resolve
    from sovits_lab.pipeline.settings import register
    from sovits_lab.types import InputError

    register()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return resolve(compose("train", overrides=["logger=wandb", *overrides]))
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(f"arguments {' '.join(overrides)}: {str(error).splitlines()[0]}") from error


def read_declared(config: Mapping[str, Any]) -> Declared:
    """Read from a resolved configuration what its stages log."""
    stages = {name: node for name, node in config["stages"].items() if node is not None}
    bars = [bar for node in stages.values() for bar in node.get("bars") or ()]
    losses = {name: _losses(node) for name, node in stages.items() if "losses" in node or "optimisation" in node}
    media = {name: _media(node) for name, node in stages.items()}
    scorer = next((name for name, node in stages.items() if "bars" in node), None)
    tables = ["scores/bars", "scores/figures"] if scorer else []
    spoken = next((name for name, node in stages.items() if "SpeakTestSet" in str(node["_target_"])), None)
    report = next((name for name, node in stages.items() if str(node["_target_"]).endswith("WriteReport")), None)
    service = (config["logger"] or {}).get("wandb") or {}
    scores = _scores(bars, stages.get(scorer or "", {}))
    return Declared(
        experiment=config["name"],
        project=service.get("project", "sovits_lab"),
        entity=service.get("entity"),
        runs=Path(config["paths"]["runs"]).expanduser(),
        losses=losses,
        scores=scores,
        objectives=_objectives(scores),
        media={name: names for name, names in media.items() if names},
        tables=[*tables, *([f"{spoken}/style_space"] if spoken else [])],
        page=f"{report}/page" if report else None,
    )


def _losses(node: Mapping[str, Any]) -> list[str]:
    """Names of what a training stage logs: each weighted loss, the total, and the same of held-out utterances."""
    parts = ["total", *(node.get("losses") or {})]
    names = [f"train/{part}" for part in parts]
    for one in node.get("callbacks") or ():
        target = str(one["_target_"])
        if target.endswith("ValidationMedia"):
            names += [f"valid/{part}" for part in parts]
        elif target.endswith("ScoreFixedSet"):
            names += [f"score/{part}" for part in ("composite", *one["metrics"])]
    return names


def _media(node: Mapping[str, Any]) -> list[str]:
    found = (one for one in node.get("callbacks") or () if str(one["_target_"]).endswith("ValidationMedia"))
    spoken = [i for one in found for i in range(1, int(one.get("utterances", 0)) + 1)]
    return [
        f"{kind}/valid-{i}{of}" for i in spoken for kind, of in (("audio", "-truth"), ("audio", ""), ("picture", ""))
    ]


def _scores(bars: Sequence[Mapping[str, Any]], scorer: Mapping[str, Any]) -> list[DashboardScore]:
    found = {}
    for bar in bars:
        place = (bar["figure"], bar.get("group", "all"), bar.get("emotion", "all"))
        full = {"at_least": None, "at_most": None, **bar}
        found[headline_key(*place)] = _score(*place, asked=f"; bar: {bar_text(full)}")
    judges = [f"per.{one['name']}" for one in scorer.get("recognisers") or () if not one.get("self_graded")]
    overview = [one.name for one in list_measures() if "overview" in one.uses]
    for name in (*judges, *(overview if scorer else ())):
        if find_measure(name).section != TRANSFER:  # that is of an emotion against neutral, so never of all of them
            found.setdefault(headline_key(name), _score(name, "all", "all"))
    return list(found.values())


def _score(name: str, group: str, emotion: str, asked: str = "") -> DashboardScore:
    way = {"lower": "lower is better", "higher": "higher is better", "near": "near the truth is better"}
    sense = way.get(direction(name), "no way is better")
    place = "" if (group, emotion) == ("all", "all") else f" ({group}, {emotion})"
    return DashboardScore(headline_key(name, group, emotion), f"{label(name)}{place}: {sense}{asked}", direction(name))


def _objectives(scores: Sequence[DashboardScore]) -> list[DashboardScore]:
    """Emotion's shift, likeness, errors: the first score of each."""
    wanted = ("/f0_share", "/similarity_calibrated", "/per/", "/wer/")
    found = [next((one for one in scores if part in one.key and _independent(one)), None) for part in wanted]
    return [one for one in found if one is not None][:3]


def _independent(score: DashboardScore) -> bool:
    return not score.key.endswith("/per/tokenizer")


def loss_title(name: str) -> str:
    """Say the name of a training metric with which way is better."""
    way = {"lower": ": lower is better", "higher": ": higher is better"}.get(better(name), "")
    return f"{name}{way}"
