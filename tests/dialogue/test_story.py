"""Stories in ink: lines, directions, and what a check finds."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from sovits_lab.dialogue.cast import Cast, Character, load_cast
from sovits_lab.dialogue.checking import check_story
from sovits_lab.dialogue.compiling import COMPILERS, compile_changed, compile_story
from sovits_lab.dialogue.directions import read_direction
from sovits_lab.dialogue.exploration import explore
from sovits_lab.dialogue.film_command import main
from sovits_lab.dialogue.story import Story
from sovits_lab.dialogue.translations import COLUMNS, languages_of, list_untranslated, load_strings, write_strings
from sovits_lab.types import InputError
from tests.dialogue.people import STORY, example

CAST = Cast({"MIRA": Character("MIRA"), "TOM": Character("TOM")}, "en", Path())


def text(words: str, *tags: str) -> list[object]:
    """One line of compiled ink."""
    return [f"^{words} ", *(part for tag in tags for part in ("#", f"^{tag}", "/#")), "\n"]


def story(**knots: list[object]) -> Story:
    """A story that begins in its first knot."""
    first = next(iter(knots))
    root = [
        [{"->": first}, ["done", {"#n": "g-0"}], None],
        "done",
        {name: [*body, None] for name, body in knots.items()},
    ]
    return Story(json.dumps({"inkVersion": 21, "root": root, "listDefs": {}}), "made.ink")


def test_lines_have_speakers_directions_and_ids() -> None:
    made = story(a=[*text("MIRA: Hello.", "emotion: sad", "strength: 0.7", "id: one"), *text("It rains."), "end"])
    line = made.advance()
    assert line is not None and (line.id, line.speaker, line.text) == ("one", "MIRA", "Hello.")
    assert (line.direction.emotion, line.direction.strength) == ("sad", 0.7)
    narration = made.advance()
    assert narration is not None and narration.speaker == "" and narration.id.startswith("narration-")
    assert made.advance() is None and made.choices == ()


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("strength: loud", "a number from 0 to 3"),
        ("strength: nan", "a number from 0 to 3"),
        ("rate: 9", "a number from 0.5 to 2"),
        ("pause: -1", "a number from 0 to 10"),
        ("feels: TOM", "a character, an emotion and an amount"),
        ("emotion: [sad]", "a name of letters"),
        ("heard: yes, no", "keywords, as it is called now"),
    ],
)
def test_a_wrong_tag_is_one_line_that_says_what_it_takes(tag: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_direction([tag], "story s, knot k")
    assert str(caught.value).startswith("story s, knot k")


def test_a_check_names_everything_that_is_wrong_with_its_place() -> None:
    made = story(
        a=[*text("MIRA: Hello.", "emotion: bored"), {"->": "b"}],
        b=[*text("ANN: Who am I?"), {"->": "c"}],
        c=[*text("TOM: On."), {"->": "b"}],
        lost=[*text("MIRA: Nobody comes here."), "end"],
    )
    faults = check_story(made, CAST, ("sad",)).faults
    assert any("ring b -> c -> b without a choice" in fault for fault in faults)
    assert any("knot lost: got no way that leads here" in fault for fault in faults)
    assert any("knot b" in fault and "'ANN'" in fault and "MIRA, TOM" in fault for fault in faults)
    assert any("knot a" in fault and "'bored'" in fault and "neutral, sad" in fault for fault in faults)


def test_a_dead_end_is_found_by_playing() -> None:
    made = story(a=[*text("MIRA: Hello.")])
    (fault,) = check_story(made, CAST).faults
    assert "ran out of content" in fault


def test_a_loop_that_says_nothing_ends_in_an_error_and_not_never() -> None:
    made = story(a=["ev", True, "/ev", {"->": "b", "c": True}, "end"], b=[{"->": "a"}])
    with pytest.raises(InputError, match="without a line"):
        made.advance()


@pytest.mark.parametrize("broken", ["", "[]", '{"inkVersion": 21}', '{"inkVersion": 99, "root": []}', "{" * 2000])
def test_what_is_no_story_is_refused(broken: str) -> None:
    with pytest.raises(InputError, match=r"story s\.json"):
        Story(broken, "s.json")


def test_the_example_has_all_that_it_promises() -> None:
    film = example()
    report = check_story(Story(film.compiled, film.name), film.cast, ("sad", "happy", "angry"), STORY / "story.ink")
    assert report.faults == () and report.remarks == ()
    assert report.knots >= 12 and len(report.exploration.endings) >= 4 and report.exploration.whole
    assert len(film.cast.characters) == 3
    ids = [*report.exploration.lines, *report.exploration.choices]
    assert list_untranslated(load_strings(STORY, "zh"), ids) == []


def test_each_ending_is_reached_by_the_choices_that_the_check_prints() -> None:
    film = example()
    for path in explore(Story(film.compiled, film.name)).endings.values():
        played = Story(film.compiled, film.name)
        for index in path:
            while played.advance() is not None:
                pass
            played.choose(index)
        while played.advance() is not None:
            pass
        assert played.choices == ()


def test_a_saved_story_goes_on_as_if_nothing_had_been() -> None:
    film = example()
    first, second = Story(film.compiled, film.name), Story(film.compiled, film.name)
    while first.advance() is not None:
        pass
    second.restore(first.save())
    for played in (first, second):
        played.choose(1)
    assert first.advance() == second.advance()
    with pytest.raises(InputError, match="saved state"):
        second.restore("{}")


def test_strings_keep_what_was_translated(tmp_path: Path) -> None:
    film = example()
    met = explore(Story(film.compiled, film.name))
    assert write_strings(tmp_path, "zh", met) == (66, 66)
    table = tmp_path / "strings.zh.csv"
    table.write_text(table.read_text().replace("As you like.,", "As you like.,随你的便。"))
    assert write_strings(tmp_path, "zh", met) == (66, 65)
    assert load_strings(tmp_path, "zh") == {"m_stairs_5": "随你的便。"}
    assert languages_of(tmp_path) == ("zh",)
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=",".join(COLUMNS)):
        load_strings(tmp_path, "zh")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("characters: {mira: {}}", "a name in capitals"),
        ("characters: {MIRA: {colour: red}}", "six hexadecimal digits"),
        ("characters: {MIRA: {rate: fast}}", "a number from 0.5 to 2"),
        ("characters: {MIRA: {voice: ../../secret.wav}}", "inside the story's folder"),
        ("characters: {MIRA: {voice: /etc/passwd}}", "inside the story's folder"),
        ("characters: {MIRA: {temper: {half_life: 0}}}", "half_life"),
        ("characters: {MIRA: {mood: sad}}", "one of shown, voice"),
        ("characters: {}", "1 to 64"),
        ("language: tlh\ncharacters: {MIRA: {}}", "one of en, zh"),
        ("characters: [", "cannot be read as YAML"),
        ("!!python/object/apply:os.system [touch x]", "cannot be read as YAML"),
    ],
)
def test_a_wrong_cast_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "cast.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        load_cast(tmp_path)


def test_the_command_checks_and_its_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(STORY)]) == 0
    assert "5 endings" in capsys.readouterr().out
    shutil.copytree(STORY, tmp_path / "story")
    (tmp_path / "story" / "cast.yaml").write_text("characters: {MIRA: {}, TOM: {}}")
    assert main(["check", str(tmp_path / "story")]) == 1
    assert "'ADA'" in capsys.readouterr().out


@pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no compiler of ink (npm install -g inkjs)")
def test_the_compiled_example_is_that_of_its_source(tmp_path: Path) -> None:
    compiled, warnings = compile_story(STORY / "story.ink")
    assert json.loads(compiled) == json.loads((STORY / "story.ink.json").read_text(encoding="utf-8-sig"))
    assert warnings == ()
    (tmp_path / "story.ink").write_text("-> nowhere\n")
    with pytest.raises(InputError, match="nowhere"):
        compile_story(tmp_path / "story.ink")


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler of ink that takes every story for the example, and a folder where it is the only program."""
    programs = tmp_path / "programs"
    programs.mkdir()
    script = (
        f"#!{sys.executable}\nimport shutil, sys\nshutil.copyfile({str(STORY / 'story.ink.json')!r}, sys.argv[2])\n"
    )
    (programs / "inkjs-compiler").write_text(script)
    (programs / "inkjs-compiler").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    return programs / "inkjs-compiler"


def test_a_story_that_was_changed_is_compiled_anew(
    compiler: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is checked and played is what was written last, not what was compiled some time before."""
    folder = tmp_path / "story"
    shutil.copytree(STORY, folder)
    compiled, source = folder / "story.ink.json", folder / "story.ink"
    assert compile_changed(folder) == (), "a copy is no change"
    compiled.unlink()
    assert compile_changed(folder) == ("story.ink.json was made of story.ink",)
    assert json.loads(compiled.read_text()) == json.loads((STORY / "story.ink.json").read_text(encoding="utf-8-sig"))
    compiled.write_text("{}")
    os.utime(compiled, (1, 1))
    os.utime(source, (60, 60))
    assert main(["check", str(folder)]) == 0
    assert "remark  story.ink.json was made of story.ink" in capsys.readouterr().out
    compiler.unlink()
    os.utime(compiled, (1, 1))
    assert main(["check", str(folder)]) == 0
    assert "remark  story.ink was changed after story.ink.json, which is taken as it is" in capsys.readouterr().out
    compiled.unlink()
    with pytest.raises(InputError, match="got no compiler of ink"):
        main(["play", str(folder)])


def test_check_asks_the_voice_that_play_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "story"
    shutil.copytree(STORY, folder)
    compiled = folder / "story.ink.json"
    compiled.write_text(compiled.read_text(encoding="utf-8-sig").replace("emotion: angry", "emotion: excited"))
    assert main(["check", str(folder)]) == 1
    assert "emotion: got 'excited', expected one of angry, happy, neutral, sad" in capsys.readouterr().out
