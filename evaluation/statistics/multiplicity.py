"""Many questions at once: Holm for the primaries declared before the run, Benjamini-Hochberg q-values for the rest."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sovits_lab.types import got


@dataclass(frozen=True)
class Adjusted:
    """A p-value with its family: `adjusted` is Holm's p for a primary, the q-value otherwise; `m` the family's size."""

    p: float
    adjusted: float
    family: str
    m: int
    note: str = ""


def adjust(p_values: Mapping[str, float], primaries: Collection[str] = ()) -> dict[str, Adjusted]:
    """Correct p-values: Holm over `primaries`, Benjamini-Hochberg over the others; a NaN stays NaN and does not count
    in m.

    Raises InputError when a declared primary is not among the names or a p lies outside [0, 1].
    """
    absent = set(primaries) - set(p_values)
    if absent:
        raise got("primary metric", sorted(absent)[0], f"one of {', '.join(sorted(p_values)) or 'no metric at all'}")
    result: dict[str, Adjusted] = {}
    for family, method in (("primary", "holm"), ("secondary", "fdr_bh")):
        names = [name for name in p_values if (name in primaries) == (family == "primary")]
        result |= _family({name: p_values[name] for name in names}, family, method)
    return {name: result[name] for name in p_values}


def _family(p_values: Mapping[str, float], family: str, method: str) -> dict[str, Adjusted]:
    from statsmodels.stats.multitest import multipletests

    tested = [name for name, p in p_values.items() if not math.isnan(p)]
    for name in tested:
        if not 0 <= p_values[name] <= 1:
            raise got(f"p-value of {name}", p_values[name], "a number between 0 and 1")
    corrected = multipletests([p_values[name] for name in tested], method=method)[1] if tested else []
    found = dict(zip(tested, corrected, strict=True))
    return {
        name: Adjusted(p, float(found[name]), family, len(tested))
        if name in found
        else Adjusted(math.nan, math.nan, family, len(tested), "no test was possible")
        for name, p in p_values.items()
    }
