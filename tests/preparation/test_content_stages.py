"""features -> content -> tokens, with a released encoder and with the trained tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.checkpoints.content import load_content, load_recogniser, recognises
from sovits_lab.data.prepared import open_prepared
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.clusters import FitClusters
from sovits_lab.preparation.tokens import BuildTokens
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from tests.content.encoders import write_encoder
from tests.data.stores import SPEC, SYMBOLS, write_store

AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels}


class Words(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def node(folder: Path, **more: Any) -> dict[str, Any]:
    target = "sovits_lab.content.transformers_content.TransformersContent"
    return {"_target_": target, "source": str(folder), "layer": 1, **more}


def fit(folder: Path, features: Path, encoder: dict[str, Any], codes: int = 6, **more: Any) -> Path:
    out = folder / "content"
    out.mkdir(parents=True)
    stage = FitClusters(
        encoder, AUDIO, codes, **{"vectors": 2000, "passes": 20, "roles": ["emotional"], "seed": 0} | more
    )
    stage.run({"features": features}, out, Silent())
    return out


@pytest.fixture(scope="module", params=["hubert", "wavlm"])
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stage folders up to the content bundle; the corpus has no alignment."""
    root = tmp_path_factory.mktemp(request.param)
    write_store(root / "features", aligned=False)
    encoder = write_encoder(root / "encoder", request.param)
    return {"features": root / "features", "content": fit(root, root / "features", node(encoder))}


def tokens_of(stages: dict[str, Path], out: Path, batch: int = 5) -> list[str]:
    words = Words()
    out.mkdir()
    BuildTokens(batch).run(stages, out, words)
    return words.said


def test_a_released_encoder_makes_tokens(stages: dict[str, Path], tmp_path: Path) -> None:
    said = tokens_of(stages, tmp_path / "tokens")
    speaker = tmp_path / "speaker"
    speaker.mkdir()
    np.savez(speaker / "speakers.npz", ann=np.zeros(2, np.float32), bob=np.zeros(2, np.float32))
    prepared = open_prepared({"features": stages["features"], "tokens": tmp_path / "tokens", "speaker": speaker})
    assert prepared.codes == 6
    for row in prepared.store.rows:
        assert len(prepared.tokens[row.id]) == row.frames // 2 and prepared.tokens[row.id].max() < 6
    assert len(np.unique(np.concatenate(list(prepared.tokens.values())))) > 1
    assert any("12 of 12 utterances have no phone alignment" in line for line in said)
    assert json.loads((tmp_path / "tokens" / "durations.json").read_text()) == {}, "nothing is made up"


def test_tokens_do_not_depend_on_the_batch(stages: dict[str, Path], tmp_path: Path) -> None:
    tokens_of(stages, tmp_path / "a", 1)
    tokens_of(stages, tmp_path / "b", 7)
    assert np.array_equal(np.load(tmp_path / "a" / "tokens.npy"), np.load(tmp_path / "b" / "tokens.npy"))


class Deaf:
    """A content that says of every sound the same, but for one frame in a hundred."""

    input_kind, codes = "mel", 6

    def listen(self, mels: list[np.ndarray]) -> list[tuple[np.ndarray, None]]:
        return [((np.arange(len(mel) // 2) % 100 == 0).astype(np.int32), None) for mel in mels]


def test_tokens_that_are_all_the_same_end_the_run_and_leave_nothing(
    stages: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sovits_lab.preparation.tokens.load_content", lambda folder: Deaf())
    with pytest.raises(
        InputError, match=r"content: got '2 of 6 codes used, perplexity 1\..*content\.optimisation\.steps"
    ):
        tokens_of(stages, tmp_path / "tokens")
    assert not (tmp_path / "tokens" / "tokens.npy").exists()


def test_clusters_are_content_but_no_recogniser(stages: dict[str, Path]) -> None:
    assert not recognises(stages["content"]) and load_content(stages["content"]).input_kind == "wav"
    with pytest.raises(InputError, match="expected a recogniser"):
        load_recogniser(stages["content"])


def test_an_encoder_with_other_weights_is_refused(stages: dict[str, Path], tmp_path: Path) -> None:
    record = stages["content"] / "bundle" / "bundle.json"
    original = record.read_text()
    facts = json.loads(original)
    facts["model"]["encoder"]["source"] = str(write_encoder(tmp_path / "other", "hubert", layers=3))
    record.write_text(json.dumps(facts))
    try:
        with pytest.raises(InputError, match="weights of"):
            load_content(stages["content"])
    finally:
        record.write_text(original)


def test_the_same_seed_gives_the_same_centres(stages: dict[str, Path], tmp_path: Path) -> None:
    encoder = json.loads((stages["content"] / "bundle" / "bundle.json").read_text())["model"]["encoder"]
    again = load_content(fit(tmp_path, stages["features"], encoder))
    assert isinstance(again, torch.nn.Module)
    assert torch.equal(again.centres, load_content(stages["content"]).centres)


def test_too_many_clusters_are_named(stages: dict[str, Path], tmp_path: Path) -> None:
    encoder = json.loads((stages["content"] / "bundle" / "bundle.json").read_text())["model"]["encoder"]
    with pytest.raises(InputError, match=r"content\.codes: got 3000, expected 2 to content\.vectors"):
        fit(tmp_path / "a", stages["features"], encoder, codes=3000)
    with pytest.raises(InputError, match=r"training vectors: got \d+, expected at least codes = 1500"):
        fit(tmp_path / "b", stages["features"], encoder, codes=1500)


@pytest.mark.skipif(not present("whisper-base"), reason=f"`{CATALOGUE['whisper-base'].install}` brings the weights")
def test_whispers_encoder_makes_tokens(tmp_path: Path) -> None:
    write_store(tmp_path / "features", aligned=False)
    encoder = {"_target_": "sovits_lab.content.whisper_content.WhisperContent", "source": "whisper-base"}
    content = fit(tmp_path, tmp_path / "features", encoder, codes=4)
    stages = {"features": tmp_path / "features", "content": content}
    tokens_of(stages, tmp_path / "tokens")
    assert len(np.unique(np.load(tmp_path / "tokens" / "tokens.npy"))) > 1
    record = content / "bundle" / "bundle.json"
    facts = json.loads(record.read_text())
    assert facts["encoder_digest"] == CATALOGUE["whisper-base"].files[0].sha256
    record.write_text(json.dumps({**facts, "encoder_digest": "0" * 64}))
    with pytest.raises(InputError, match="weights of whisper-base"):
        load_content(content)


def test_the_trained_tokenizer_makes_tokens_and_alignments(tmp_path: Path) -> None:
    write_store(tmp_path / "features", aligned=False)
    model_node = {
        "_target_": "sovits_lab.content.ctc.CtcTokenizer", "phones": len(SYMBOLS), "mels": SPEC.n_mels, "channels": 16,
        "layers": [1, 1, 1],
        "quantizer": {"_target_": "sovits_lab.quantization.finite_scalar.FiniteScalarQuantizer", "levels": [4, 3]},
    }  # fmt: skip
    torch.manual_seed(0)
    model = build(model_node)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # else it calls nearly every sound the same
    facts = {"kind": "content", "model": model_node, "audio": AUDIO, "symbols": list(SYMBOLS)}
    write_bundle(tmp_path / "content" / "bundle", {"content": model}, facts)
    stages = {"features": tmp_path / "features", "content": tmp_path / "content"}
    assert recognises(stages["content"]) and load_content(stages["content"]).input_kind == "mel"
    said = tokens_of(stages, tmp_path / "tokens")
    durations = json.loads((tmp_path / "tokens" / "durations.json").read_text())
    for row in FeatureStore(tmp_path / "features").rows:
        assert len(durations[row.id]) == len(row.phones) and sum(durations[row.id]) == row.frames
    assert not any("no phone alignment" in line for line in said)
    tokens_of(stages, tmp_path / "alone", 1)
    assert np.array_equal(np.load(tmp_path / "tokens" / "tokens.npy"), np.load(tmp_path / "alone" / "tokens.npy"))
