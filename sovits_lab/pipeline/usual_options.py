"""Which option of a group goes with a corpus: the one of the corpus' own name, else the usual one.

So a new corpus needs no option but its own, unless its language or its emotions are unusual. `conf/train.yaml` asks by
the resolver `usual`.
"""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType

USUAL = {"frontend": "multilingual", "test_set": "acted"}


def usual_option(group: str, corpus: str) -> str:
    """Return the option of a group that goes with an option of `corpus`; Hydra must have been told where they are.

    Args:
        group: `frontend` or `test_set`.
        corpus: name of an option of the group `corpus`.
    """
    own = GlobalHydra.instance().config_loader().get_group_options(group, ObjectType.CONFIG)
    return corpus if corpus in own else USUAL[group]
