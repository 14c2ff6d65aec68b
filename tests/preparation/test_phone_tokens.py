"""Tokens that are pairs of phones: what is said can be read from them, frame by frame."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.preparation.phone_tokens import BuildPhoneTokens
from sovits_lab.types import InputError
from tests.data.stores import write_store


class Said:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_same_pairs_have_the_same_token(tmp_path: Path) -> None:
    store = write_store(tmp_path / "features")
    report = Said()
    BuildPhoneTokens(1000).run({"features": tmp_path / "features"}, tmp_path, report)
    tokens = np.load(tmp_path / "tokens.npy")
    pair_of: dict[int, tuple[int, int]] = {}
    for i, row in enumerate(store.rows):
        phones = store.phones(i)[store.phone_of_frame(i)]
        mine = tokens[row.start // 2 : (row.start + row.frames) // 2]
        assert len(mine) == row.frames // 2
        for place, token in enumerate(mine.tolist()):
            pair = (int(phones[2 * place]), int(phones[2 * place + 1]))
            assert pair_of.setdefault(token, pair) == pair
    assert len(set(pair_of.values())) == len(pair_of)
    assert json.loads((tmp_path / "facts.json").read_text())["codes"] == 1000
    assert "100.0% of the tokens" in report.lines[0]


def test_a_pair_without_a_code_is_its_first_phone(tmp_path: Path) -> None:
    store = write_store(tmp_path / "features")
    BuildPhoneTokens(4).run({"features": tmp_path / "features"}, tmp_path, Said())
    tokens = np.load(tmp_path / "tokens.npy").tolist()
    pairs: list[tuple[int, ...]] = []
    for i in range(len(store.rows)):
        phones = store.phones(i)[store.phone_of_frame(i)]
        pairs += [tuple(pair) for pair in phones.reshape(-1, 2).tolist()]
    coded = {pair: number for number, (pair, _) in enumerate(Counter(pairs).most_common(4))}
    assert all(token == coded[pair] for token, pair in zip(tokens, pairs, strict=True) if pair in coded)
    held = [(token, (pair[0], pair[0])) for token, pair in zip(tokens, pairs, strict=True) if pair not in coded]
    assert held
    assert all(token == coded[pair] for token, pair in held if pair in coded)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokens.codes: got 1"):
        BuildPhoneTokens(1)
    write_store(tmp_path / "features", aligned=False)
    with pytest.raises(InputError, match="no phone times"):
        BuildPhoneTokens(9).run({"features": tmp_path / "features"}, tmp_path, Said())
