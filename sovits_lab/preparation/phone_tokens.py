"""Stage `tokens` without a quantizer: a token is the pair of phones of its two frames, by times known or found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.silences import silences
from sovits_lab.checkpoints.content import load_recogniser
from sovits_lab.content.alignment import align, refine
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.data.rows import row_named
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import got


class BuildPhoneTokens:
    """Tokens that name what is said and nothing of how: the pairs of phones that are commonest, one code each.

    For corpora that know where their phones are. Nothing is trained, so a small model learns words in a fraction of the
    steps; what an encoder hears beyond phones is not in the tokens. Where the stage `content` is given, its recogniser
    finds the phones of rows that came without times; the codes are those of the rows that came with them, so that
    further recordings leave them as they are. Silences that no text tells get the softest phone.

    Args:
        codes: how many there may be; a pair beyond them counts as its first phone held, or else as the commonest pair
            that begins with that phone.
    """

    resumable = False

    def __init__(self, codes: int = 1000) -> None:
        if codes < 2:
            raise got("tokens.codes", codes, "at least 2")
        self.codes = codes

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell that a corpus knows of no row where its phones are."""
        if any(row.timed for row in rows):
            return []
        return [
            Lack("no recording with phone times, of which its tokens are made (corpus=cuts reads them)", key="corpus")
        ]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `tokens.npy`, `facts.json` and `durations.json` (of rows that were aligned); needs
        `inputs["features"]`, and `inputs["content"]` where a row has no phone times.

        Raises:
            InputError: an utterance without phone times and no content, or none with them.
        """
        store = FeatureStore(inputs["features"])
        timed = [i for i, row in enumerate(store.rows) if row.durations]
        untimed = [i for i, row in enumerate(store.rows) if not row.durations]
        if untimed and ("content" not in inputs or not timed):
            named = store.rows[untimed[0]].id
            raise got(f"tokens of {named}", "no phone times", "a corpus that knows them; else content=ctc")
        pairs = {i: _pairs(store.phones(i)[store.phone_of_frame(i)]) for i in timed}
        counts = Counter(
            pair for i in timed if store.rows[i].split == "train" for pair in map(tuple, pairs[i].tolist())
        )
        durations = self._aligned(store, timed, untimed, inputs, pairs, report) if untimed else {}
        kept = [pair for pair, _ in counts.most_common(self.codes)]
        code = {pair: number for number, pair in enumerate(kept)}
        first = {pair[0]: number for number, pair in reversed(list(enumerate(kept)))}
        tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
        for i, found in pairs.items():
            start = store.rows[i].start // 2
            codes = [code.get((a, b), code.get((a, a), first.get(a, 0))) for a, b in found.tolist()]
            tokens[start : start + len(codes)] = codes
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text(json.dumps(durations), encoding="utf-8")
        facts = {"codes": self.codes, "used": len(kept)}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        covered = sum(counts[pair] for pair in kept) / max(1, counts.total())
        report.say(f"tokens: {len(kept)} of {len(counts)} pairs of phones have a code, {covered:.1%} of the tokens")

    def _aligned(
        self,
        store: FeatureStore,
        timed: list[int],
        untimed: list[int],
        inputs: Mapping[str, Path],
        pairs: dict[int, Int[np.ndarray, "S 2"]],
        report: Any,
    ) -> dict[str, list[int]]:
        """Add the pairs of rows without times to `pairs`, and return how many frames each of their phones lasts."""
        recogniser, pause = load_recogniser(inputs["content"]), softest_phone(store, timed)
        found: dict[str, list[int]] = {}
        for done, i in enumerate(untimed, 1):
            with row_named(store.rows[i].id):
                mel, phones = store.mel(i), store.phones(i)
                recognised = recogniser.phones_in(mel)
                about = [2 * n for n in align(recognised.steps, phones)]
                about[-1] += len(mel) % 2
                found[store.rows[i].id] = refine(about, recognised.frames, phones)
                frame_phones = np.repeat(phones, found[store.rows[i].id])
                frame_phones[silences(mel.T)] = pause
                pairs[i] = _pairs(frame_phones)
            report.progress(done, len(untimed), "utterances")
        return found


def softest_phone(store: FeatureStore, rows: list[int]) -> int:
    """Return the phone whose frames have the least energy on average: a pause."""
    sums, counts = np.zeros(len(store.symbols)), np.zeros(len(store.symbols))
    for i in rows:
        frame_phones = store.phones(i)[store.phone_of_frame(i)]
        np.add.at(sums, frame_phones, mel_energy(store.mel(i).T))
        np.add.at(counts, frame_phones, 1)
    return int(np.where(counts > 0, sums / np.maximum(counts, 1), np.inf).argmin())


def _pairs(frame_phones: Int[np.ndarray, " L"]) -> Int[np.ndarray, "S 2"]:
    """Phones of each token's two frames."""
    return frame_phones[: len(frame_phones) // 2 * 2].reshape(-1, 2)
