"""Trainings that start from a bundle: the same model goes on, vocabularies grow by name, other sizes are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from sovits_lab import voices
from sovits_lab.checkpoints.bundle import allowed_class, build, load_parts, read_facts, read_weights, write_bundle
from sovits_lab.models.contracts import DataSizes, conditions_of
from sovits_lab.reporting import Silent
from sovits_lab.training.gpt import TrainGpt
from sovits_lab.training.growth import Vocabularies, axes_of, grow, shapes_of
from sovits_lab.training.reference_encoder import TrainStyle
from sovits_lab.training.released import initial
from sovits_lab.training.speaker import TrainSpeaker
from sovits_lab.training.tokenizer import TrainTokenizer
from sovits_lab.types import InputError
from tests.data.stores import SPEC, SYMBOLS, write_store
from tests.models import small
from tests.test_configs import composed
from tests.training.losses import GPT_LOSSES, TOKENIZER_LOSSES, weighed
from tests.training.test_tasks import AUDIO, RUNTIME, TOKENIZER

STILL = {"steps": 1, "lr": 1e-12, "warmup": 0}  # what was loaded is what is written
GPT: dict[str, Any] = {
    "_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "channels": 16, "layers": 1, "heads": 2,
    "phone_layers": 1,
    "reference": {"_target_": "sovits_lab.conditioning.reference.NoReference"},
    "labels": {"_target_": "sovits_lab.conditioning.labels.LabelEmbedding", "out_channels": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("prepared")
    store = write_store(folder / "features")
    for name in ("tokens", "speaker"):
        (folder / name).mkdir()
    np.save(folder / "tokens" / "tokens.npy", np.arange(sum(r.frames for r in store.rows) // 2) % small.CODES)
    (folder / "tokens" / "durations.json").write_text("{}")
    (folder / "tokens" / "facts.json").write_text(f'{{"codes": {small.CODES}}}')
    np.savez(folder / "speaker" / "speakers.npz", ann=np.ones(6, np.float32), bob=np.zeros(6, np.float32))
    return {name: folder / name for name in ("features", "tokens", "speaker")}


def gpt_stage(init: Path | None, **changes: Any) -> TrainGpt:
    settings: dict[str, Any] = {
        "model": GPT, "optimisation": STILL, "losses": {k: v for k, v in GPT_LOSSES.items() if k in OWN},
        "roles": ["emotional"], "batch_seconds": 5.0, "precision": "32-true", "seed": 0, "runtime": RUNTIME,
        "references": {"other_speaker": 0.8, "frames": [20, 30], "spectral_jitter": 0.5, "mel_shift": 1},
        "init": str(init) if init else None,
    }  # fmt: skip
    return TrainGpt(**{**settings, **changes})


OWN = ("token", "guided_attention", "duration", "aligned_phone")


def run(stage: Any, inputs: dict[str, Path], out: Path) -> None:
    out.mkdir()
    stage.run(inputs, out, Silent())


def gpt_bundle(
    folder: Path, symbols: tuple[str, ...], labels: tuple[str, ...], **sizes: int
) -> dict[str, torch.Tensor]:
    """A GPT with these vocabularies, each of its weights a different number."""
    node = {**GPT, "codes": small.CODES, "phones": len(symbols), "speaker_channels": 6, **sizes}
    node = {**node, "labels": {**GPT["labels"], "labels": list(labels)}}
    torch.manual_seed(7)
    model = build(node)
    emotions = {label: [0.5] for label in labels}
    facts = {"kind": "gpt", "model": node, "symbols": list(symbols), "emotions": emotions}
    write_bundle(folder, {"gpt": model}, facts)
    return {name: value.clone() for name, value in model.state_dict().items()}


def written(out: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    facts = read_facts(out / "bundle", "gpt")
    model = build(facts["model"])
    load_parts(out / "bundle", {"gpt": model})
    return model.state_dict(), facts


def test_a_gpt_goes_on_and_its_vocabularies_grow_by_name(prepared: dict[str, Path], tmp_path: Path) -> None:
    old = gpt_bundle(tmp_path / "base", ("c", "_", "a"), ("happy", "neutral"))
    run(gpt_stage(tmp_path / "base"), prepared, tmp_path / "out")
    new, facts = written(tmp_path / "out")
    labels = facts["model"]["labels"]["labels"]
    assert labels == ["happy", "neutral", "sad"]
    assert set(facts["emotions"]) == {"happy", "neutral", "sad"}
    for place, symbol in enumerate(("c", "_", "a")):
        for table in ("phones.weight", "current.weight", "current.bias"):
            torch.testing.assert_close(new[table][SYMBOLS.index(symbol)], old[table][place])
    torch.testing.assert_close(new["labels.table.weight"][:2], old["labels.table.weight"])
    assert new["phones.weight"].shape[0] == len(SYMBOLS)
    for name in ("tokens.weight", "predict.weight", "norm.weight"):
        torch.testing.assert_close(new[name], old[name])


def test_the_same_vocabularies_in_another_order_are_put_in_order(prepared: dict[str, Path], tmp_path: Path) -> None:
    old = gpt_bundle(tmp_path / "base", tuple(reversed(SYMBOLS)), ("neutral", "sad"))
    run(gpt_stage(tmp_path / "base"), prepared, tmp_path / "out")
    new, _ = written(tmp_path / "out")
    torch.testing.assert_close(new["phones.weight"], old["phones.weight"].flip(0))
    assert read_facts(tmp_path / "out" / "bundle", "gpt")["began_with"]["name"] == "gpt"


@pytest.mark.parametrize(
    ("symbols", "sizes", "message"),
    [
        (SYMBOLS, {"channels": 32}, r"init .*base: gpt: \S+.*shape .*32.*expected shape .*16"),
        (SYMBOLS, {"codes": small.CODES + 2}, r"init .*base: gpt: (tokens|predict).*shape"),
        (SYMBOLS, {"speaker_channels": 9}, r"init .*base: gpt: \S+.*shape"),
        ((*SYMBOLS, "zz"), {}, r"init .*base: gpt: phones: got '6 phones, of which the front end lacks zz'"),
    ],
)
def test_other_sizes_are_refused_by_name(
    symbols: tuple[str, ...], sizes: dict[str, int], message: str, prepared: dict[str, Path], tmp_path: Path
) -> None:
    gpt_bundle(tmp_path / "base", symbols, ("neutral", "sad"), **sizes)
    with pytest.raises(InputError, match=message) as caught:
        run(gpt_stage(tmp_path / "base"), prepared, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_bundle_without_the_part_and_no_bundle_are_refused(prepared: dict[str, Path], tmp_path: Path) -> None:
    gpt_bundle(tmp_path / "base", SYMBOLS, ("neutral",))
    with pytest.raises(InputError, match=r"parts: got \['gpt'\], expected a part 'speaker'"):
        initial(tmp_path / "base", "speaker")
    with pytest.raises(InputError, match=r"init: got .*nowhere.*expected a bundle"):
        run(gpt_stage(tmp_path / "nowhere"), prepared, tmp_path / "out")


def test_speaker_and_reference_encoders_go_on(prepared: dict[str, Path], tmp_path: Path) -> None:
    speaker = {"_target_": "sovits_lab.conditioning.speaker.SpeakerEncoder", "mels": SPEC.n_mels, "channels": 16,
               "layers": 1, "out_channels": 6}  # fmt: skip
    style = {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": SPEC.n_mels, "channels": [8],
             "hidden": 8, "out_channels": 5}  # fmt: skip
    common: dict[str, Any] = {"optimisation": STILL, "roles": ["emotional"], "batch_size": 4, "precision": "32-true",
                              "seed": 3, "runtime": RUNTIME}  # fmt: skip
    makers = {
        "speaker": lambda init: TrainSpeaker(model=speaker, audio=AUDIO, frames=[20, 30], losses={"speaker": 1.0},
                                             init=init, **common),
        "style": lambda init: TrainStyle(model=style, references={"frames": [20, 30]}, losses=weighed(emotion=1.0),
                                         init=init, **common),
    }  # fmt: skip
    for kind, node in (("speaker", speaker), ("style", style)):
        name = {"speaker": "speaker", "style": "reference"}[kind]
        torch.manual_seed(11)
        model = build(node)
        base = tmp_path / f"{kind}-base"
        write_bundle(base, {name: model}, {"kind": kind, "model": node})
        run(makers[kind](str(base)), prepared, tmp_path / kind)
        found = build(node)
        load_parts(tmp_path / kind / "bundle", {name: found})
        assert kind == "style" or "began_with" in read_facts(tmp_path / kind / "bundle", kind)
        for key, value in model.named_parameters():
            torch.testing.assert_close(found.state_dict()[key], value, atol=1e-5, rtol=1e-4)
        wider = {**node, "out_channels": 7}
        write_bundle(tmp_path / f"{kind}-wide", {name: build(wider)}, {"kind": kind, "model": wider})
        with pytest.raises(InputError, match=rf"init .*{kind}-wide: {kind}: \S+.*shape"):
            run(makers[kind](str(tmp_path / f"{kind}-wide")), prepared, tmp_path / f"{kind}-out")


def test_a_tokenizer_learns_new_phones_and_keeps_the_others(prepared: dict[str, Path], tmp_path: Path) -> None:
    node = {**TOKENIZER, "phones": 3}
    torch.manual_seed(5)
    model = build(node)
    facts = {"kind": "content", "model": node, "audio": AUDIO, "symbols": ["b", "a", "_"]}
    write_bundle(tmp_path / "base", {"content": model}, facts)
    stage = TrainTokenizer(
        model=TOKENIZER, audio=AUDIO, optimisation=STILL, losses=TOKENIZER_LOSSES, quantizer_bypass=0.3,
        roles=["emotional"], batch_seconds=5.0, mel_shift=1, precision="32-true", seed=0, runtime=RUNTIME,
        init=str(tmp_path / "base"),
    )  # fmt: skip
    run(stage, {"features": prepared["features"]}, tmp_path / "out")
    job = stage.begin({"features": prepared["features"]}, tmp_path / "again", Silent())
    assert job.task.flat_start == 0, "it knows where phones are"
    found = build({**TOKENIZER, "phones": len(SYMBOLS)})
    load_parts(tmp_path / "out" / "bundle", {"content": found})
    old, new = model.state_dict(), found.state_dict()
    axes = axes_of(
        lambda known: shapes_of(build({**TOKENIZER, "phones": len(known.phones)})), Vocabularies(tuple(SYMBOLS))
    )
    assert {counts.blocks for each in axes.values() for counts in each.values()} == {1, 2}  # 25 Hz, and 50 Hz out of it
    for key, counts in ((key, each[0]) for key, each in axes.items()):
        ahead = old[key].shape[0] - 3 * counts.blocks
        torch.testing.assert_close(new[key][:ahead], old[key][:ahead])
        for block in range(counts.blocks):
            for place, symbol in enumerate(("b", "a", "_")):
                one, other = ahead + block * len(SYMBOLS) + SYMBOLS.index(symbol), ahead + block * 3 + place
                torch.testing.assert_close(new[key][one], old[key][other])


def test_tables_grow_along_the_axis_that_counts() -> None:
    before, after = Vocabularies(("a", "b"), ("x",)), Vocabularies(("c", "b", "a"), ("x", "y"))
    axes = axes_of(
        lambda known: {"table": (len(known.phones), 3), "across": (3, len(known.labels) + 1), "other": (2, 2)}, after
    )
    assert axes == {"table": {0: ("phones", 1)}, "across": {1: ("labels", 1)}}
    weights = {"table": torch.tensor([[1.0] * 3, [2.0] * 3]), "across": torch.arange(6.0).reshape(3, 2)}
    own = {"table": torch.zeros(3, 3), "across": torch.full((3, 3), 9.0)}
    made = grow(weights, own, axes, before, after)
    assert made["table"][:, 0].tolist() == [0.0, 2.0, 1.0]
    assert made["across"].tolist() == [[0.0, 1.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 9.0]]


@pytest.mark.parametrize("part", ["gpt", "sovits"])
def test_a_voice_of_labels_gets_room_for_clips_and_speaks_as_before(part: str) -> None:
    starter = Path(voices.__path__[0]) / "starter"
    facts = read_facts(starter, "voice")
    made = composed("experiment=sad_transfer_ravdess", "corpus.root=nowhere")
    stage = OmegaConf.to_container(made, resolve=True)["stages"][part]
    sizes = DataSizes(1000, len(facts["symbols"]), 64, ("angry", "happy", "neutral", "sad"))
    new = build(allowed_class(stage["model"]["_target_"]).sized(stage["model"], sizes, build)).eval()
    old = build(facts["models"][part]).eval()
    weights = read_weights(starter)
    old.load_state_dict({k.removeprefix(f"{part}/"): v for k, v in weights.items() if k.startswith(f"{part}/")})
    start = initial(starter, part)
    assert not start.takes_clips and new.reference.takes_clips
    start.load(new)
    speaker, emotion = torch.randn(2, 64), torch.tensor([0, 3])
    phones, mask = torch.tensor([[20, 31, 52], [7, 60, 61]]), torch.ones(2, 3, dtype=torch.bool)

    def says(model: Any, style: torch.Tensor) -> torch.Tensor:
        told = conditions_of(model, speaker, style, emotion)
        assert set(told) == {"speaker", "style", "emotion"}
        if part == "gpt":
            return torch.as_tensor(model.prefix(phones, mask, told).log_durations)
        tokens, frames = torch.tensor([[1, 2], [3, 4]]), torch.ones(2, 4, dtype=torch.bool)
        plan = model.plan(tokens, frames, phones, mask, told)
        return torch.cat([plan.z.flatten(), plan.pitch.flatten(), plan.extent.flatten()])

    with torch.no_grad():
        before, after = says(old, torch.zeros(2, 1)), says(new, torch.randn(2, new.reference.out_channels))
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)
