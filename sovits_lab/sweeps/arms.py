"""From a command line with axes to arms: parsed, composed, planned, and told apart from what they were before."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sovits_lab.pipeline.files import write_json
from sovits_lab.pipeline.fingerprint import digest
from sovits_lab.pipeline.plan import HASH_LENGTH, Plan, make_plan
from sovits_lab.pipeline.settings import RUNTIME_KEYS
from sovits_lab.sweeps.manifest import Manifest, SweepArm
from sovits_lab.types import InputError

# Overrides that say how jobs run or are watched; with others of these it is the same sweep.
HOW = frozenset(
    {"logger", "paths", "sweep", "trainer.parallel", "trainer.cores"} | {f"trainer.{k}" for k in RUNTIME_KEYS}
)
SHOWN = 6


class Axes:
    """The overrides of a sweep, fixed ones and axes.

    Args:
        arguments: overrides of the command line, without Hydra's own.
        params: axes from the configuration; the command line goes before them.
    """

    def __init__(self, arguments: Sequence[str], params: Mapping[str, Any], loader: ConfigLoader):
        given = [*(f"{key}={value}" for key, value in params.items()), *arguments]
        parsed: list[Override] = OverridesParser.create(config_loader=loader).parse_overrides(given)
        last = {each.get_key_element(): each for each in parsed if not _belongs(each, "sweep")}
        self.varied = {key: each for key, each in last.items() if each.is_sweep_override()}
        self.fixed = [str(each.input_line) for key, each in last.items() if key not in self.varied]
        self._defining = sorted(str(each.input_line) for each in last.values() if not _belongs(each, *HOW))

    def values(self, key: str) -> list[str]:
        """Return the alternatives of an axis, as overrides write them.

        Raises:
            InputError: the axis is an interval, which has no end of them.
        """
        if not self.varied[key].is_discrete_sweep():
            line = self.varied[key].input_line
            raise InputError(f"{line}: an interval is for hydra/sweeper=optuna; a grid needs choices, as {key}=a,b")
        return list(self.varied[key].sweep_string_iterator())

    def grid(self) -> Iterator[dict[str, str]]:
        """Yield every combination."""
        for each in itertools.product(*(self.values(key) for key in self.varied)):
            yield dict(zip(self.varied, each, strict=True))

    def identity(self) -> list[str]:
        """Return what makes it this sweep and no other, whatever the order of the words."""
        return self._defining


class Composer:
    """Makes arms of overrides, in this process, as `train.py` will compose them in its own.

    Args:
        loader: Hydra's, with the search path of the command.
        master: the composed configuration of the sweep's command.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig, fixed: Sequence[str]):
        self.loader, self.master, self.fixed = loader, master, list(fixed)

    def arm(self, point: Mapping[str, str]) -> tuple[SweepArm, Plan]:
        """Return the arm at a point of the axes.

        Raises:
            InputError: it does not compose, or lacks a value.
        """
        varied = [f"{key}={value}" for key, value in point.items()]
        return self._compose(" ".join(varied or self.fixed), [*self.fixed, *varied])

    def again(self, arm: SweepArm) -> tuple[SweepArm, Plan]:
        """Return what an earlier arm is now."""
        return self._compose(arm.label, arm.overrides)

    def _compose(self, label: str, overrides: Sequence[str]) -> tuple[SweepArm, Plan]:
        try:
            config = self.loader.load_sweep_config(self.master, list(overrides))
            plan = make_plan(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))
        except (HydraException, OmegaConfBaseException, InputError) as error:
            raise InputError(f"{label}: {_one_line(error)}") from error
        key = plan.digest[:HASH_LENGTH]
        run = str(plan.folder.relative_to(plan.runs))
        return SweepArm(key, label, tuple(overrides), digest(resolve_arm(plan))[:HASH_LENGTH], run), plan


def resolve_arm(plan: Plan) -> dict[str, Any]:
    """Return what the results depend on, beside the code: the stages' nodes, and what is published."""
    nodes = {name: {**spec.node, "inputs": list(spec.inputs)} for name, spec in plan.stages.items()}
    return {"stages": nodes, "publish": dict(plan.publish)}


def keep(manifest: Manifest, arm: SweepArm, plan: Plan) -> None:
    """Write an arm's resolved config into the sweep's folder."""
    path = manifest.config(arm.config)
    if not path.exists():
        write_json(path, resolve_arm(plan))


def refuse_changed(manifest: Manifest, arm: SweepArm, plan: Plan) -> None:
    """Compare an arm with what the same overrides meant when the sweep began.

    Raises:
        InputError: the configuration has changed; names the keys and how to begin anew.
    """
    before = next(
        (job.arm for job in {**manifest.earlier, **manifest.jobs}.values() if job.arm.label == arm.label), None
    )
    if before is None or before.config == arm.config or not manifest.config(before.config).exists():
        return
    old = _leaves(json.loads(manifest.config(before.config).read_text(encoding="utf-8")))
    new = _leaves(json.loads(json.dumps(resolve_arm(plan))))
    missing = object()
    keys = [key for key in {**old, **new} if old.get(key, missing) != new.get(key, missing)]
    shown = [f"{key} was {_show(old, key)}, is {_show(new, key)}" for key in keys[:SHOWN]]
    more = [f"{len(keys) - SHOWN} more"] if len(keys) > SHOWN else []
    raise InputError(
        f"{manifest.folder}: the configuration has changed since this sweep began ({'; '.join(shown + more)}): "
        f"change it back to go on, or begin anew with sweep.label=WORD"
    )


def complete(plan: Plan) -> bool:
    """Return whether the results are there: the run's folder and every stage's."""
    return plan.folder.exists() and all(spec.folder.exists() for spec in plan.stages.values())


def sweep_folder(runs: Path, names: Sequence[str], identity: object) -> Path:
    """Return `<runs>/sweeps/<experiment>/<hash>`; several experiments are joined by `+`."""
    return runs / "sweeps" / "+".join(sorted(set(names))) / digest(identity)[:HASH_LENGTH]


def _belongs(override: Override, *keys: str) -> bool:
    name = str(override.key_or_group)
    return any(name == key or name.startswith((f"{key}.", f"{key}/", f"{key}@")) for key in keys)


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        items: Any = value.items()
    elif isinstance(value, list) and value:
        items = enumerate(value)
    else:
        return {path: value}
    return {k: v for key, inner in items for k, v in _leaves(inner, f"{path}.{key}" if path else str(key)).items()}


def _show(leaves: Mapping[str, Any], key: str) -> str:
    return json.dumps(leaves[key], ensure_ascii=False) if key in leaves else "not there"


def _one_line(error: Exception) -> str:
    causes = [error, error.__cause__] if isinstance(error.__cause__, OmegaConfBaseException) else [error]
    lines = [line.strip() for each in causes for line in str(each).splitlines() if line.strip()]
    return " ".join(lines)
