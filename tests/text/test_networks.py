"""BERT features and g2pW with tiny networks made here; the released weights take the same path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sovits_lab.text.bert import BertFeatures
from sovits_lab.text.frontend import MultilingualFrontend
from sovits_lab.text.mandarin.g2pw import G2pw
from sovits_lab.text.mandarin.language import Mandarin
from sovits_lab.text.traced import Traced
from sovits_lab.types import InputError

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"你好世界银行，。,.!?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sovits_lab.audio.torchaudio_compat import ensure

    ensure()
    from transformers import BertConfig, BertModel, BertTokenizer

    path = tmp_path_factory.mktemp("bert")
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", "utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(TOKENS), hidden_size=8, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(path)
    BertTokenizer(str(path / "vocab.txt")).save_pretrained(path)
    return path


def test_features_follow_the_phones(folder: Path) -> None:
    reading = MultilingualFrontend().read("你好，hello世界。")
    features = BertFeatures(str(folder))(reading)
    assert features.shape == (len(reading.phones), 8)
    chinese = torch.tensor([unit.language == "zh" for unit in reading.units for _ in unit.phones])
    assert bool((features[~chinese] == 0).all()) and bool((features[chinese].abs().sum(1) > 0).all())
    assert torch.equal(features[0], features[1]), "both phones of a character share its vector"


def test_it_is_the_third_hidden_state_from_the_end(folder: Path) -> None:
    from transformers import BertModel

    whole = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.inference_mode():
        expected = whole(input_ids=ids, output_hidden_states=True).hidden_states[-3][0, 1:-1]
    torch.testing.assert_close(BertFeatures(str(folder)).characters("你好"), expected)


def test_long_texts_and_unknown_characters(folder: Path) -> None:
    features = BertFeatures(str(folder), remember=1)
    assert features.characters("龘" * 1100).shape == (1100, 8)
    first = features.characters("你好")
    assert features.characters("你好") is first


def test_a_missing_encoder_or_layer_is_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="text encoder: got"):
        BertFeatures(str(tmp_path)).characters("你")
    with pytest.raises(InputError, match="layer: got -9"):
        BertFeatures(str(folder), layer=-9).characters("你")
    with pytest.raises(InputError, match="layer: got 1"):
        BertFeatures(str(folder), layer=1)


class Stub:
    """Says the last allowed phoneme of every character."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, NDArray[Any]]] = []

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        self.seen.append(inputs)
        mask = inputs["phoneme_mask"]
        return [mask * np.arange(1, mask.shape[1] + 1)]


@pytest.fixture
def g2pw_folder(tmp_path: Path) -> Path:
    (tmp_path / "POLYPHONIC_CHARS.txt").write_text("行\tㄏㄤ2\n行\tㄒㄧㄥ2\n長\tㄓㄤ3\n長\tㄔㄤ2\n", "utf-8")
    (tmp_path / "MONOPHONIC_CHARS.txt").write_text("銀\tㄧㄣ2\n", "utf-8")
    table = {"ㄏㄤ": "hang", "ㄒㄧㄥ": "xing", "ㄓㄤ": "zhang", "ㄔㄤ": "chang", "ㄧㄣ": "yin"}
    (tmp_path / "bopomofo_to_pinyin_wo_tune_dict.json").write_text(json.dumps(table), "utf-8")
    (tmp_path / "vocab.txt").write_text("\n".join([*TOKENS, "行", "長", "銀"]) + "\n", "utf-8")
    return tmp_path


def test_g2pw_asks_for_polyphones_in_traditional_characters(g2pw_folder: Path) -> None:
    pytest.importorskip("opencc")
    stub = Stub()
    network = G2pw(g2pw_folder, stub)
    assert network("银行长好。") == ["yin2", "xing2", "chang2", "hao3", "。"]
    asked = stub.seen[0]
    assert asked["input_ids"].shape[0] == 2 and asked["position_ids"].tolist() == [2, 3]
    read = Mandarin(readings=network).read_piece(Traced.of("行"))
    assert read.units[0].phones == ("x", "ing2")


def test_g2pw_names_a_missing_file(tmp_path: Path) -> None:
    network = G2pw(tmp_path)
    with pytest.raises(InputError, match="POLYPHONIC_CHARS"):
        network("行")
