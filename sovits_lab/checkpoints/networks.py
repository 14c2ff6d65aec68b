"""Networks that a voice hears through and that its bundle does not hold: named by files, loaded when first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from sovits_lab.text.reading import Reading
from sovits_lab.types import InputError, got

ContentFeatures = Callable[[Float[Tensor, " T"]], Float[Tensor, "L C"]]
TextFeatures = Callable[[Reading], Float[Tensor, "P F"]]
SpeakerVectors = Callable[[Float[Tensor, "B T"]], Float[Tensor, "B V"]]
ABOUT = {
    "content": "chinese-hubert-base: a folder with config.json and weights, or a hub id",
    "speaker_network": "weights of ERes2NetV2 (pretrained_eres2netv2w24s4ep4.ckpt)",
    "bert": "chinese-roberta-wwm-ext-large: a folder or a hub id",
    "g2pw": "a folder of the network for Chinese polyphones",
    "japanese_dictionary": "a folder of Open JTalk's own dictionary",
}


@dataclass(frozen=True)
class OuterNetworks:
    """What a user names: files, hub ids, or the networks themselves.

    Attributes:
        content: 16 kHz waveform -> content features at 50 Hz.
        speaker_network: 16 kHz waveforms -> speaker vectors, for the Pro models.
        bert: features of a Chinese reading; zeros are used without, as for other languages.
        g2pw: readings of Chinese polyphones; pypinyin is used without.
        japanese_dictionary: Open JTalk's own dictionary, for exact Japanese; pyopenjtalk-plus's is used without.
    """

    content: str | Path | ContentFeatures | None = None
    speaker_network: str | Path | SpeakerVectors | None = None
    bert: str | Path | TextFeatures | None = None
    g2pw: str | Path | None = None
    japanese_dictionary: str | Path | None = None

    def refuse(self) -> None:
        """Raise an InputError where something is named that no part of the voice hears through."""
        for field in fields(self):
            if (given := getattr(self, field.name)) is not None:
                raise got(field.name, str(given), "none: everything that this voice needs is in its bundle")

    def require(self, name: str) -> Any:
        """Return what was named, or raise an InputError where nothing was."""
        if (given := getattr(self, name)) is None:
            raise InputError(f"{name}: got nothing, expected {ABOUT[name]}: this voice hears its speaker through it")
        return given

    def content_features(self) -> ContentFeatures:
        """Return HuBERT as the family hears through it: the waveform as it is, no normalisation, no padding."""
        given = self.require("content")
        if not isinstance(given, str | Path):
            return given
        from transformers.utils.logging import disable_progress_bar

        from sovits_lab.content.transformers_content import TransformersContent

        disable_progress_bar()  # type: ignore[no-untyped-call]
        encoder = TransformersContent(str(given))
        return lambda wav: encoder.model(wav[None]).last_hidden_state[0]

    def speaker_vectors(self) -> SpeakerVectors:
        """Return the speaker-verification network."""
        given = self.require("speaker_network")
        if not isinstance(given, str | Path):
            return given
        from sovits_lab.checkpoints.speaker_file import speaker_vectors

        return speaker_vectors(Path(given))

    def text_features(self) -> TextFeatures | None:
        """Return the text encoder; None where none was named."""
        if self.bert is None or not isinstance(self.bert, str | Path):
            return self.bert
        from sovits_lab.text.bert import BertFeatures

        return BertFeatures(str(self.bert))


def fitting(what: str, features: Tensor, width: int) -> Tensor:
    """Return the features themselves; the user's error where their network is another than the model's."""
    if features.shape[-1] != width:
        raise got(what, f"features of width {features.shape[-1]}", f"{width}, which the bundle was trained with")
    return features
