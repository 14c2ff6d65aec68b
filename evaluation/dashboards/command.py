"""`python -m evaluation dashboards experiment=NAME [key=value ...] [out=DIR]`

Builds the W&B workspace and report of an experiment from its configuration: a chart for each declared score and loss
with which way is better. Saved as JSON; also pushed where an account is known. Other words are overrides as for
train.py, such as logger.wandb.project=NAME logger.wandb.entity=TEAM logger.wandb.mode=offline.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from evaluation.dashboards.declared import Declared, compose_experiment, read_declared
from sovits_lab.types import InputError

NOBODY = "your-entity"  # in the files, where none is known


def main(argv: list[str]) -> int:
    """Build, save, push if possible; say which of both happened.

    Exit status 1: an account is known, but pushing failed.
    """
    if not argv or any(word in ("-h", "--help") for word in argv):
        print(__doc__)
        return 0
    words = [word for word in argv if not word.startswith("out=")]
    out = next((word.removeprefix("out=") for word in argv if word.startswith("out=")), "")
    config = compose_experiment(words)
    what = read_declared(config)
    folder = Path(out) if out else what.runs / "dashboards" / what.experiment
    try:
        from evaluation.dashboards.panels import make_report, make_workspace
    except ModuleNotFoundError as error:
        raise InputError(f"dashboards: needs {error.name!r}: pip install 'sovits-lab[cluster]'") from None
    online = _account(config["logger"]["wandb"].get("mode"))
    entity = what.entity or (_default_entity() if online else None) or NOBODY
    made = {"workspace": make_workspace(what, entity), "report": make_report(what, entity)}
    for name, one in made.items():
        save(one, folder / f"{name}.json")
        print(f"{name}: {folder / f'{name}.json'}")
    if not online:
        print("saved only, not pushed: no account is known; `wandb login`, then the same command pushes")
        return 0
    return _push(made, what)


def save(one: Any, path: Path) -> None:
    """Write a workspace or report as the JSON that the service takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = one._to_model().model_dump_json(by_alias=True)  # the library has no public way without a server
    path.write_text(json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _push(made: dict[str, Any], what: Declared) -> int:
    for name, one in made.items():
        try:
            one.save()
        except Exception as error:  # whatever the service or the way to it has to say
            print(f"saved, but {name} was not pushed to {what.project}: {type(error).__name__}: {error}")
            return 1
        print(f"pushed {name}: {one.url}")
    return 0


def _account(mode: str | None) -> bool:
    if (mode or os.environ.get("WANDB_MODE")) in ("offline", "disabled"):
        return False
    import wandb

    return bool(wandb.login(prompt=False, verify=False))


def _default_entity() -> str | None:
    import wandb

    try:
        return wandb.Api().default_entity
    except Exception:  # no way to the service: pushing says so in its own words
        return None
