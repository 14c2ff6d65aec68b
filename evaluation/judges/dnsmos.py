"""DNSMOS P.835 and P.808 (Reddy et al. 2021, 2022) by the speechmos wheel: optional, and never alone.

It hears noise and vocoder artefacts. It does not hear a missing half of a sentence, a repeated word or a wrong pitch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.types import got

RATE = 16000


class Dnsmos:
    """Overall, signal, background and P.808 scores from 1 to 5; recordings under 9 s are repeated to that length."""

    names = ("ovrl_mos", "sig_mos", "bak_mos", "p808_mos")
    worst = 1.0

    def __init__(self) -> None:
        spec = find_spec("speechmos")
        if spec is None or spec.origin is None:
            raise got("judge dnsmos", "no installed package speechmos", "`pip install speechmos`")
        self.card = JudgeCard(
            name="DNSMOS",
            version=version("speechmos"),
            construct="quality",
            rate=RATE,
            weight_hash=weight_hash(Path(spec.origin).parent / "dnsmos_models"),
            minimum_seconds=1.0,
            licence="MIT",
        )

    def rate(self, wavs: Sequence[np.ndarray]) -> list[Mapping[str, float]]:
        """Return the scores of recordings [T] at 16 kHz, by name."""
        from speechmos import dnsmos

        found = [dnsmos.run(np.clip(wav, -1, 1), RATE, return_df=False) for wav in wavs]
        return [{name: float(one[name]) for name in self.names} for one in found]

    def release(self) -> None:
        """Do nothing: the package keeps its sessions itself."""
