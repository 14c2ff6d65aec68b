"""Callbacks that look on: figures of planted vectors, the alarm, and no trace in the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sovits_lab.conditioning.reference import NoReference, ReferenceEncoder
from sovits_lab.data.batches import Labels
from sovits_lab.data.store import FeatureStore
from sovits_lab.reporting import Silent
from sovits_lab.training.callbacks import build_callbacks, of_store
from sovits_lab.training.monitors.leaks import TokenLeaks, shared_phones
from sovits_lab.training.monitors.probe_set import ProbeSet
from sovits_lab.training.monitors.probes import leaks
from sovits_lab.training.monitors.style_space import StyleSpace, between, chance, distance_ratio, shape
from sovits_lab.training.reference_encoder import TrainStyle
from sovits_lab.training.regularisers import DeclaredLosses
from sovits_lab.types import InputError
from tests.data.stores import write_store
from tests.training.losses import REGULARISERS, STYLE_LOSSES, weighed
from tests.training.test_callbacks import REFERENCE, Recorder, same, sovits
from tests.training.test_callbacks import folders as folders

SPACE, LEAKS, SWAP = (
    {"_target_": f"sovits_lab.training.monitors.{name}", "every": 2}
    for name in ("style_space.StyleSpace", "leaks.StyleLeaks", "swap.SwapTest")
)


def planted(noise: float = 0.1) -> tuple[np.ndarray, list[str], list[str]]:
    """One direction for each emotion, none for a speaker: 8 speakers, 3 emotions, 4 clips each."""
    rng = np.random.default_rng(0)
    cells = [(f"s{s}", f"e{e}") for s in range(8) for e in range(3) for _ in range(4)]
    vectors = np.stack([np.eye(6)[int(emotion[1])] for _, emotion in cells]) + noise * rng.standard_normal((96, 6))
    return vectors, [speaker for speaker, _ in cells], [emotion for _, emotion in cells]


def test_probes_find_what_was_planted_and_nothing_else() -> None:
    vectors, speakers, emotions = planted()
    found = leaks(vectors, speakers, emotions)
    assert found.emotion == 1.0 and found.emotion_chance == pytest.approx(1 / 3)
    assert found.speaker < 0.3 and found.speaker_chance == 1 / 8
    turned = leaks(vectors, emotions, speakers)  # the code now is of the speaker
    assert turned.speaker == 1.0 and turned.emotion < 0.3
    alone = leaks(vectors[:12], ["a"] * 12, emotions[:12])
    assert np.isnan(alone.emotion), "nobody is left to learn from"


def test_figures_of_a_planted_space() -> None:
    vectors, speakers, emotions = planted(noise=0.02)
    figures = shape(vectors)
    assert figures["effective_rank"] == pytest.approx(2, abs=0.3), "three points span a plane"
    assert figures["active_units"] == 3
    label, who = np.array(emotions), np.array(speakers)
    assert between(vectors, label) > 0.98 > 0.2 > chance(vectors, label)
    assert between(vectors, who) < chance(vectors, who)
    assert distance_ratio(vectors, label) > 5 and distance_ratio(vectors, who) == pytest.approx(1, abs=0.2)
    line = np.outer(np.arange(9.0), np.ones(4))
    assert shape(line)["effective_rank"] == pytest.approx(1) and shape(line)["active_units"] == 4
    assert shape(np.ones((5, 4)))["spread"] == 0


class Loudness(ReferenceEncoder):
    """Scale times the mean of every bin."""

    def __init__(self, scale: float, mels: int) -> None:
        super().__init__()
        self.scale, self.out_channels = scale, mels

    def forward(self, mel: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return 1 + self.scale * (mel * mask[:, None]).sum(2) / mask.sum(1, keepdim=True)


class Looked(lightning.LightningModule):
    """As much of a task as the callback asks for."""

    def __init__(self, reference: ReferenceEncoder) -> None:
        super().__init__()
        self.reference = reference


def test_a_collapse_is_told_once_even_over_a_kill(tmp_path: Path) -> None:
    store = write_store(tmp_path)
    report = Recorder()
    clips = ProbeSet(store, [])
    space = StyleSpace(10, alarm_from=20, clips=clips, report=report)
    fallen = Looked(Loudness(1e-9, store.mel(0).shape[1]))
    space.look(fallen, 10)
    assert report.said == [], "too early to tell"
    space.look(fallen, 20)
    space.look(fallen, 30)
    assert len(report.said) == 1 and "collapsed" in report.said[0] and "step 20" in report.said[0]
    again = StyleSpace(10, alarm_from=20, clips=clips, report=report)
    again.load_state_dict(space.state_dict())
    again.look(fallen, 40)
    assert len(report.said) == 1
    fresh = StyleSpace(10, alarm_from=20, clips=clips, report=report)
    values = fresh.look(Looked(Loudness(1.0, store.mel(0).shape[1])), 20)
    assert values["style/spread"] > 0.01 and not any("collapsed" in line for line in report.said[1:])
    assert fresh.look(Looked(NoReference()), 20) == {}, "no style is no collapse"


def test_the_probe_set_is_of_strangers_and_never_of_the_test(tmp_path: Path) -> None:
    store = write_store(tmp_path, speakers=("a", "b", "c", "d", "e", "f"))
    names = [row.speaker for row in store.rows]
    trained = [i for i, name in enumerate(names) if name in "ab"]
    assert {names[i] for i in ProbeSet(store, trained).rows} == set("cdef")
    few = [i for i, name in enumerate(names) if name in "abcd"]
    object.__setattr__(store.rows[0], "split", "valid")
    object.__setattr__(store.rows[-1], "split", "test")
    rest = ProbeSet(store, few[1:])
    assert 0 in rest.rows and len(store.rows) - 1 not in rest.rows and {names[i] for i in rest.rows} == {"a", "e", "f"}
    each = rest.choose(1)
    assert len(each) == len({(names[i], store.rows[i].emotion) for i in each}) == 5


def test_phones_that_share_a_token_are_counted(tmp_path: Path) -> None:
    store = write_store(tmp_path, speakers=("a", "b"), each=1)
    first = store.rows[0]
    for row in store.rows:
        object.__setattr__(row, "phones", first.phones)
        object.__setattr__(row, "durations", first.durations)
        object.__setattr__(row, "frames", first.frames)
    rows = list(range(len(store.rows)))
    place = store.phone_of_frame(0)[::2]
    by_phone = shared_phones(store, rows, [place] * len(rows))
    assert by_phone["tokens/shared_emotions"] == by_phone["tokens/shared_speakers"] == 1.0
    assert by_phone["tokens/shared_chance"] == 0.0
    constant = shared_phones(store, rows, [np.zeros_like(place)] * len(rows))
    assert constant["tokens/shared_chance"] == 1.0, "a tokenizer that makes all equal is found out"
    own = shared_phones(store, rows, [place + 100 * i for i in rows])
    assert own["tokens/shared_emotions"] == 0.0


def test_looking_at_styles_and_swaps_leaves_no_trace(folders: dict[str, Path], tmp_path: Path) -> None:
    plain, report = sovits(folders, tmp_path / "plain", Silent(), steps=3), Recorder()
    swap = {**SWAP, "utterances": 2, "noise": 0.5}
    assert same(plain, sovits(folders, tmp_path / "watched", report, SPACE, LEAKS, swap, steps=3))
    values = report.values[3]
    assert values["swap/distance_seeds"] > 0 and np.isfinite(values["swap/f0_sad"]) and "swap/energy_sad" in values
    assert {"style/effective_rank", "style/emotion_share_chance", "probe/style_speaker", "time/swap"} <= values.keys()
    assert any(name == "style-dimensions" for name, *_ in report.seen)


def style_stage(folders: dict[str, Path], out: Path, report: Silent, **more: Any) -> dict[str, torch.Tensor]:
    out.mkdir(exist_ok=True)
    TrainStyle(
        model=REFERENCE, optimisation={"steps": 4, "warmup": 1}, references={"frames": [20, 30]},
        roles=["emotional"], batch_size=6, precision="32-true", seed=0,
        runtime={"threads": 1, "checkpoint_seconds": 0}, **{"losses": STYLE_LOSSES, **more},
    ).run(folders, out, report)  # fmt: skip
    return load_file(out / "bundle" / "model.safetensors")


def test_a_killed_run_with_diagnostics_goes_on_exactly(folders: dict[str, Path], tmp_path: Path) -> None:
    plain = style_stage(folders, tmp_path / "plain", Silent())
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        style_stage(folders, tmp_path / "killed", Recorder(killed_at=3), callbacks=[SPACE, LEAKS])
    report = Recorder()
    assert same(plain, style_stage(folders, tmp_path / "killed", report, callbacks=[SPACE, LEAKS]))
    assert "style/spread" in report.values[4]


def test_a_switch_that_is_off_is_not_built_and_one_without_weight_is_an_error(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    labels, off = Labels(("a", "b"), ("x", "y")), weighed(emotion=1.0, speaker_adversary=0.0, contrast=0.3)
    assert list(DeclaredLosses.read(off).build({"style": 5}, labels)) == ["emotion", "contrast"]
    report = Recorder()
    style_stage(folders, tmp_path / "off", report, losses=off, callbacks=[SPACE])
    assert "style/spread" in report.values[4]
    with pytest.raises(InputError, match=r"losses.contrast.weight: got None"):
        DeclaredLosses.read({**off, "contrast": REGULARISERS["contrast"]})
    with pytest.raises(InputError, match=r"losses.contrst: got .*did you mean 'contrast'"):
        DeclaredLosses.read({**off, "contrst": {"weight": 0.3}})
    with pytest.raises(InputError, match=r"losses.style_k: got 0.3, .*did you mean 'style_kl'"):
        DeclaredLosses.read({**off, "style_k": 0.3}).check((), ["style"], REFERENCE)
    with pytest.raises(InputError, match=r"losses.token: got None, expected its weight"):
        DeclaredLosses.read(off).check(("token",), ["style"])
    with pytest.raises(InputError, match=r"losses.emotion: got .*the model has a loss so named"):
        DeclaredLosses.read(off).check(("emotion",), ["style"])
    DeclaredLosses.read({**off, "style_kl": 0.3}).check((), ["style"], REFERENCE)
    for wrong, word in (({"input": "stile"}, "input"), ({"target": "mood"}, "target")):
        with pytest.raises(InputError, match=rf"losses.emotion.{word}"):
            DeclaredLosses.read({"emotion": {**STYLE_LOSSES["emotion"], **wrong}}).build({"style": 5}, labels)
    with pytest.raises(InputError, match="one or more"):
        style_stage(folders, tmp_path / "none", Silent(), losses=weighed(**dict.fromkeys(REGULARISERS, 0.0)))


def test_a_callback_for_another_stage_is_refused_in_a_line(tmp_path: Path) -> None:
    store: FeatureStore = write_store(tmp_path)
    with pytest.raises(InputError, match="held"):
        build_callbacks([SWAP], of_store(store, [0], Silent()))
    (made,) = build_callbacks([{"_target_": "sovits_lab.training.monitors.leaks.TokenLeaks", "every": 1}],
                              of_store(store, [0], Silent()))  # fmt: skip
    assert isinstance(made, TokenLeaks)
    with pytest.raises(InputError, match="every"):
        TokenLeaks(0, clips=ProbeSet(store, []), report=Silent())
