"""Features of a Chinese text encoder for every phone, as the GPT-SoVITS semantic model takes them beside the phones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.text.reading import Reading, Unit
from sovits_lab.types import InputError, got

_LONGEST = 510  # characters of one pass: the encoder knows 512 places, two are its own marks


class BertFeatures:
    """One vector per phone: of its character in Chinese, zeros elsewhere.

    A character is one token, looked up by itself, so that features and characters can never get out of step. The
    vector is hidden state `layer` (upstream: -3, the output of layer 22 of 24), repeated over the character's phones.
    Layers above it are not computed.

    Args:
        source: a hub id such as `hfl/chinese-roberta-wwm-ext-large`, or a folder with the same files.
        layer: which hidden state, counted from the last (-1).
        device: where the encoder runs.
        remember: texts whose features are kept.

    Raises:
        InputError: at the first use, when the encoder cannot be loaded or has fewer layers.
    """

    def __init__(
        self,
        source: str = "hfl/chinese-roberta-wwm-ext-large",
        layer: int = -3,
        device: str = "cpu",
        remember: int = 256,
    ) -> None:
        if layer >= 0:
            raise got("layer", layer, "a negative number, counted from the last hidden state")
        self.source, self.layer, self.device, self.remember = source, layer, device, remember
        self._encoder: Any = None
        self._vocabulary: dict[str, int] = {}
        self._cache: OrderedDict[str, Tensor] = OrderedDict()

    def __call__(self, reading: Reading) -> Float[Tensor, "P D"]:
        """Features of a reading, float32 on the CPU; zeros for all that is not Mandarin."""
        self._load()
        width = int(self._encoder.config.hidden_size)
        rows = [torch.zeros(0, width)]
        for language, run in _runs(reading.units):
            counts = torch.tensor([len(unit.phones) for unit in run])
            vectors = self.characters("".join(unit.text for unit in run)) if language == "zh" else None
            if vectors is None or len(vectors) != len(run):
                vectors = torch.zeros(len(run), width)
            rows.append(vectors.repeat_interleave(counts, dim=0))
        return torch.cat(rows)

    def characters(self, text: str) -> Float[Tensor, "N D"]:
        """Return one vector per character of a Chinese text, in passes of at most 510 characters."""
        self._load()
        if text in self._cache:
            self._cache.move_to_end(text)
            return self._cache[text]
        parts = [self._encode(text[start : start + _LONGEST]) for start in range(0, len(text), _LONGEST)]
        found = torch.cat(parts) if parts else torch.zeros(0, int(self._encoder.config.hidden_size))
        self._cache[text] = found
        if len(self._cache) > self.remember:
            self._cache.popitem(last=False)
        return found

    def _encode(self, text: str) -> Tensor:
        unknown = self._vocabulary["[UNK]"]
        inner = [self._vocabulary.get(char.lower(), unknown) for char in text]
        ids = torch.tensor([[self._vocabulary["[CLS]"], *inner, self._vocabulary["[SEP]"]]], device=self.device)
        with torch.inference_mode():
            hidden = self._encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return hidden[0, 1:-1].float().cpu().clone()

    def _load(self) -> None:
        if self._encoder is not None:
            return
        from sovits_lab.audio.torchaudio_compat import ensure

        ensure()
        from transformers import AutoModel, AutoTokenizer

        local = Path(self.source).is_dir()
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.source, local_files_only=local)
            encoder = AutoModel.from_pretrained(self.source, add_pooling_layer=False, local_files_only=local)
        except (OSError, ValueError) as error:
            raise got(
                "text encoder", self.source, f"a hub id that can be reached or a folder of one ({error})"
            ) from error
        depth = int(encoder.config.num_hidden_layers)
        keep = depth + 1 + self.layer
        if keep < 1:
            raise got("layer", self.layer, f"-1 to -{depth} for an encoder of {depth} layers")
        missing = [mark for mark in ("[CLS]", "[SEP]", "[UNK]") if mark not in tokenizer.get_vocab()]
        if missing:
            raise InputError(f"text encoder {self.source}: got no token {missing[0]}, expected a BERT vocabulary")
        encoder.encoder.layer = encoder.encoder.layer[:keep]
        self._vocabulary = dict(tokenizer.get_vocab())
        self._encoder = encoder.eval().to(self.device)


def _runs(units: Sequence[Unit]) -> Iterator[tuple[str, list[Unit]]]:
    """Neighbouring units of one language; in Chinese only units of one character count, all else is for zeros."""
    run: list[Unit] = []
    kind = ""
    for unit in units:
        here = "zh" if unit.language == "zh" and len(unit.text) == 1 else "other"
        if run and here != kind:
            yield kind, run
            run = []
        run.append(unit)
        kind = here
    if run:
        yield kind, run
