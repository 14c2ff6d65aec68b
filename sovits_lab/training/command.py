"""One job of `train.py`, from the composed configuration to the exit status."""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console

from sovits_lab.training.chain import Chain, StageError, Stopped
from sovits_lab.training.files import disk_full
from sovits_lab.training.plan import Plan, make_plan
from sovits_lab.training.progress import make_display
from sovits_lab.training.validation import check_node
from sovits_lab.types import InputError


def run(config: DictConfig) -> int:
    """Run the stages of a configuration.

    Returns:
        Exit status: 0 done, 1 a stage failed, 2 the input is wrong, 128 + n stopped by signal n.
    """
    console, errors = Console(), Console(stderr=True)
    plan: Plan | None = None
    try:
        plan = make_plan(config)
        check_node(plan.config["logger"], "logger")
        Chain(plan, make_display(console), instantiate(plan.config["logger"], _convert_="all")).run()
    except InputError as error:
        return _complain(errors, str(error), 2)
    except StageError as error:
        return _complain(errors, str(error), 1)
    except Stopped as stop:
        return _complain(errors, f"stopped by {stop}; the same command goes on from here", 128 + stop.number)
    except OSError as error:
        full = disk_full(error, plan.runs) if plan is not None else None
        if full is None:
            raise
        return _complain(errors, full, 1)
    page = plan.folder / "report" / "index.html"
    what = "report" if page.is_file() else "run"
    console.print(f"{what}: {page if page.is_file() else plan.folder}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _complain(console: Console, text: str, status: int) -> int:
    console.print(f"error: {text}", markup=False, highlight=False, soft_wrap=True)
    return status
