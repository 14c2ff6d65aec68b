"""Spelling to ARPAbet for words outside the dictionary: the recurrent network of g2p_en (Apache-2.0).

Its weights are a data file here: the package itself asks for downloads when imported, and depends on GPL code.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

_LETTERS = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
_PHONES = [
    "<pad>",
    "<unk>",
    "<s>",
    "</s>",
    "AA0",
    "AA1",
    "AA2",
    "AE0",
    "AE1",
    "AE2",
    "AH0",
    "AH1",
    "AH2",
    "AO0",
    "AO1",
    "AO2",
    "AW0",
    "AW1",
    "AW2",
    "AY0",
    "AY1",
    "AY2",
    "B",
    "CH",
    "D",
    "DH",
    "EH0",
    "EH1",
    "EH2",
    "ER0",
    "ER1",
    "ER2",
    "EY0",
    "EY1",
    "EY2",
    "F",
    "G",
    "HH",
    "IH0",
    "IH1",
    "IH2",
    "IY0",
    "IY1",
    "IY2",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "OW0",
    "OW1",
    "OW2",
    "OY0",
    "OY1",
    "OY2",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "UH0",
    "UH1",
    "UH2",
    "UW",
    "UW0",
    "UW1",
    "UW2",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]
_BEGIN, _END, _LONGEST = 2, 3, 20
_NOT_SPOKEN = frozenset({"<pad>", "<unk>", "<s>", "</s>", "UW"})
Array = NDArray[np.float32]


class _Gru:
    """One gated recurrent cell, r and z and n stacked in the rows of the weights (Cho et al. 2014)."""

    def __init__(self, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array) -> None:
        self.w_ih, self.w_hh, self.b_ih, self.b_hh = w_ih, w_hh, b_ih, b_hh

    def __call__(self, x: Array, h: Array) -> Array:
        gates_x, gates_h = self.w_ih @ x + self.b_ih, self.w_hh @ h + self.b_hh
        d = h.shape[0]
        rz = 1 / (1 + np.exp(-(gates_x[: 2 * d] + gates_h[: 2 * d])))
        n = np.tanh(gates_x[2 * d :] + rz[:d] * gates_h[2 * d :])
        return (1 - rz[d:]) * n + rz[d:] * h


class Speller:
    """Greedy decoding of the g2p_en network."""

    def __init__(self) -> None:
        file = resources.files("sovits_lab.text") / "data" / "g2p_en.npz"
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            weights = {name: stored[name] for name in stored.files}
        self._encoder, self._decoder = (
            _Gru(*(weights[f"{side}_{part}"] for part in ("w_ih", "w_hh", "b_ih", "b_hh"))) for side in ("enc", "dec")
        )
        self._letters, self._phones = weights["enc_emb"], weights["dec_emb"]
        self._fc_w, self._fc_b = weights["fc_w"], weights["fc_b"]
        self.predict = lru_cache(maxsize=50_000)(self._predict)

    def _predict(self, word: str) -> tuple[str, ...]:
        """ARPAbet with stress of a lower-case word of a to z; other letters count as unknown."""
        h = np.zeros(self._encoder.w_hh.shape[1], np.float32)
        for letter in [*word, "</s>"]:
            h = self._encoder(self._letters[_LETTERS.index(letter) if letter in _LETTERS else 1], h)
        phones, last = [], _BEGIN
        for _ in range(_LONGEST):
            h = self._decoder(self._phones[last], h)
            last = int((self._fc_w @ h + self._fc_b).argmax())
            if last == _END:
                break
            phones.append(_PHONES[last])
        return tuple(phone for phone in phones if phone not in _NOT_SPOKEN)
