"""What must hold of every judge, whatever it judges, tried on made-up voices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from evaluation.judges.contract import SpeakerJudge
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import Scorer
from evaluation.suite import command
from tests.evaluation.voices import voice

CONF = Path(__file__).resolve().parents[3] / "conf"
CONSTRUCTS = {"speaker", "intelligibility", "emotion", "prosody", "quality", "speed"}
ASKED = ("embed", "transcribe", "rate", "probabilities", "align")
CLIPS = (voice("ann", 1.3), voice("bob", 2.1), voice("cat", 1.7))
TOLERANCE = 1e-4


def options(conf: Path = CONF) -> list[str]:
    """Options of `judge` that put a judge into a scorer."""
    nodes = {path.stem: OmegaConf.load(path) for path in sorted((conf / "judge").glob("*.yaml"))}
    return [name for name, node in nodes.items() if "judge" in node]


def build(name: str) -> Scorer:
    """The scorer of an option; an `InputError` names what is not on this machine."""
    config = command.compose_config([f"judge@judges.speaker={name}"])
    (made,) = command.build_scorers({name: config["judges"]["speaker"]})
    return made


def answers(judge: Any, clips: Sequence[np.ndarray]) -> list[Any]:
    """What a judge says of recordings, one answer each."""
    if hasattr(judge, "embed"):
        return list(judge.embed(clips))
    if hasattr(judge, "transcribe"):
        return list(judge.transcribe(clips, "en"))
    if hasattr(judge, "rate"):
        return list(judge.rate(clips))
    if hasattr(judge, "probabilities"):
        return list(judge.probabilities(clips, frozenset({"ann"}), "ann"))
    return [judge.align(clip, "one two").mean for clip in clips]


def same(one: Any, other: Any) -> bool:
    """Whether two answers are equal but for rounding."""
    if isinstance(one, str):
        return one == other
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(abs(one[key] - other[key]) < TOLERANCE for key in one)
    return np.allclose(one, other, atol=TOLERANCE)


def check_judge(scorer: Scorer, samples: Sequence[Sample]) -> None:
    """Ask a judge about voices alone, together, and again after it let go of what it had loaded."""
    judge: Any = scorer.judge
    if hasattr(judge, "prepare"):
        judge.prepare(samples if hasattr(judge, "probabilities") else ["one two", "three four"])
    card = judge.card
    assert card.name and card.version and card.licence and card.rate > 0
    assert card.construct in CONSTRUCTS
    assert sum(hasattr(judge, name) for name in ASKED) == 1
    together = answers(judge, CLIPS)
    assert len(together) == len(CLIPS)
    assert same(answers(judge, CLIPS[1:2])[0], together[1]), "an answer depends on what stands beside it"
    judge.release()
    if card.deterministic:
        assert same(answers(judge, CLIPS[1:2])[0], together[1]), "an answer differs after release"
    check_answers(judge, together)


def check_answers(judge: Any, found: Sequence[Any]) -> None:
    """What the answers of each kind of judge are."""
    if hasattr(judge, "embed"):
        assert isinstance(judge, SpeakerJudge)
        vectors = np.stack(found)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=TOLERANCE)
        likeness = vectors @ np.stack(answers(judge, [*CLIPS[1:], CLIPS[0]])).T
        assert likeness.argmax(axis=1).tolist() == [2, 0, 1], "a recording is most like itself"
    elif hasattr(judge, "rate"):
        for scores in found:
            assert set(scores) == set(judge.names)
            assert all(value >= judge.worst for value in scores.values())
    elif hasattr(judge, "probabilities"):
        for chances in found:
            assert chances and abs(sum(chances.values()) - 1) < 1e-3 and min(chances.values()) >= 0
