"""Scenes and sessions: played, saved, replayed, interrupted."""

from __future__ import annotations

import itertools
import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.dialogue.actor import SpeechOrder, SynthesizerActor, deal_voices
from sovits_lab.dialogue.baking import bake
from sovits_lab.dialogue.cast import Cast, Character
from sovits_lab.dialogue.film_bench import bench_film
from sovits_lab.dialogue.performer import Performer, orders_ahead
from sovits_lab.dialogue.protocol import MOST_MESSAGE, Choose, Say, read_message
from sovits_lab.dialogue.scene import Question, SpokenBeat
from sovits_lab.dialogue.session import FilmSession, load_session, replay_session
from sovits_lab.dialogue.speech_cache import SpeechCache, joined_line
from sovits_lab.dialogue.stage import FilmStage
from sovits_lab.dialogue.terminal import play, replay, sound_of
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import Timings
from sovits_lab.types import InputError
from tests.dialogue.people import HummingActor, example
from tests.inference.voices import write_voice
from tests.serving.servers import PATIENCE, wait_until


def walked(actor: HummingActor, seed: int = 3, language: str = "en", then: str = "") -> FilmSession:
    """A session played by chance to its end, each line spoken; from the first question on in another language."""
    session = FilmSession(example().scene(actor, seed, language), example())
    performer, draw = Performer(actor, SpeechCache()), random.Random(seed)
    while True:
        for beat in session.turn():
            if isinstance(beat, SpokenBeat):
                session.note_sound(sound_of(beat, performer))
        if not isinstance(beat, Question):
            return session
        if then:
            session.translate(actor, then)
            then = ""
            continue
        session.choose(draw.choice(beat.choices).index)


def saved(session: FilmSession) -> str:
    """The session as its file has it."""
    return json.dumps(session.document())


def told_by(film_actor: HummingActor, cache: SpeechCache | None = None) -> tuple[FilmStage, list[dict[str, Any]]]:
    """A stage at the beginning of the story, and what it tells."""
    told: list[dict[str, Any]] = []
    session = FilmSession(example().scene(film_actor, 1, "en"), example())
    return FilmStage(session, Performer(film_actor, cache or SpeechCache()), told.append), told


@pytest.mark.parametrize(("seed", "then"), [(0, ""), (1, ""), (2, "zh"), (3, "zh")])
def test_a_session_is_replayed_bit_for_bit(seed: int, then: str) -> None:
    session = walked(HummingActor(), seed, then=then)
    assert any(not beat["text"].isascii() for beat in session.beats if "text" in beat) == bool(then)
    performer = Performer(HummingActor(), SpeechCache())
    again = replay_session(saved(session), example(), performer.actor, lambda beat: sound_of(beat, performer))
    assert again.beats == session.beats and again.events == session.events
    assert all(len(beat["sound"]) == 64 for beat in again.beats if "character" in beat)


def test_a_loaded_session_goes_on_where_it_stood() -> None:
    actor = HummingActor()
    session = FilmSession(example().scene(actor, 1, "en"), example())
    list(session.turn())
    session.choose(1)
    list(session.turn())
    other = load_session(saved(session), example(), actor)
    assert list(other.turn())[-1] == list(session.turn())[-1]
    for one in (session, other):
        one.choose(0)
        list(one.turn())
    assert session.beats == other.beats


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 9}, "version"),
        ({"story": "other"}, "saved with another version"),
        ({"events": [{"do": 1}]}, "choose: index"),
        ({"state": "{}"}, "saved scene"),
        ({"seed": "x"}, "another file"),
    ],
)
def test_what_is_no_session_of_this_story_is_refused(change: dict[str, Any], words: str) -> None:
    actor = HummingActor()
    text = json.dumps({**walked(actor).document(), **change})
    with pytest.raises(InputError, match=words):
        load_session(text, example(), actor)


def test_free_words_choose_or_are_remembered() -> None:
    session = FilmSession(example().scene(HummingActor(), 0, "en"), example())
    question = list(session.turn())[-1]
    assert session.say("what a night") is None
    assert list(session.turn())[-1] == question
    assert session.say("I will help you with the lamp") == 0


def test_the_other_language_is_played_in_its_words() -> None:
    scene = example().scene(HummingActor(), 0, "zh")
    beats = list(FilmSession(scene, example()).turn())
    assert scene.wording.spoken == "en"  # the voice reads no Chinese: its words are shown
    assert "风暴" in beats[0].text and beats[-1].texts[0] == "我可以帮你修灯。"
    line = beats[1]
    assert line.text == "你不该来这里。夜里没有人来这里。" and line.order.language == "en"
    assert line.order.text == "You should not be here. Nobody comes here at night."


def test_words_that_the_voice_cannot_read_are_not_written_anew() -> None:
    session = FilmSession(example().scene(HummingActor(), 0, "zh"), example())
    list(session.turn())
    session.choose(0)
    asked = next(beat for beat in session.turn() if isinstance(beat, SpokenBeat) and beat.line.direction.write)
    assert (asked.text, asked.order.text) == ("你来这里做什么？", "What did you come here for?")
    assert orders_ahead(session.scene, 1)[0].text.isascii()


def test_characters_share_a_speaker_only_where_they_must() -> None:
    cast = Cast({name: Character(name) for name in ("A", "B", "C")}, "en", Path())
    assert [voice for voice, _ in deal_voices(cast, HummingActor()).values()] == ["ann", "bob", "cid"]
    lonely = HummingActor()
    lonely.speakers = ("ann",)
    assert deal_voices(cast, lonely) == {"A": ("ann", 0.0), "B": ("ann", -2.5), "C": ("ann", 2.5)}
    with pytest.raises(InputError, match="dora"):
        deal_voices(Cast({"A": Character("A", voice="dora")}, "en", Path()), HummingActor())


def test_a_scene_saved_under_the_former_name_of_its_history_is_restored() -> None:
    session = FilmSession(example().scene(HummingActor(), 0, "en"), example())
    list(session.turn())
    played, loaded = session.scene, example().scene(HummingActor(), 0, "en")
    assert played.history and not loaded.history
    saved = json.loads(played.save())
    saved["heard"] = saved.pop("history")
    loaded.restore(json.dumps(saved))
    assert loaded.save() == played.save()


def test_a_stage_tells_a_whole_turn_in_order() -> None:
    stage, told = told_by(HummingActor())
    stage.play(None)
    kinds = [message["type"] for message in told]
    assert kinds[0] == "narration" and kinds[-1] == "choices"
    assert [message["seq"] for message in told] == list(range(1, len(told) + 1))
    line = kinds.index("line")
    assert kinds[line + 1] == "audio" and "line_end" in kinds
    audio = [message for message in told if message["type"] == "audio"]
    assert all(shape in ("aa", "sil") for message in audio for shape, *_ in message["visemes"])
    assert list(stage.since(3)) == told[3:]
    with pytest.raises(InputError, match="after=999"):
        list(stage.since(999))


def test_a_cancelled_turn_goes_on_as_text() -> None:
    actor = HummingActor()
    stage, told = told_by(actor)
    actor.hold.clear()
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(stage.play, None)
        wait_until(lambda: actor.words == 1, "a line under way")
        stage.cancel()
        turn.result(PATIENCE)
    actor.hold.set()
    lines = [message for message in told if message["type"] == "line"]
    assert [line["spoken"] for line in lines] == [True, False]
    assert told[-1]["type"] == "choices" and actor.words == 1
    stage.play(Choose(type="choose", index=0))
    assert any(message["type"] == "audio" and message["seq"] > lines[-1]["seq"] for message in told)


def test_turns_that_a_client_has_answered_are_not_kept_for_it() -> None:
    stage, told = told_by(HummingActor())
    for index in (None, 1, 0, 0):
        stage.play(None if index is None else Choose(type="choose", index=index))
    asked = [message["seq"] for message in told if message["type"] == "choices"]
    assert len(asked) == 4 and list(stage.since(asked[1])) == told[asked[1] :]
    with pytest.raises(InputError, match=f"at least {asked[1]};"):
        list(stage.since(asked[1] - 1))


def test_an_event_that_was_overtaken_is_not_spoken() -> None:
    actor = HummingActor()
    stage, told = told_by(actor)
    stage.play(None, lambda: True)
    assert [message["spoken"] for message in told if message["type"] == "line"] == [False, False] and not actor.words
    assert told[-1]["type"] == "choices"


def test_a_session_with_an_interrupted_line_is_replayed(tmp_path: Path) -> None:
    actor = HummingActor()
    stage, _ = told_by(actor)
    actor.hold.clear()
    with ThreadPoolExecutor(2) as pool:
        turn = pool.submit(stage.play, None)
        wait_until(lambda: actor.words == 1, "a line under way")
        kept = pool.submit(stage.saved)  # waits for the turn
        stage.cancel()
        turn.result(PATIENCE)
        (tmp_path / "s.json").write_text(kept.result(PATIENCE).saved)
    assert "choices" in json.loads((tmp_path / "s.json").read_text())["beats"][-1]
    assert replay(example(), Performer(HummingActor(), SpeechCache()), tmp_path / "s.json") == 0


def test_a_line_that_cannot_be_spoken_is_shown_and_the_story_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class DumbActor(HummingActor):
        def say(self, order: SpeechOrder, cancelled: Any) -> Any:
            raise InputError("text: got runes, expected words")

    performer, answers = Performer(DumbActor(), SpeechCache()), iter(["3", "1", "2"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert play(example(), performer, 0, "en", tmp_path / "s.json") == 0
    said = capsys.readouterr().out
    assert "(not spoken: text: got runes" in said and "-- the radio --" in said
    assert replay(example(), performer, tmp_path / "s.json") == 0
    told: list[dict[str, Any]] = []
    stage = FilmStage(FilmSession(example().scene(performer.actor, 1, "en"), example()), performer, told.append)
    stage.play(None)
    assert [one["flags"] for one in told if one["type"] == "line_end"] == [["unspoken"]] * 2
    assert told[-1]["type"] == "choices"


def test_a_wrong_choice_is_told_and_the_story_stands() -> None:
    stage, told = told_by(HummingActor())
    stage.play(None)
    stage.play(Choose(type="choose", index=77))
    assert told[-1]["type"] == "error" and "from 0 to 2" in told[-1]["message"]
    stage.play(Say(type="say", text="call the village on the radio"))
    assert any(message["type"] == "understood" and message["index"] == 2 for message in told)


def test_a_story_is_baked_with_a_manifest(tmp_path: Path) -> None:
    count, seconds, faults = bake(example(), Performer(HummingActor(), SpeechCache()), "en", tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert count == len(manifest["lines"]) == 34 and seconds > 5 and not faults
    assert all((tmp_path / row["file"]).is_file() and row["visemes"] for row in manifest["lines"])
    assert manifest["ai_generated"] is True


def test_the_terminal_plays_saves_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["9", "nothing at all", "3", "1", "2"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    performer = Performer(HummingActor(), SpeechCache())
    assert play(example(), performer, 0, "en", tmp_path / "s.json") == 0
    said = capsys.readouterr().out
    assert "MIRA (sad" in said and "-- the radio --" in said and "from 0 to 2" in said
    assert replay(example(), performer, tmp_path / "s.json") == 0
    text = (tmp_path / "s.json").read_text()
    (tmp_path / "s.json").write_text(text.replace('"emotion": "sad"', '"emotion": "happy"', 1))
    assert replay(example(), performer, tmp_path / "s.json") == 1


def test_the_bench_times_lines_and_counts_those_that_were_there() -> None:
    rows = list(bench_film(example(), Performer(HummingActor(), SpeechCache()), 5, 0, "en"))
    assert rows[0].startswith("event to first sound") and rows[-1].startswith("ten walks") and "%" in rows[-1]


def test_a_bundle_is_an_actor(tmp_path: Path) -> None:
    folder = write_voice(tmp_path / "voice")
    actor = SynthesizerActor(Synthesizer.load(folder), folder)
    assert actor.emotions == ("neutral", "sad") and actor.speakers == ("ann", "bob")
    order = SpeechOrder("The river is cold.", "ann", "sad", 0.7, seed=4)
    pieces = list(actor.say(order, lambda: False))
    assert [one.wav.tolist() for one in pieces] == [one.wav.tolist() for one in actor.say(order, lambda: False)]
    phones = [one for piece in pieces for one in piece.timings.phones]
    assert [a.start <= b.start for a, b in itertools.pairwise(phones)].count(False) == 0 and phones
    assert list(actor.say(order, lambda: True)) == []
    shifted = SpeechOrder("The river is cold.", "bob", rate=1.2, pitch_shift=2, seed=4)
    assert len(joined_line([(np.zeros(3, np.int16), Timings())], 16_000, ()).wav) == 3
    assert sum(len(piece.wav) for piece in actor.say(shifted, lambda: False)) > 0
    assert order.key(actor.model) != shifted.key(actor.model) != order.key("other")


@pytest.mark.parametrize("shape", ["plain", "spaces", "sorted", "indented"])
def test_a_long_saved_session_is_loaded_however_its_json_is_written(shape: str) -> None:
    message = {"type": "load", "saved": "x" * (2 * MOST_MESSAGE)}
    ways: dict[str, dict[str, Any]] = {
        "plain": {"separators": (",", ":")}, "spaces": {}, "sorted": {"sort_keys": True}, "indented": {"indent": 2}
    }  # fmt: skip
    assert read_message(json.dumps(message, **ways[shape])).saved == message["saved"]
