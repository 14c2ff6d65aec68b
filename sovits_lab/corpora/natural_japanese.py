"""The natural corpus in Japanese: voices of Kokoro, whose prosody is moved as an emotion says."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from sovits_lab.corpora.japanese_grammar import japanese_sentences
from sovits_lab.corpora.japanese_phones import spell_japanese
from sovits_lab.corpora.kokoro import KokoroVoice
from sovits_lab.corpora.natural import LICENCE
from sovits_lab.corpora.natural_style import NaturalStyle, check_style
from sovits_lab.corpora.spoken import Spoken, TextCorpus
from sovits_lab.text.multilingual import MultilingualFrontend


class NaturalJapaneseCorpus(TextCorpus):
    """A stage that speaks the corpus; phone times are not known.

    Args:
        voices_folder: folder of further voice files, `NAME.bin`; None for those in the package.
        settings: arguments of `SpokenCorpus`; emotions are those of `NaturalStyle`.
    """

    language = "ja"
    style_class = NaturalStyle
    trial: ClassVar[tuple[str, ...]] = (
        "隣の人は先週、公園で古い写真を見つけました。", "どうして先生はパンを食べませんか？",
    )  # fmt: skip

    def __init__(self, voices_folder: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.voices_folder = voices_folder
        for name, style in self.emotions.items():
            check_style(style, f"corpus.emotions.{name}")

    def sentences(self, count: int, seed: int) -> list[str]:
        return japanese_sentences(count, seed)

    def licence(self, voice: str) -> str:
        return LICENCE

    def check_voices(self) -> None:
        for role in self.roles.values():
            for voice in role.chosen():
                _ = KokoroVoice(voice, self.voices_folder).table

    def say(self, voice: str, text: str, emotion: str, style: NaturalStyle) -> Spoken:
        speech = KokoroVoice(voice, self.voices_folder).say(spell_japanese(self._frontend.read(text, "ja")), style, 0)
        return Spoken(speech.wav * 10 ** (style.gain_db / 20), speech.sample_rate)

    @cached_property
    def _frontend(self) -> MultilingualFrontend:
        return MultilingualFrontend("v2", own="ja")
