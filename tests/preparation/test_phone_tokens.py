"""Tokens that are pairs of phones: what is said can be read from them, frame by frame."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.content.recogniser import PhoneScores, Recogniser
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.phone_tokens import BuildPhoneTokens, softest_phone
from sovits_lab.types import InputError
from tests.data.stores import write_store


class Said:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, done: int, total: int, unit: str) -> None:
        self.lines.append(f"{done} of {total} {unit}")


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


def test_rows_without_times_are_aligned_and_leave_the_codes_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = write_store(tmp_path / "features")
    (tmp_path / "whole").mkdir()
    BuildPhoneTokens(1000).run({"features": tmp_path / "features"}, tmp_path / "whole", Said())
    missing, known = store.rows[3], store.rows[4:]
    table = tmp_path / "features" / "table.jsonl"
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    rows[3]["durations"] = []
    rows[3]["split"] = "test"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    truth, phones = store.phone_of_frame(3), store.phones(3)

    class Ears(Recogniser):
        """Hears the truth, all but surely."""

        def __init__(self) -> None:
            pass

        def phones_in(self, mel: np.ndarray) -> PhoneScores:
            frames = np.full((len(mel), len(store.symbols)), -9.0)
            frames[np.arange(len(mel)), phones[truth]] = 0.0
            steps = np.full((len(mel) // 2, len(store.symbols) + 1), -9.0)
            steps[np.arange(len(steps)), 1 + phones[truth][: 2 * len(steps) : 2]] = 0.0
            return PhoneScores(steps, frames)

    monkeypatch.setattr("sovits_lab.preparation.phone_tokens.load_recogniser", lambda folder: Ears())
    (tmp_path / "part").mkdir()
    inputs = {"features": tmp_path / "features", "content": tmp_path}
    BuildPhoneTokens(1000).run(inputs, tmp_path / "part", Said())
    durations = json.loads((tmp_path / "part" / "durations.json").read_text())
    assert list(durations) == [missing.id]
    found = np.repeat(phones, durations[missing.id])
    assert (found == phones[truth]).all()
    whole, part = (np.load(tmp_path / name / "tokens.npy") for name in ("whole", "part"))
    pair_of = [{}, {}]
    for row in known:
        for tokens, pairs in zip((whole, part), pair_of, strict=True):
            said = store.phones(store.rows.index(row))[store.phone_of_frame(store.rows.index(row))].reshape(-1, 2)
            pairs.update(zip(map(tuple, said.tolist()), tokens[row.start // 2 :][: len(said)].tolist(), strict=True))
    assert len(set(pair_of[1].values())) == len(pair_of[1]) == len(pair_of[0])


def test_a_corpus_that_knows_no_phone_times_is_refused_before_compute() -> None:
    row = RowFacts("ann", "emotional", "train", "neutral", "en", "Hi.", timed=False)
    assert BuildPhoneTokens().lacks([row, row._replace(timed=True)]) == []
    (lack,) = BuildPhoneTokens().lacks([row, row])
    assert "no recording with phone times" in lack.what


def test_the_softest_phone_is_the_one_with_the_least_energy(tmp_path: Path) -> None:
    store = write_store(tmp_path / "features")
    levels: dict[int, list[float]] = {}
    for i in range(len(store.rows)):
        for phone, mel in zip(store.phones(i)[store.phone_of_frame(i)].tolist(), store.mel(i), strict=True):
            levels.setdefault(phone, []).append(float(np.log(np.exp(mel).mean())))
    softest = softest_phone(FeatureStore(tmp_path / "features"), list(range(len(store.rows))))
    assert softest == min(levels, key=lambda phone: float(np.mean(levels[phone])))
