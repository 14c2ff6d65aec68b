"""Released encoders from local folders: as many frames as the contract says, and clear words when one is not usable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sovits_lab.content.clusters import ClusteredContent, halve_rate
from sovits_lab.content.transformers_content import TransformersContent
from sovits_lab.types import InputError
from tests.content.encoders import write_encoder
from tests.inference.voices import clip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("encoders")
    return {kind: write_encoder(root / kind, kind) for kind in ("hubert", "wavlm")}


@pytest.mark.parametrize("kind", ["hubert", "wavlm"])
@pytest.mark.parametrize("samples", [320, 639, 640, 16_000, 16_319])
def test_a_frame_every_320_samples(folders: dict[str, Path], kind: str, samples: int) -> None:
    encoder = TransformersContent(str(folders[kind]), layer=1)
    features = encoder(clip(2.0)[:samples])
    assert features.shape == (samples // 320, 16) == (samples // encoder.stride, encoder.channels)
    assert features.isfinite().all()


def test_a_clip_shorter_than_a_frame_has_none(folders: dict[str, Path]) -> None:
    assert TransformersContent(str(folders["hubert"]))(np.zeros(100, np.float32)).shape == (0, 16)


def test_features_are_the_models_own(folders: dict[str, Path]) -> None:
    encoder, wav = TransformersContent(str(folders["hubert"]), layer=None), clip(0.5)
    normal = (wav - wav.mean()) / np.sqrt(wav.var() + 1e-7)
    with torch.no_grad():
        padded = torch.nn.functional.pad(torch.from_numpy(normal), (40, 40))
        wanted = encoder.model(padded[None]).last_hidden_state[0]
    torch.testing.assert_close(encoder(wav), wanted)
    last = TransformersContent(str(folders["hubert"]), layer=2)(wav)
    assert not torch.allclose(last, TransformersContent(str(folders["hubert"]), layer=1)(wav))


@pytest.mark.parametrize("normalise", [True, False])
def test_level_matters_only_where_the_model_says_so(tmp_path: Path, normalise: bool) -> None:
    encoder = TransformersContent(str(write_encoder(tmp_path, "wavlm", normalise)), layer=0)
    loud, quiet = encoder(clip(0.3)), encoder(clip(0.3) * 0.01)
    assert torch.allclose(loud, quiet, atol=1e-2) == normalise


def test_clusters_take_the_nearest_centre_at_25_hz(folders: dict[str, Path]) -> None:
    model = ClusteredContent(TransformersContent(str(folders["hubert"]), 1), 3, 16, 16_000)
    features = model.features(clip(0.5))
    assert features.shape == (12, 16)
    model.centres.copy_(features[[2, 5, 9]])
    heard = model.listen([clip(0.5)])[0]
    assert heard.labels is None and heard.tokens[[2, 5, 9]].tolist() == [0, 1, 2]


def test_halving_is_the_mean_of_pairs() -> None:
    x = torch.arange(10.0).view(5, 2)
    assert torch.equal(halve_rate(x), torch.tensor([[1.0, 2.0], [5.0, 6.0]]))


def test_the_digest_knows_the_weights(tmp_path: Path, folders: dict[str, Path]) -> None:
    digest = TransformersContent(str(folders["hubert"])).digest()
    assert digest == TransformersContent(str(folders["hubert"]), layer=1).digest()
    assert digest != TransformersContent(str(folders["wavlm"])).digest()


def test_what_cannot_be_used_is_named(tmp_path: Path, folders: dict[str, Path]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    other = tmp_path / "bert"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    weightless = tmp_path / "weightless"
    weightless.mkdir()
    (weightless / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    for source, match in (
        (empty, "expected a hub id"),
        (other, r"got 'bert', expected one of hubert, wavlm"),
        (weightless, "expected a hub id"),
    ):
        with pytest.raises(InputError, match=match) as caught:
            TransformersContent(str(source)).model  # noqa: B018
        assert str(source) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"layer: got 7, expected 0 to 2"):
        TransformersContent(str(folders["hubert"]), layer=7).model  # noqa: B018
