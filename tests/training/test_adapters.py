"""Adapters from training to speaking: the base stays, strength 0 is the base, what does not belong is refused."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.checkpoints.adapters import FOLDER, adapter_facts, attach_adapters, base_digest, join_adapters
from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.conditioning.conditions import given
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.inference.loading import load_voice
from sovits_lab.provenance.trace import trace_consent
from sovits_lab.reporting import Silent
from sovits_lab.training.adapters import AdaptGpt, AdaptSovits, lacks_emotions, replayed
from sovits_lab.training.assemble_adapters import AssembleAdapters
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import small_sovits_node
from tests.data import stores
from tests.provenance.manifests import LICENCE, MINE, write_manifest

CODES, SPEAKER = 20, 6
AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "sample_rate": 32000, "n_fft": 2048, "hop": 640, "win": 2048,
         "n_mels": 10}  # fmt: skip
FRONTEND = {"_target_": "sovits_lab.text.frontend.EnglishFrontend"}
SAMPLING = {"_target_": "sovits_lab.models.gpt.sampling.Sampler", "top_k": 3}
ENCODER = {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": 10, "channels": [8], "kernel": 3,
           "stride": 2, "hidden": 8, "out_channels": 4}  # fmt: skip
COMMON = {
    "optimisation": {"steps": 3, "lr": 0.02, "warmup": 0},
    "roles": ["emotional"],
    "batch_seconds": 4.0,
    "references": {"other_speaker": 0.5, "frames": [20, 40]},
    "precision": "32-true",
    "seed": 1,
    "runtime": {"threads": 1, "log_every": 1},
    "replay": 0.5,
}


def write_base(folder: Path, seed: int = 0) -> Path:
    """A native voice whose models are the released family's, tiny and random."""
    torch.manual_seed(seed)
    decoder = {"_target_": "sovits_lab.models.gpt.decoder.PrefixDecoder", "phones": 5, "codes": CODES + 1, "width": 16,
               "heads": 2, "layers": 2, "bert_channels": 4, "speaker_channels": SPEAKER}  # fmt: skip
    synthesizer = small_sovits_node("v2")
    synthesizer["quantizer"]["codes"], synthesizer["prior"]["phones"] = CODES, 5
    nodes = {"gpt": decoder, "sovits": synthesizer}
    models = {part: build(node) for part, node in nodes.items()}
    models["sovits"].start_codebook()
    means = {part: {"neutral": [0.0]} for part in nodes}
    facts = {"kind": "voice", "variant": "base", "models": nodes, "audio": AUDIO, "frontend": FRONTEND,
             "symbols": list(stores.SYMBOLS), "sampling": SAMPLING, "speakers": {}, "emotions": means}  # fmt: skip
    write_bundle(folder, models, facts)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Base, stage folders, and the voice that the adapters' chain assembles."""
    root = tmp_path_factory.mktemp("adapters")
    patch = pytest.MonkeyPatch()
    patch.setattr(stores, "SPEC", AudioSpec(32000, 2048, 640, 2048, 10))
    store = stores.write_store(root / "features")
    patch.undo()
    rng = np.random.default_rng(0)
    (root / "tokens").mkdir()
    np.save(root / "tokens" / "tokens.npy", rng.integers(CODES, size=sum(r.frames for r in store.rows) // 2))
    (root / "tokens" / "durations.json").write_text("{}")
    (root / "tokens" / "facts.json").write_text(json.dumps({"codes": CODES}))
    (root / "speaker").mkdir()
    vectors = {name: rng.normal(size=SPEAKER).astype(np.float32) for name in ("ann", "bob")}
    np.savez(root / "speaker" / "speakers.npz", **vectors)
    folders = {name: root / name for name in ("features", "tokens", "speaker", "gpt", "sovits", "bundle")}
    folders["base"] = write_base(root / "base")
    for name, stage in (("gpt", gpt_stage(folders["base"])), ("sovits", sovits_stage(folders["base"]))):
        folders[name].mkdir()
        stage.run({k: folders[k] for k in ("features", "tokens", "speaker")}, folders[name], Silent())
    folders["bundle"].mkdir()
    stage = AssembleAdapters(str(folders["base"]), AUDIO, FRONTEND, SAMPLING, "test")
    (folders["base"] / "DATA_CARD.md").write_text("CC BY-NC 4.0")
    folders["corpus"] = write_manifest(root / "corpus")
    stage.run({k: folders[k] for k in ("corpus", "gpt", "sovits")}, folders["bundle"], Silent())
    return folders


def gpt_stage(base: Path, **more: Any) -> AdaptGpt:
    node = {"_target_": "sovits_lab.models.adapters.gpt.GptAdapters", "style_encoder": ENCODER, "rank": 4}
    judge = {
        "weight": 0.1,
        "_target_": "sovits_lab.losses.disentanglement.Adversary",
        "input": "how",
        "target": "speaker",
    }
    lora = {"layers": [r"^layers\.\d+\.qkv$"], "rank": 2}
    values = {**COMMON, "losses": {"token": 1.0, "speaker": judge}, "lora": lora, **more}
    return AdaptGpt(model=node, base=str(base), **values)


def sovits_stage(base: Path) -> AdaptSovits:
    node = {"_target_": "sovits_lab.models.adapters.sovits.SovitsAdapters", "style_encoder": ENCODER, "rank": 4}
    return AdaptSovits(
        model=node, base=str(base), losses={"mel": 1.0, "kl": 1.0}, slice_frames=8, audio=AUDIO, **COMMON
    )


def planned(voice: Any, style: torch.Tensor | None) -> torch.Tensor:
    told = {"speaker": torch.linspace(-1, 1, voice.sovits.reference.channels)[None]}
    told |= {} if style is None else {"style": style[None]}
    tokens, ones = torch.arange(6)[None] % CODES, torch.ones(1, 12, dtype=torch.bool)
    draws = torch.Generator().manual_seed(1)
    return voice.sovits.plan(tokens, ones, tokens % 5, ones[:, :6], given(**told), generator=draws).z


def test_the_card_names_the_adapters_recordings_and_the_base(made):
    voice = made["bundle"] / "voice"
    for folder in (voice, voice / FOLDER):
        card = (folder / "DATA_CARD.md").read_text()
        assert f"| licences | not stated (2), {LICENCE} (1) |" in card and f"- {MINE}" in card
        assert "# The weights that it began with: base" in card and "CC BY-NC 4.0" in card
    assert {(use.kind, use.place) for use in trace_consent(made["bundle"], MINE).uses} == {("bundle", voice / FOLDER)}
    stage = AssembleAdapters(str(made["base"]), AUDIO, FRONTEND, SAMPLING, "test")
    with pytest.raises(InputError, match=r"inputs: got 'gpt, sovits', expected also corpus"):
        stage.run({k: made[k] for k in ("gpt", "sovits")}, made["bundle"].parent / "unnamed", Silent())


@torch.no_grad()
def test_the_trained_voice_is_its_base_at_strength_zero_and_another_at_one(made):
    base, voice = load_voice(made["base"]), load_voice(made["bundle"] / "voice")
    assert base.accepts == ("rate",) and {"style", "emotion", "strength"} <= set(voice.accepts)
    for name in ("model.safetensors", "bundle.json"):
        assert (made["base"] / name).read_bytes() == (made["bundle"] / "voice" / name).read_bytes()
    plain = planned(base, None)
    neutral, sad = voice.emotion("neutral").sovits["style"], voice.emotion("sad").sovits["style"]
    torch.testing.assert_close(planned(voice, neutral), plain, atol=0, rtol=0)
    assert not torch.allclose(planned(voice, sad), plain, atol=1e-4)
    explicit = load_voice(made["base"], adapters=made["bundle"] / "voice" / "adapters")
    torch.testing.assert_close(planned(explicit, sad), planned(voice, sad), atol=0, rtol=0)


def test_adapters_are_small_and_low_rank_weights_lie_beside_them(made):
    facts = adapter_facts(made["bundle"] / "voice" / "adapters")
    assert set(facts["parts"]) == {"gpt", "sovits"} and facts["lora"]["gpt"]["rank"] == 2
    assert facts["base"]["gpt"] == base_digest(made["base"], "gpt")
    assert facts["emotions"]["gpt"].keys() == {"neutral", "sad"}


def test_a_reference_encoder_that_both_models_hear_by_is_kept_once(made, tmp_path):
    folder = made["bundle"] / "voice" / "adapters"
    facts, tensors = adapter_facts(folder), load_file(folder / "model.safetensors")
    assert facts["shared"] and {name.partition("/")[0] for name in tensors} == {"gpt", "sovits", "style_encoder"}
    assert not any("style_encoder" in name for name in tensors if not name.startswith("style_encoder/"))
    voice = load_voice(made["bundle"] / "voice")
    assert voice.gpt.style_encoder is voice.sovits.style_encoder
    base = load_file(made["base"] / "model.safetensors")
    values = [sum(v.numel() for v in each.values()) for each in (tensors, base)]
    assert facts["share"]["all"] == values[0] / values[1]

    copy = shutil.copytree(folder, tmp_path / "adapters")
    facts["parts"]["gpt"]["style_encoder"]["out_channels"] = 5
    (copy / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="that do not agree"):
        load_voice(made["base"], adapters=copy)


def test_two_reference_encoders_that_differ_are_both_kept(made, tmp_path):
    own = tmp_path / "gpt" / "bundle"
    shutil.copytree(made["gpt"] / "bundle", own)
    tensors = load_file(own / "model.safetensors")
    name = next(name for name in tensors if "style_encoder" in name)
    save_file({**tensors, name: tensors[name] + 1}, own / "model.safetensors")
    join_adapters([own, made["sovits"] / "bundle"], made["base"], tmp_path / "joined", {})
    joined = load_file(tmp_path / "joined" / "model.safetensors")
    assert not adapter_facts(tmp_path / "joined")["shared"] and name in joined
    voice = load_voice(made["base"], adapters=tmp_path / "joined")
    assert voice.gpt.style_encoder is not voice.sovits.style_encoder


def test_adapters_of_another_base_are_refused_naming_both(made, tmp_path):
    other = write_base(tmp_path / "other", seed=5)
    found, wanted = base_digest(other, "gpt")[:12], base_digest(made["base"], "gpt")[:12]
    with pytest.raises(InputError, match=rf"gpt {found} of .*expected {wanted}"):
        load_voice(other, adapters=made["bundle"] / "voice" / "adapters")


def test_damaged_adapters_are_refused(made, tmp_path):
    copy = shutil.copytree(made["bundle"] / "voice" / "adapters", tmp_path / "adapters")
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        load_voice(made["base"], adapters=copy)
    with pytest.raises(InputError, match="kind: got 'voice'"):
        attach_adapters(made["base"], made["base"], {})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lora", {"gpt": {"layers": ["("], "rank": 2}}, r"lora\.gpt\.layers: got '\('"),
        ("lora", {"gpt": {"layers": [r"(\w+)+!"], "rank": 2}}, "without a repeated group"),
        ("lora", {"gpt": {"layers": "qkv", "rank": 2}}, "list of regular expressions"),
        ("lora", {"gpt": {"rank": 2}}, "list of regular expressions"),
        ("lora", {"gpt": {"layers": ["qkv"], "rank": 10**9}}, "from 1 to 1024"),
        ("lora", {"gpt": {"layers": ["qkv"], "rank": "2"}}, "from 1 to 1024"),
        ("lora", {"gpt": {"layers": ["qkv"], "rank": True}}, "from 1 to 1024"),
        ("emotions", {"gpt": {"sad": "x"}}, r"emotions\.gpt\.sad"),
        ("emotions", {"gpt": {"sad": [1e999]}}, "finite|JSON"),
        ("emotions", {"gpt": []}, r"emotions\.gpt"),
    ],
)
def test_hostile_facts_of_adapters_are_one_line(made, tmp_path, key, value, message):
    """Ranks, patterns and styles of a file from elsewhere are checked before anything is built."""
    copy = shutil.copytree(made["bundle"] / "voice" / "adapters", tmp_path / "adapters")
    facts = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps({**facts, key: value}))
    with pytest.raises(InputError, match=message):
        load_voice(made["base"], adapters=copy)


def test_hostile_tensors_of_adapters_are_one_line(made, tmp_path):
    """Each is a copy with one fault in its weights."""
    source = made["bundle"] / "voice" / "adapters"
    tensors = load_file(source / "model.safetensors")
    name = next(name for name, value in tensors.items() if value.is_floating_point())
    faults = {
        "nan": {**tensors, name: torch.full_like(tensors[name], float("nan"))},
        "integers": {**tensors, name: tensors[name].long()},
        "shape": {**tensors, name: tensors[name][:0].contiguous()},
        "missing": {key: value for key, value in tensors.items() if key != name},
        "more": {**tensors, "gpt/evil": torch.zeros(1)},
    }
    for fault, changed in faults.items():
        copy = shutil.copytree(source, tmp_path / fault)
        save_file(changed, copy / "model.safetensors")
        with pytest.raises(InputError) as refused:
            load_voice(made["base"], adapters=copy)
        assert "\n" not in str(refused.value), fault
    for fault, data in {"header": b"\xff" * 7 + b"\x7f{}", "empty": b"", "zip": b"PK\x03\x04" * 9}.items():
        copy = shutil.copytree(source, tmp_path / fault)
        (copy / "model.safetensors").write_bytes(data)
        with pytest.raises(InputError) as refused:
            load_voice(made["base"], adapters=copy)
        assert "\n" not in str(refused.value), fault


def test_a_base_that_is_a_pipe_is_refused(made, tmp_path):
    """A pipe in place of the weights would wait for ever."""
    base = tmp_path / "base"
    base.mkdir()
    shutil.copy(made["base"] / "bundle.json", base)
    os.mkfifo(base / "model.safetensors")
    with pytest.raises(InputError, match="base"):
        base_digest(base, "gpt")


def test_emotion_of_a_voice_without_adapters_names_the_way(made):
    with pytest.raises(InputError, match=r"does not support emotion.*adapters= brings"):
        load_voice(made["base"]).require("emotion", "emotion", "sad")


def row(speaker: str, emotion: str) -> RowFacts:
    return RowFacts(speaker, "emotional", "train", emotion, "en", "hello")


def test_what_a_corpus_lacks_is_said_before_anything_runs(made):
    stage = gpt_stage(made["base"])
    assert stage.lacks([row("ann", "neutral"), row("ann", "sad")]) == []
    assert "no emotion but neutral" in stage.lacks([row("ann", "neutral")])[0].what
    lone = stage.lacks([row("ann", "neutral"), row("bob", "sad")])
    assert "no neutral utterance of bob" in lone[0].what
    assert lacks_emotions([], ["emotional"]) == []
    with pytest.raises(InputError, match=r"adapters\.base: got None"):
        AdaptGpt(**{**vars_of(stage), "base": None}).lacks([])
    with pytest.raises(InputError, match="base: got"):
        gpt_stage(made["features"]).lacks([])


def vars_of(stage: AdaptGpt) -> dict[str, Any]:
    return {one.name: getattr(stage, one.name) for one in fields(stage)}


def test_arguments_that_do_not_fit_are_refused(made):
    with pytest.raises(InputError, match="replay: got 1"):
        gpt_stage(made["base"], replay=1)
    with pytest.raises(InputError, match="lora: got"):
        gpt_stage(made["base"], lora={"layers": []})


def test_replay_gives_neutral_speech_its_share(made):
    from sovits_lab.data.store import FeatureStore

    store = FeatureStore(made["features"])
    rows = replayed(store, range(len(store.rows)), 0.75)
    neutral = [i for i in rows if store.rows[i].emotion == "neutral"]
    assert len(neutral) / len(rows) == 0.75
