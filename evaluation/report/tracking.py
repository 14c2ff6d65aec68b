"""The tables of a report in Weights & Biases; offline unless the user is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLUMNS = ("name", "group", "emotion", "strength", "value", "low", "high", "n", "missing", "truth", "judge", "reason")


def log_tables(content: Mapping[str, Any], project: str, name: str, folder: Path) -> Path:
    """Log figures, bars, slices and judge agreement as tables, and headline figures as summary; return the run's
    folder.
    """
    import wandb

    run = wandb.init(
        project=project,
        name=name,
        dir=str(folder),
        mode="online" if wandb.login(prompt=False, verify=False) else "offline",
        job_type="evaluation",
        settings=wandb.Settings(console="off", silent=True),
    )
    rows = [[one[key] for key in COLUMNS] for one in content["figures"]]
    tables = {"figures": wandb.Table(columns=list(COLUMNS), data=rows)}
    for kind in ("bars", "slices", "agreement"):
        found = content.get(kind) or []
        if found:
            keys = list(found[0])
            tables[kind] = wandb.Table(columns=keys, data=[[str(one[key]) for key in keys] for one in found])
    run.log(tables)
    for one in content["figures"]:
        if (one["group"], one["emotion"], one["strength"]) == ("all", "all", None) and one["value"] is not None:
            run.summary[one["name"]] = one["value"]
    place = Path(run.dir).parent
    run.finish()
    return place
