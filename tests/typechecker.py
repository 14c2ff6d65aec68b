"""The checker that jaxtyping runs over `sovits_lab` under pytest: an int is a float, as Python's typing says."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
