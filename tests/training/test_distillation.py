"""A student of a trained voice: the teacher says the training sentences, and the student learns that alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sovits_lab.checkpoints.bundle import read_weights
from sovits_lab.data.batches import SpeechData
from sovits_lab.data.store import FeatureStore
from sovits_lab.data.teacher_targets import TARGETS, TeacherData, read_targets
from sovits_lab.inference.teacher_targets import GenerateTargets
from sovits_lab.reporting import Silent
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.distillation import TeachGpt, kept_layers
from sovits_lab.types import InputError
from tests.data import stores
from tests.inference.voices import AUDIO, write_voice
from tests.models import small
from tests.training.losses import GPT_LOSSES, weighed
from tests.training.test_tasks import RUNTIME

MODEL: dict[str, Any] = {
    "_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "channels": 16, "layers": 1, "heads": 2,
    "phone_layers": 1,
    "reference": {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": 20, "channels": [8, 12],
                  "stride": 2, "hidden": 12, "out_channels": small.STYLE},
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Features as the teachers hear and read, tokens, speakers, two teachers, and what the parallel one says."""
    root = tmp_path_factory.mktemp("distillation")
    patch = pytest.MonkeyPatch()
    patch.setattr(stores, "SPEC", stores.AudioSpec(n_mels=AUDIO["n_mels"]))
    patch.setattr(stores, "SYMBOLS", tuple(load_symbols("english").names))
    store = stores.write_store(root / "features")
    patch.undo()
    for name in ("tokens", "speaker", "teacher_targets"):
        (root / name).mkdir()
    np.save(root / "tokens" / "tokens.npy", np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int64))
    (root / "tokens" / "durations.json").write_text("{}")
    (root / "tokens" / "facts.json").write_text(json.dumps({"codes": small.CODES}))
    vectors = {name: np.eye(small.SPEAKER, dtype=np.float32)[i] for i, name in enumerate(("ann", "bob"))}
    np.savez(root / "speaker" / "speakers.npz", **vectors)
    for name in ("parallel", "autoregressive"):
        (root / name).mkdir()
        root.joinpath(f"{name}.txt").write_text(str(write_voice(root / name, parallel=name == "parallel")))
    made = {name: root / name for name in ("features", "tokens", "speaker", "teacher_targets")}
    made |= {name: Path((root / f"{name}.txt").read_text()) for name in ("parallel", "autoregressive")}
    GenerateTargets(["emotional"], 0, str(made["parallel"])).run(made, made["teacher_targets"], Silent())
    return made


def stage(folders: dict[str, Path], **changes: Any) -> TeachGpt:
    own = ("token", "guided_attention", "duration", "aligned_phone")
    settings: dict[str, Any] = {
        "model": MODEL, "optimisation": {"steps": 1, "lr": 1e-12, "warmup": 0},
        "losses": {key: value for key, value in GPT_LOSSES.items() if key in own}, "roles": ["emotional"],
        "batch_seconds": 5.0, "precision": "32-true", "seed": 0, "runtime": RUNTIME,
        "references": {"other_speaker": 0.8, "frames": [20, 30]}, "teacher": str(folders["autoregressive"]),
    }  # fmt: skip
    return TeachGpt(**{**settings, **changes})


def test_every_sentence_is_said_once_with_the_phone_of_every_frame(folders: dict[str, Path], tmp_path: Path) -> None:
    store, said = FeatureStore(folders["features"]), read_targets(folders["teacher_targets"])
    assert len(said) > len(store.rows) // 2
    for row in store.rows:
        if row.id in said:
            one = said[row.id]
            assert len(one.place) == 2 * len(one.tokens) and (np.diff(one.place) >= 0).all()
            assert one.place.min() >= 0 and one.place.max() < len(row.phones) and one.tokens.max() < small.CODES
    assert len({one.clip for one in said.values()}) == len(said)
    GenerateTargets(["emotional"], 0, str(folders["parallel"])).run(folders, tmp_path, Silent())
    assert (tmp_path / TARGETS).stat().st_size == (folders["teacher_targets"] / TARGETS).stat().st_size
    again = read_targets(tmp_path)
    assert all(np.array_equal(again[name].tokens, one.tokens) for name, one in said.items())


def test_batches_hold_what_was_said_and_the_style_that_it_was_said_in(folders: dict[str, Path]) -> None:
    job = stage(folders).begin(folders, folders["teacher_targets"], Silent())
    assert isinstance(job.data, TeacherData) and isinstance(job.data.data, SpeechData)
    store, said = FeatureStore(folders["features"]), read_targets(folders["teacher_targets"])
    emotion = {row.id: row.emotion for row in store.rows}
    batch, chosen = job.data.batch(3), job.data.data.plan.batch(3)
    labels = job.data.data.labels
    for i, place in enumerate(chosen):
        one = said[store.rows[job.data.data.rows[place]].id]
        assert torch.equal(batch.tokens[i][batch.token_mask[i]], torch.from_numpy(one.tokens).long())
        assert torch.equal(batch.place[i, : len(one.place)], torch.from_numpy(one.place).long())
        assert labels.emotions[int(batch.emotion[i])] == emotion[one.clip]
        assert labels.speakers[int(batch.speaker[i])] == one.row.split("-")[0]
    again = job.data.batch(3)
    assert torch.equal(batch.reference, again.reference)


def test_a_student_begins_with_layers_of_its_teacher(folders: dict[str, Path], tmp_path: Path) -> None:
    stage(folders, layers=[1]).run(folders, tmp_path, Silent())
    teacher = {k.removeprefix("gpt/"): v for k, v in read_weights(folders["autoregressive"]).items() if k[:4] == "gpt/"}
    student = {k.removeprefix("gpt/"): v for k, v in read_weights(tmp_path / "bundle").items()}
    learned = [name for name in student if not name.startswith(("reference.norms.", "conditions.scale."))]
    assert any(name.startswith("layers.0.") for name in learned)
    for name in learned:  # what only measures its input has moved by one batch
        value = student[name]
        old = name.replace("layers.0.", "layers.1.") if name.startswith("layers.") else name
        torch.testing.assert_close(value.float(), teacher[old].float(), atol=1e-6, rtol=0)
    assert not torch.equal(teacher["layers.0.attention_norm.weight"], teacher["layers.1.attention_norm.weight"])


def test_a_model_without_a_loop_is_taught_too(folders: dict[str, Path], tmp_path: Path) -> None:
    node = {
        **{k: v for k, v in MODEL.items() if k != "heads"},
        "_target_": "sovits_lab.models.gpt.parallel.ParallelGpt",
    }
    stage(folders, model=node, losses=weighed(token=1.0, duration=1.0)).run(folders, tmp_path, Silent())
    assert any(key.startswith("gpt/within") for key in read_weights(tmp_path / "bundle"))


def test_what_does_not_fit_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stages.gpt.layers: got \[0, 1\], expected 1 numbers, one for each"):
        stage(folders, layers=[0, 1])
    with pytest.raises(InputError, match=r"stages.gpt.teacher: got None, expected the voice whose layers"):
        stage(folders, layers=[0], teacher=None).begin(folders, tmp_path, Silent())
    with pytest.raises(InputError, match=r"stages.gpt.layers: got 7, expected one of the teacher's 1 layers"):
        kept_layers({"layers.0.weight": torch.zeros(1)}, [7])
    with pytest.raises(
        InputError, match=r"stages.teacher_targets.base: got None, expected the teacher: stages.teacher_targets.base="
    ):
        GenerateTargets(["emotional"], 0).lacks([])
    with pytest.raises(InputError, match="teacher targets"):
        read_targets(tmp_path)
    np.savez(tmp_path / TARGETS, row=np.array(["a"]))
    with pytest.raises(InputError, match=r"teacher targets .*got 'no clip', expected the file that the stage"):
        read_targets(tmp_path)
