"""Adapters on converted released files, from what their own networks hear to a voice that speaks with emotion."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.checkpoints.upstream_bundle import convert, export
from sovits_lab.checkpoints.upstream_file import UpstreamFile, read_upstream
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.data.prepared import open_prepared
from sovits_lab.data.store import StoreWriter, Utterance
from sovits_lab.inference.samples import SpeakTestSet
from sovits_lab.pipeline.plan import make_plan
from sovits_lab.pipeline.settings import register
from sovits_lab.pipeline.validation import check_stage
from sovits_lab.preparation.released import PrepareReleased, refuse_missing
from sovits_lab.reporting import Silent
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.adapters import AdaptGpt, AdaptSovits
from sovits_lab.training.assemble_adapters import AssembleAdapters
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import fresh_bundle, small_gpt_node, small_sovits_node
from tests.inference.test_released import content, speaker_network
from tests.inference.voices import clip
from tests.provenance.manifests import LICENCE, write_manifest

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = {
    "v1": "sad_transfer_v1",
    "v2": "sad_transfer_v2",
    "v2Pro": "sad_transfer_v2pro",
    "v2ProPlus": "sad_transfer_v2proplus",
}
NETWORKS = {"content": content, "speaker_network": speaker_network}
AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", **asdict(SPEC_32K)}
FRONTEND = {"_target_": "sovits_lab.text.frontend.ReleasedFrontend", "version": "v2"}
SAMPLING = {"_target_": "sovits_lab.models.gpt.sampling.Sampler", "top_k": 3}
ENCODER = {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": 128, "channels": [8], "kernel": 3,
           "stride": 2, "hidden": 8, "out_channels": 4}  # fmt: skip
COMMON: dict[str, Any] = {
    "optimisation": {"steps": 2, "lr": 0.02, "warmup": 0}, "roles": ["emotional"], "batch_seconds": 8.0,
    "references": {"other_speaker": 0.5, "frames": [20, 40]}, "precision": "32-true", "seed": 1,
    "runtime": {"threads": 1, "log_every": 1}, "replay": 0.5,
}  # fmt: skip
PHONES = ("HH", "AH0", "L", "OW1")


def write_corpus(folder: Path, table: str = "v2") -> Path:
    """Two speakers, neutral and sad, a training and a test clip of each, long enough to go on from."""
    folder.mkdir(parents=True)
    rows, made, start = [], [], 0
    for speaker, hertz in (("ann", 200.0), ("bob", 110.0)):
        for emotion in ("neutral", "sad"):
            for split in ("train", "test"):
                wav = clip(3.1, hertz, 32_000)
                frames = len(wav) // SPEC_32K.hop // 2 * 2
                name = f"{speaker}-{emotion}-{split}"
                rows.append(
                    Utterance(name, speaker, emotion, "emotional", split, "Hello.", "en", start, frames, PHONES, ())
                )
                made.append(wav[: frames * SPEC_32K.hop])
                start += frames
    writer = StoreWriter(folder, SPEC_32K.hop, SPEC_32K.n_mels, start, SPEC_32K.frames_per_second)
    for row, wav in zip(rows, made, strict=True):
        writer.put(row.start, log_mel(wav, SPEC_32K).T, np.full(row.frames, 150, np.float32), wav)
    writer.close(rows, load_symbols(table).names, dict.fromkeys(("ann", "bob"), Baseline(150.0, -5.0, 0.1, -4.8)))
    return folder


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "features")


def write_base(folder: Path, version: str) -> Path:
    """A bundle as `convert` makes of released files, narrow and random."""
    torch.manual_seed(0)
    gpt = small_gpt_node() | {"max_tokens": 40} | ({"phones": 512} if version == "v1" else {})
    bundle = fresh_bundle({"gpt": gpt, "sovits": small_sovits_node(version.lower())})
    table = "v1" if version == "v1" else "v2"
    write_bundle(folder, bundle.parts, {**bundle.facts, "version": version, "symbols": table})
    return folder


def write_files(folder: Path, version: str) -> dict[str, UpstreamFile]:
    """Files in the released formats, narrow and random, by part."""
    export(write_base(folder / "random", version), folder)
    return {part: read_upstream(folder / name) for part, name in (("gpt", "gpt.ckpt"), ("sovits", "sovits.pth"))}


@pytest.mark.parametrize("version", EXPERIMENTS)
def test_released_files_speak_with_emotion_and_are_exported_as_they_were(version: str, tmp_path: Path) -> None:
    table = "v1" if version == "v1" else "v2"
    files, base = write_files(tmp_path / "files", version), tmp_path / "base"
    assert convert(files["gpt"], files["sovits"], base).facts["version"] == version
    folders = {
        "features": write_corpus(tmp_path / "features", table),
        **{name: tmp_path / name for name in ("tokens", "gpt", "sovits", "bundle", "samples")},
    }
    for name in list(folders)[1:]:
        folders[name].mkdir()
    frontend = {**FRONTEND, "version": table}
    prepare = PrepareReleased(str(base), NETWORKS, version, frontend, ["emotional"])
    assert prepare.lacks([RowFacts("ann", "emotional", "train", "neutral", "en", "Hello.")]) == []
    prepare.run(folders, folders["tokens"], Silent())
    prepared = open_prepared(folders)
    assert prepared.codes == 16
    assert {len(v) for v in prepared.speakers.values()} == {20 if version.startswith("v2Pro") else 0}
    node = {"style_encoder": ENCODER, "rank": 4}
    gpt = AdaptGpt(model={"_target_": "sovits_lab.models.adapters.gpt.GptAdapters", **node}, base=str(base),
                   losses={"token": 1.0}, **COMMON)  # fmt: skip
    sovits = AdaptSovits(model={"_target_": "sovits_lab.models.adapters.sovits.SovitsAdapters", **node}, base=str(base),
                         losses={"mel": 1.0, "kl": 1.0}, slice_frames=8, audio=AUDIO, **COMMON)  # fmt: skip
    for name, stage in (("gpt", gpt), ("sovits", sovits)):
        stage.run({k: folders[k] for k in ("features", "tokens")}, folders[name], Silent())
    AssembleAdapters(str(base), AUDIO, frontend, SAMPLING, "test").run(
        {"corpus": write_manifest(tmp_path / "corpus"), **{k: folders[k] for k in ("gpt", "sovits")}},
        folders["bundle"],
        Silent(),
    )
    card = (folders["bundle"] / "voice" / "DATA_CARD.md").read_text()
    assert LICENCE in card and f"began with: {version}" in card and "What it was taught with is not stated" in card
    spoken = SpeakTestSet(["emotional"], ["neutral", "sad"], 0, 0, ["emotional"], "sad", [], 0, ["emotional"], 1,
                          networks=NETWORKS)  # fmt: skip
    spoken.run({k: folders[k] for k in ("features", "bundle")}, folders["samples"], Silent())
    items = [json.loads(line) for line in (folders["samples"] / "samples.jsonl").read_text().splitlines()]
    assert len(items) == 4 and all(item["wav"] for item in items)
    assert {item["speaker_reference"] for item in items} == {f"truth/{n}-neutral-train.flac" for n in ("ann", "bob")}

    export(folders["bundle"] / "voice", tmp_path / "back")
    for part, name in (("gpt", "gpt.ckpt"), ("sovits", "sovits.pth")):
        back = read_upstream(tmp_path / "back" / name)
        assert back.version == files[part].version and back.tensors.keys() == files[part].tensors.keys()
        assert all(torch.equal(value, files[part].tensors[key]) for key, value in back.tensors.items())


def test_low_rank_weights_are_exported_in_the_base_and_adapters_alone_are_not(features: Path, tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", "v2")
    folders = {"features": features, "tokens": tmp_path / "tokens"}
    folders["tokens"].mkdir()
    PrepareReleased(str(base), NETWORKS, "v2", FRONTEND, ["emotional"]).run(folders, folders["tokens"], Silent())
    node = {"_target_": "sovits_lab.models.adapters.gpt.GptAdapters", "style_encoder": ENCODER, "rank": 4}
    for name, lora in (("plain", None), ("low_rank", {"layers": [r"^layers\.\d+\.qkv$"], "rank": 2})):
        (tmp_path / name).mkdir()
        AdaptGpt(model=node, base=str(base), losses={"token": 1.0}, lora=lora, **COMMON).run(
            folders, tmp_path / name, Silent()
        )
    with pytest.raises(InputError, match="no low-rank weights"):
        export(base, tmp_path / "none", adapters=tmp_path / "plain" / "bundle")
    for out, adapters in (("as_it_was", None), ("merged", tmp_path / "low_rank" / "bundle")):
        export(base, tmp_path / out, adapters=adapters)
    files = [read_upstream(tmp_path / out / "gpt.ckpt").tensors for out in ("as_it_was", "merged")]
    assert files[0].keys() == files[1].keys()
    changed = {key for key in files[0] if not torch.equal(files[0][key], files[1][key])}
    assert changed == {f"h.layers.{i}.self_attn.in_proj_weight" for i in range(2)}


def test_the_last_token_lasts_where_the_encoders_last_window_is_not_full(features: Path, tmp_path: Path) -> None:
    heard: list[torch.Tensor] = []

    def short(wav: torch.Tensor) -> torch.Tensor:
        heard.append(wav)
        return content(wav)[:-1]  # as HuBERT without padding

    base = write_base(tmp_path / "base", "v2")
    for name, encoder in (("whole", content), ("short", short)):
        (tmp_path / name).mkdir()
        prepare = PrepareReleased(str(base), {"content": encoder}, "v2", FRONTEND, ["emotional"])
        prepare.run({"features": features}, tmp_path / name, Silent())
    whole, cut = (np.load(tmp_path / name / "tokens.npy") for name in ("whole", "short"))
    assert len(whole) == len(cut) and (whole[:-1] == cut[:-1]).mean() > 0.9
    assert 500 < float(heard[0].abs().max()) < 1200  # upstream's level, not a waveform's


def test_chinese_is_learned_from_with_its_features(features: Path, tmp_path: Path) -> None:
    rows = [RowFacts("ann", "emotional", "train", "neutral", "zh", "你好")]
    base = write_base(tmp_path / "base", "v2")
    lacking = PrepareReleased(str(base), {"content": content}, "v2", FRONTEND, ["emotional"]).lacks(rows)
    assert "networks.bert" in lacking[0].what
    assert not PrepareReleased(str(base), {"content": content, "bert": len}, "v2", FRONTEND, ["emotional"]).lacks(rows)


def plan_of(experiment: str, *overrides: str) -> Any:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return make_plan(compose("train", overrides=[f"experiment={experiment}", "corpus.root=x", *overrides]))


@pytest.mark.parametrize(("version", "experiment"), EXPERIMENTS.items())
def test_an_experiment_says_in_one_line_which_files_it_lacks(version: str, experiment: str, tmp_path: Path) -> None:
    def lacks(*overrides: str) -> Any:
        spec = plan_of(experiment, *overrides).stages["tokens"]
        stage = check_stage("tokens", spec.node, {}, spec.runtime)
        return stage.lacks([RowFacts("ann", "emotional", "train", "neutral", "en", "Hello.")])

    pro = version.startswith("v2Pro")
    with pytest.raises(InputError) as refused:
        lacks()
    said = str(refused.value)
    assert "\n" not in said and "adapters.base" in said and "adapters.networks.content" in said
    assert ("adapters.networks.speaker_network" in said) == pro
    files = ["adapters.networks.content=h", "adapters.networks.speaker_network=e"]
    with pytest.raises(InputError, match=r"got no base, expected"):
        lacks(*files)
    other = write_base(tmp_path / "other", "v1" if version == "v2" else "v2")
    with pytest.raises(InputError, match=rf"adapters\.base: version: got 'v\d', expected {version}"):
        lacks(f"adapters.base={other}", *files)
    assert lacks(f"adapters.base={write_base(tmp_path / 'base', version)}", *files) == []


def test_a_base_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="base: got"):
        refuse_missing(str(tmp_path), {"content": "h"}, "v2")
