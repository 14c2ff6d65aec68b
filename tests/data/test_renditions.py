"""Batches for disentanglement: parallel renditions, references of others, emotions that say who."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sovits_lab.data.batches import SpeakerData, TokenizerData
from sovits_lab.data.references import References
from sovits_lab.data.store import FeatureStore
from sovits_lab.reporting import Silent
from sovits_lab.training.tokenizer import TrainTokenizer
from sovits_lab.types import InputError
from tests.data.stores import SPEC, write_store


def make_parallel(store: FeatureStore) -> None:
    """Everybody reads the sentences of the first speaker and emotion."""
    for row in store.rows:
        model = store.rows[int(row.id[-1])]
        edges = np.linspace(0, row.frames, len(model.phones) + 1).round().astype(int)
        object.__setattr__(row, "phones", model.phones)
        object.__setattr__(row, "durations", tuple(np.diff(edges).tolist()))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return write_store(tmp_path / "features")


def test_renditions_meet_in_a_batch_and_plain_batches_are_as_ever(store: FeatureStore) -> None:
    make_parallel(store)
    rows = range(len(store.rows))
    data = TokenizerData(store, rows, 6.0, seed=0, parallel_takes=2)
    for step in range(4):
        batch = data.batch(step)
        pairs = batch.sentence.reshape(-1, 2)
        assert (pairs[:, 0] == pairs[:, 1]).all() and pairs.numel() >= 2
        assert len(set(zip(batch.speaker.tolist(), batch.emotion.tolist(), batch.sentence.tolist(), strict=True))) > 1
    again = TokenizerData(store, rows, 6.0, seed=0, parallel_takes=2).batch(3)
    assert again.mel.equal(batch.mel), "a pure function of the step"
    plain = TokenizerData(store, rows, 6.0, seed=0)
    assert len(plain.batch(0).mel) == len(plain.plan.batch(0))


def test_places_and_positions_are_those_of_the_alignment(store: FeatureStore) -> None:
    batch = TokenizerData(store, [0], 6.0, seed=0).batch(0)
    first = store.rows[0].durations[0]
    assert batch.place[0, :first].tolist() == [0] * first and batch.place[0, first] == 1
    np.testing.assert_allclose(batch.position[0, :first], (np.arange(first) + 0.5) / first, rtol=1e-6)


def test_without_parallel_recordings_renditions_are_refused(store: FeatureStore) -> None:
    with pytest.raises(InputError, match="parallel_takes: got 2"):
        TokenizerData(store, range(len(store.rows)), 6.0, seed=0, parallel_takes=2)
    with pytest.raises(InputError, match="parallel_takes: got 0"):
        TokenizerData(store, [0], 6.0, seed=0, parallel_takes=0)


def test_references_of_others_are_never_the_speakers_own(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    references = References(store, range(len(store.rows)), 1.0, (20, 30), same_speaker=False)
    drawn: list[int] = []
    crop = references.crop
    monkeypatch.setattr(references, "crop", lambda row, rng: (drawn.append(row), crop(row, rng))[1])
    rng = np.random.default_rng(0)
    for row in range(len(store.rows)):
        references.draw(row, rng)
    for row, other in enumerate(drawn):
        assert store.rows[row].speaker != store.rows[other].speaker
        assert store.rows[row].emotion == store.rows[other].emotion
    with pytest.raises(InputError, match="one speaker alone"):
        References(store, range(len(store.rows) // 2), 1.0, same_speaker=False)


def test_the_emotion_of_someone_who_has_only_one_is_not_told(store: FeatureStore) -> None:
    rows = [i for i, row in enumerate(store.rows) if row.speaker == "ann" or row.emotion == "neutral"]
    batch = SpeakerData(store, rows, 40, (20, 24), seed=0).batch(0)
    bob = batch.speaker == 1
    assert bob.any() and (batch.emotion[bob] == -1).all() and set(batch.emotion[~bob].tolist()) == {0, 1}


def test_a_tokenizer_learns_with_every_switch_on(store: FeatureStore, tmp_path: Path) -> None:
    make_parallel(store)
    (store.folder / "table.jsonl").write_text("\n".join(_lines(store)) + "\n")
    kinds = "sovits_lab.losses."
    losses = {
        "ctc": 1.0, "frames_before": 1.0, "frames_after": 1.0, "distillation": 1.0,
        "consistency": {"weight": 1.0, "_target_": f"{kinds}consistency.ParallelConsistency", "input": "content"},
        "speaker_adversary": {"weight": 0.1, "_target_": f"{kinds}disentanglement.SequenceAdversary",
                              "input": "content", "target": "speaker"},
    }  # fmt: skip
    model = {
        "_target_": "sovits_lab.content.ctc.CtcTokenizer", "mels": SPEC.n_mels, "channels": 16, "layers": [1, 1, 1],
        "quantizer": {"_target_": "sovits_lab.quantization.finite_scalar.FiniteScalarQuantizer", "levels": [4, 3]},
        "norm": {"_target_": "sovits_lab.nn.normalisation.InstanceNorm"},
    }  # fmt: skip
    seen: dict[str, float] = {}

    class Listening(Silent):
        def metrics(self, step: int, values: object) -> None:
            seen.update(values)  # type: ignore[call-overload]

    stage = TrainTokenizer(
        model=model, audio={"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels},
        optimisation={"steps": 2, "warmup": 1},
        losses=losses,
        quantizer_bypass=0.3, roles=["emotional"], batch_seconds=6.0, mel_shift=0, precision="32-true", seed=0,
        parallel_takes=2,
        runtime={"threads": 1, "log_every": 1},
        callbacks=[{"_target_": "sovits_lab.training.monitors.leaks.TokenLeaks", "every": 1}],
    )  # fmt: skip
    (tmp_path / "out").mkdir()
    stage.run({"features": store.folder}, tmp_path / "out", Listening())
    assert 0 < seen["train/consistency"] < 2 and seen["train/speaker_adversary"] > 0


def _lines(store: FeatureStore) -> list[str]:
    import json
    from dataclasses import asdict

    return [json.dumps(asdict(row)) for row in store.rows]
