"""Long text is spoken to its end: in pieces, with pauses, and controls that hold for all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sovits_lab import Synthesizer
from sovits_lab.inference.curves import Curve
from sovits_lab.inference.pieces import BREATH, CLAUSE, PARAGRAPH, SENTENCE, Room, pause_after, pieces_of
from sovits_lab.inference.request import Request
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.text.frontend import EnglishFrontend, MultilingualFrontend
from sovits_lab.text.reading import SILENT, Reading, Span

SENTENCES = (
    "The river was cold that year, and nobody went near it.",
    "Who had told her?",
    "She walked along the bank with her brother, who said nothing at all, and counted the boats.",
    "It was half past seven!",
    "A letter lay on the table; it had been opened.",
)
LONG = " ".join(SENTENCES[i % len(SENTENCES)] for i in range(45))
ROOM = Room(letters=240, phones=250)


def spoken(phones: Any) -> list[str]:
    return [phone for phone in phones if phone not in SILENT]


def cut(frontend: Any, text: str, room: Room = ROOM, kept: tuple[Span, ...] = ()) -> list[Any]:
    def read(span: Span, language: str | None) -> Reading:
        return frontend.read(text[span.start : span.end], language)

    return pieces_of(read, text, Span(0, len(text)), None, kept, room)


def test_two_thousand_characters_are_spoken_whole(synthesizer: Synthesizer) -> None:
    assert len(LONG) > 2000
    request = Request(LONG, "ann", seed=3)
    utterances = utterances_of(request, synthesizer.clips)
    assert spoken(p for one in utterances for p in one.phones) == spoken(EnglishFrontend().read(LONG).phones)
    assert max(len(one.phones) for one in utterances) <= Room.of(synthesizer.voice.gpt.max_tokens).phones
    speech = synthesizer.speak_all([request])[0]
    pauses = round(50 * sum(one.pause for one in utterances))
    assert abs(len(speech.f0) - 2 * len(speech.tokens) - pauses) <= len(utterances)
    assert len(speech.wav) == 320 * len(speech.f0)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of every batch of tokens from now on."""
    import sovits_lab.inference.tokens as module

    found: list[int] = []
    usual = module.speak_tokens

    def watched(model: Any, phones: Any, *rest: Any, **more: Any) -> Any:
        found.append(len(phones))
        return usual(model, phones, *rest, **more)

    monkeypatch.setattr(module, "speak_tokens", watched)
    return found


def test_pieces_of_one_text_are_spoken_as_a_batch(synthesizer: Synthesizer, sizes: list[int]) -> None:
    synthesizer.speak(LONG, "ann")
    assert len(sizes) > 1 and max(sizes) == 16 and sizes.count(16) >= len(sizes) - 1


def test_a_parallel_voice_on_a_cpu_speaks_them_one_by_one_unless_it_is_guided(sizes: list[int]) -> None:
    text = " ".join(SENTENCES * 2)
    with Synthesizer.load() as voice:
        voice.speak(text)
        assert len(sizes) > 1 and set(sizes) == {1}
        sizes.clear()
        voice.speak(text, emotion="sad", guidance=1.5)
    assert len(sizes) == 1 and sizes[0] > 1


def test_a_text_that_cannot_fit_is_not_read_whole() -> None:
    frontend, spans = EnglishFrontend(), []

    def read(span: Span, language: str | None) -> Reading:
        spans.append(span.end - span.start)
        return frontend.read(LONG[span.start : span.end], language)

    known = pieces_of(read, LONG, Span(0, len(LONG)), "en", (), ROOM)
    assert max(spans) <= ROOM.letters
    assert [one.reading.text for one in known] == [one.reading.text for one in cut(frontend, LONG)]


def test_a_text_that_fits_is_not_cut() -> None:
    text = "Yes. No. " + SENTENCES[0]
    pieces = cut(EnglishFrontend(), text)
    assert [(one.reading.text, one.pause) for one in pieces] == [(text, 0.0)]


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        "1234567890 " * 40,
        "word " * 400,
        "x" * 1500,
        "Line one\n" * 80,
        "…!?" * 200 + " well",
    ],
)
def test_no_character_is_lost_and_every_piece_fits(text: str) -> None:
    pieces = cut(EnglishFrontend(), text)
    assert "".join(one.reading.text for one in pieces) == text
    assert all(ROOM.fits(one.reading) for one in pieces) and pieces[0].pause == 0
    assert len(pieces) > 1


def test_what_is_given_by_hand_is_never_cut() -> None:
    kept = Span(100, 420)
    places, start = [], 0
    for one in cut(EnglishFrontend(), LONG, kept=(kept,)):
        start += len(one.reading.text)
        places.append(start)
    assert not any(kept.start < place < kept.end for place in places) and len(places) > 4


def test_pauses_are_those_of_a_reader() -> None:
    assert [pause_after(x) for x in ("End.\n\n", "Really?! ", "“So.” ", "first, ", "no mark ")] == [
        PARAGRAPH, SENTENCE, SENTENCE, CLAUSE, BREATH,
    ]  # fmt: skip
    assert [pause_after(x) for x in ("好。", "好，", "「はい。」")] == [SENTENCE, CLAUSE, SENTENCE]
    pieces = cut(EnglishFrontend(), LONG)
    assert all(one.pause == SENTENCE for one in pieces[1:])


def test_a_piece_is_read_in_the_language_of_the_whole() -> None:
    text = "これは長い文章です。" + "明日の天気は雨です。東京都知事選挙。日本経済新聞社。" * 8
    pieces = cut(MultilingualFrontend(), text)
    assert len(pieces) > 2 and {unit.language for one in pieces for unit in one.reading.units} == {"ja"}


def test_controls_hold_for_the_whole_text(synthesizer: Synthesizer) -> None:
    text = " ".join(SENTENCES)
    plain = synthesizer.speak(text, "ann", seed=1)
    frames, voiced = len(plain.f0), plain.f0 > 0
    drawn = np.linspace(100, 300, frames).astype(np.float32)
    by_frame = synthesizer.speak(text, "ann", seed=1, f0=drawn)
    np.testing.assert_allclose(by_frame.f0, np.where(voiced, drawn, 0), rtol=1e-6)
    end = frames / 50
    by_time = synthesizer.speak(text, "ann", seed=1, energy=Curve([0, -12], [0, end], True))
    np.testing.assert_allclose(by_time.energy - plain.energy, -12 * (np.arange(frames) + 0.5) / frames, atol=1e-3)


def test_a_tag_holds_for_all_pieces_of_its_span(synthesizer: Synthesizer) -> None:
    text = f"{SENTENCES[1]} [emotion:sad]{' '.join(SENTENCES * 2)}[/emotion][pause:0.5] {SENTENCES[3]}"
    utterances = utterances_of(Request(text, "ann", seed=2), synthesizer.clips)
    sad = synthesizer.voice.emotion("sad").gpt["style"]
    is_sad = [bool((one.style.gpt["style"] == sad).all()) for one in utterances]
    assert sum(is_sad) > 5 and not is_sad[0] and not is_sad[-1]
    after = utterances[len(is_sad) - is_sad[::-1].index(True)]
    assert after.pause == 0.5 and len({one.seed for one in utterances}) == len(utterances)
