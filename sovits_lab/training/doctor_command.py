"""`python -m sovits_lab doctor experiment=NAME corpus=NAME ...`: will this corpus do for this experiment?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sovits_lab.corpora.command import Case, check
from sovits_lab.pipeline.conf import CONF
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from sovits_lab.corpora.needs import RowFacts
    from sovits_lab.pipeline.plan import Plan
    from sovits_lab.pipeline.validation import BuiltStage


def main(argv: list[str]) -> int:
    """Run the doctor; it asks here what an experiment needs."""
    return check(argv, experiment)


def experiment(overrides: Sequence[str]) -> Case:
    """Return the corpus of an experiment, the front end that will read its texts, and what the stages lack.

    Raises:
        InputError: the configuration is wrong, or no stage of it reads a corpus of recordings.
    """
    from sovits_lab.pipeline.validation import BuiltStage, check_stage
    from sovits_lab.training.corpus_check import lacks_of

    plan = plan_of(overrides)
    stages = {
        name: BuiltStage(check_stage(name, spec.node, plan.raw, spec.runtime), spec.inputs, spec.folder)
        for name, spec in plan.stages.items()
    }
    corpus = next((name for name, built in stages.items() if hasattr(built.stage, "survey")), None)
    if corpus is None:
        raise InputError("doctor: the experiment reads no corpus, expected one with a stage that does")
    frontend = next((built.stage.frontend for built in stages.values() if hasattr(built.stage, "frontend")), None)

    def lacks(rows: Sequence[RowFacts]) -> list[tuple[str, Any]]:
        return lacks_of(rows, corpus, stages, plan.raw)

    return Case(stages[corpus].stage, frontend, lacks, _missing_files(stages, plan.raw))


def _missing_files(stages: Mapping[str, BuiltStage], raw: Mapping[str, Any]) -> str:
    from sovits_lab.training.files_check import check_files

    try:
        check_files(stages, raw)
    except InputError as error:
        return str(error)
    return ""


def plan_of(overrides: Sequence[str]) -> Plan:
    """Return the plan of an experiment with these words of a command.

    Raises:
        InputError: the configuration is wrong.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from sovits_lab.pipeline.command_words import hydra_words
    from sovits_lab.pipeline.composition import explain
    from sovits_lab.pipeline.plan import make_plan
    from sovits_lab.pipeline.settings import register

    register()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return make_plan(compose("train", overrides=hydra_words(overrides, CONF)))
    except (HydraException, OmegaConfBaseException) as error:
        message = " ".join(str(error).split())
        if isinstance(error, HydraException):
            message = explain(error, overrides, CONF, "train")
        raise InputError(f"doctor: {message}") from error
