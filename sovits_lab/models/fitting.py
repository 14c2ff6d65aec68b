"""Whether a model meets a contract: checked on classes, so that a composition is refused before anything is built."""

from __future__ import annotations

import inspect

from sovits_lab.models.contracts import AcousticModel, SemanticModel
from sovits_lab.types import InputError

CONTRACTS: dict[str, type] = {"a semantic model": SemanticModel, "an acoustic model": AcousticModel}


def misfit(kind: type, contract: type) -> str | None:
    """Return what a class lacks of a contract, in a few words; None where it fits.

    Works on classes, so that a stage can refuse a composition before anything is built.
    """
    wanted = [name for name in _members(contract) if not hasattr(kind, name) and name not in _declared(kind)]
    if wanted:
        return f"it has no {', '.join(wanted)}"
    for name, method in inspect.getmembers(contract, inspect.isfunction):
        if name.startswith("_") or name not in _members(contract):
            continue
        taken = inspect.signature(getattr(kind, name)).parameters
        if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
            continue
        if missing := [each for each in inspect.signature(method).parameters if each not in taken]:
            return f"its {name} takes no {', '.join(missing)}"
    return None


def require(model: object, contract: type, what: str, fitting: str = "") -> None:
    """Check that an object or a class meets a contract.

    Args:
        what: names the model in the message.
        fitting: what fits, for the message.

    Raises:
        InputError: one line that says what was composed, what it lacks and what fits.
    """
    kind = model if isinstance(model, type) else type(model)
    if (lack := misfit(kind, contract)) is not None:
        name = next(name for name, each in CONTRACTS.items() if each is contract)
        fits = f"; {fitting} fits" if fitting else ""
        raise InputError(f"{what}: got {kind.__name__}, expected {name}: {lack}{fits}")


def _members(contract: type) -> list[str]:
    return sorted(
        {
            name
            for base in contract.__mro__
            if getattr(base, "_is_protocol", False)
            for name in (*getattr(base, "__annotations__", {}), *vars(base))
            if not name.startswith("_")
        }
    )


def _declared(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
