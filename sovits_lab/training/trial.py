"""Modules built to see whether they can be: on torch's meta device, without memory and without numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from sovits_lab.types import got

Made = TypeVar("Made")
Module = TypeVar("Module", bound=nn.Module)


def on_trial(make: Callable[[], Made]) -> Made:
    """Return what a function makes of modules, without memory for their weights.

    What needs numbers, or fails, is made once more with them, so every error is one that a run would end with. The
    state of the random numbers is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return make()
        except Exception:  # whatever it was: the same without the meta device has the last word
            return make()


def check_buildable(make: Callable[[], Module]) -> Module:
    """Build a model on trial, so that what its constructors refuse is known before any stage has run.

    Returns:
        The model, without numbers.

    Raises:
        InputError: what a constructor says, or weights that this machine's memory cannot hold.
    """
    model = on_trial(make)
    weights = sum(value.nbytes for value in (*model.parameters(), *model.buffers()))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if weights > memory:
        given, most = f"{weights / 1e9:,.1f} GB of weights", f"{memory / 1e9:,.1f} GB"
        raise got("model", given, f"at most this machine's memory, {most}: smaller widths or fewer layers")
    return model
