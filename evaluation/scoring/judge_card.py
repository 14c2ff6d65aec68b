"""Who judges: the card that every score carries, and the hash of a judge's weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class JudgeCard:
    """Who judges. No score is printed without one.

    Attributes:
        name: what the report prints.
        version: of the package or of our code, whichever can change the score.
        construct: speaker, intelligibility, emotion, prosody, quality or speed.
        weight_hash: first 16 hex digits of the weights' SHA-256, empty for a measure without weights.
        rate: sampling rate that it is fed, in Hz.
        minimum_seconds: shorter audio is outside of what the judge was made for.
        needs: what beside the output it needs: text, phones, enrolment, truth.
        threshold: similarity at a speaker judge's equal-error point on real speech, above which a voice is verified.
        licence: SPDX id of the weights, or of the code where there are none.
        deterministic: whether the same audio always gets the same score.
        self_graded: the judged model, or its training, used this judge.
        caution: what it is known to get wrong, as measured.
    """

    name: str
    version: str
    construct: str
    rate: int
    weight_hash: str = ""
    minimum_seconds: float = 0.0
    needs: tuple[str, ...] = ()
    threshold: float | None = None
    licence: str = ""
    deterministic: bool = True
    self_graded: bool = False
    caution: str = ""

    @property
    def label(self) -> str:
        """The name as printed, with its warning."""
        return f"{self.name} (self-graded)" if self.self_graded else self.name


def weight_hash(*paths: Path) -> str:
    """Compute the first 16 hex digits of the SHA-256 over files, or over every weight file of folders,
    in name order.
    """
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for one in files:
            with one.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()[:16]


SIGNAL = JudgeCard(name="signal", version="1", construct="prosody", rate=16000, licence="Apache-2.0")
