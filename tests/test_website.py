"""The site: strict, no link leads nowhere; study pages are what their results say, and short."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from selenium.webdriver import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from experiments.collect import collect
from experiments.pages import FRONT, LINES, NAMED, documents, fill, make_front, make_grid, make_page, put_tables
from experiments.results import Result, bounded, read_results, write_results
from sovits_lab.types import InputError
from tests.browser import needs_browser, open_browser
from website.build import build
from website.links import find_broken
from website.pages import ROOT, list_media, list_pages, rewrite
from website.run_figures import draw_trade
from website.sounds import Sounds, cell, find_run

WHOLE = b"""question: a
answer: [a]
table: {a: b}
note: a
figure: {axis: a, caption: b, keys: {a: b}}
limits: [a]
commands: [a]
more: {a: b}
"""
STUDIES = sorted(path.parent for path in (ROOT / "experiments").glob("*/study.yaml"))


def test_the_site_is_built_without_a_broken_link() -> None:
    """Without the API reference, which takes a minute; `make docs` builds it too."""
    words = [sys.executable, str(ROOT / "website" / "build.py"), "--without-api"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    site = ROOT / "build" / "website" / "site"
    assert (site / "zh" / "index.html").is_file()
    assert "tour.md" in (site / "llms.txt").read_text(encoding="utf-8")
    assert "architecture.svg" in (site / "architecture.html").read_text(encoding="utf-8")
    heard = {"index": "starter-sad", "zh/index": "starter-sad", "benchmark": "espeak-sad",
             "experiments/starter_voice/index": "starter-happy", "conversion": "converted-sad"}  # fmt: skip
    for page, sound in heard.items():
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        assert f"sounds/{sound}.ogg" in text
        assert "<!-- sounds" not in text
    page = (site / "experiments" / "starter_voice" / "index.html").read_text(encoding="utf-8")
    results = read_results(ROOT / "experiments" / "starter_voice" / "results" / "main.csv")
    assert cell(results["voice sad/distillmos"][0]) in page
    assert soundfile.info(site / "sounds" / "starter-sad.ogg").duration > 1


@needs_browser()
def test_the_site_is_read_on_a_phone_searched_and_heard_from_a_folder() -> None:
    """Needs the site of the test before it, or builds it."""
    site = ROOT / "build" / "website" / "site"
    if not (site / "search.js").is_file():
        assert build(with_api=False) == []
    with open_browser(390, 844) as driver:
        asked = "return performance.getEntriesByType('resource').map(one => one.name)"
        for page in ("architecture", "index", "zh/index", "benchmark", "experiments/starter_voice/index"):
            driver.get((site / f"{page}.html").as_uri())
            assert driver.execute_script("return document.documentElement.scrollWidth") <= 390, page
            assert [name for name in driver.execute_script(asked) if not name.startswith("file:")] == [], page
        heard = """const done = arguments[0], one = document.querySelector("audio"); one.preload = "auto";
                   one.onloadedmetadata = () => done(one.duration); one.onerror = () => done(0); one.load();"""
        assert driver.execute_async_script(heard) > 1
        wide = "return document.querySelector('audio').getBoundingClientRect().width"
        assert driver.execute_script(wide) >= 160, "the browser leaves out the button that plays"
        code = "return [...document.querySelectorAll('.language-bash code')].map(x => x.scrollWidth - x.clientWidth)"
        assert max(driver.execute_script(code)) <= 1, "a command is cut off"
        driver.execute_script("document.querySelector('.md-search__button').click()")
        ActionChains(driver).pause(1).send_keys("watermark").perform()
        found = """return [...document.querySelectorAll("*")].some(one => one.shadowRoot && [...one.shadowRoot
                   .querySelectorAll("a")].some(link => link.href.includes("watermark/index.html")))"""
        WebDriverWait(driver, 60).until(lambda d: d.execute_script(found))


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<h1 id="here"></h1>', encoding="utf-8")
    text = '<a href="b.html#here"></a><a href="b.html#gone"></a><img src="c.svg"><a href="https://x.y"></a>'
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    assert find_broken(tmp_path) == ["a.html: b.html#gone: no such anchor", "a.html: c.svg: no such file"]


def test_a_link_to_a_file_that_is_not_there_stops_the_build() -> None:
    pages, media = list_pages(), {path: path for path in list_media()}
    with pytest.raises(FileNotFoundError, match="nowhere"):
        rewrite("docs/tour.md", "see [this](nowhere.md)", pages, media)
    assert rewrite("docs/tour.md", "[code](../train.py)", pages, media) == "code"
    assert rewrite("docs/tour.md", "[home](../README.md#languages)", pages, media) == "[home](index.md#languages)"
    assert rewrite("docs/tour.md", "```\n[a](nowhere.md)\n```", pages, media) == "```\n[a](nowhere.md)\n```"


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_a_study_page_is_what_its_results_say(study: Path) -> None:
    text, _ = make_page(study)
    assert (study / "README.md").read_text(encoding="utf-8") == text, "python experiments/pages.py"
    assert text.count("\n") <= LINES
    assert "## Hear it" in text
    assert (study / "figures" / "result.svg").is_file()


def test_the_readme_shows_what_the_results_say() -> None:
    text = FRONT.read_text(encoding="utf-8")
    assert make_front(text) == text, "python experiments/pages.py"
    assert text.count("\n") <= 120
    with pytest.raises(ValueError, match="0 places for results"):
        make_front("nothing here")


def test_no_number_of_an_answer_is_written_by_hand() -> None:
    """Numbers in answers are names of results, counts in words, and chance levels."""
    for study in STUDIES:
        answer = re.search(r"answer:(.*?)\ntable:", (study / "study.yaml").read_text(encoding="utf-8"), re.DOTALL)
        assert answer
        left = re.sub(r"\{[^{}]+\}|\(chance [\d.]+\)|F0|MP3", "", answer[1])
        assert re.findall(r"\d+", left) == []


def test_a_text_takes_its_numbers_from_the_results() -> None:
    results = read_results(ROOT / "experiments" / "sad_transfer" / "results" / "main.csv")
    rows = results["f0_share/sad"]
    mean = sum(float(row.value) for row in rows) / len(rows)
    assert fill("{f0_share/sad} of {f0_share/sad:truth}", results) == f"{mean:.3g} of 100"
    with pytest.raises(KeyError):
        fill("{nothing/sad}", results)


def test_sounds_and_the_trade_of_a_whole_run(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "sad_transfer" / "abc"
    (run / "samples").mkdir(parents=True)
    wav = (0.1 * np.sin(np.arange(16000) / 20)).astype(np.float32)
    soundfile.write(run / "samples" / "x.flac", wav, 16000)
    told = {"speaker": "anna", "text": "Hello.", "strength": 1.0}
    told |= dict.fromkeys(("wav", "truth", "truth_neutral"), "x.flac")
    rows = [{**told, "id": name, "emotion": name} for name in ("neutral", "sad")]
    (run / "samples" / "samples.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    point = {"name": "f0_shift", "group": "all", "emotion": "sad", "low": -1.0, "high": 1.0}
    figures = [{**point, "strength": s, "value": -5 * s} for s in (0.0, 0.5, 1.0)]
    (run / "scores.json").write_text(json.dumps({"samples": 160, "figures": figures}), encoding="utf-8")
    row = {"of": "output", "metric": "similarity", "value": 0.9, "judge": "J", "id": "sad"}
    (run / "measurements.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (run / "config.yaml").write_text("{}", encoding="utf-8")
    assert find_run(tmp_path / "runs") == run
    page = Sounds(tmp_path, tmp_path / "runs").put("x\n<!-- sounds: demo -->\ny", "experiments/a/index.md")
    assert page.count("<audio") == 4
    assert 'src="../../sounds/anna-sad-output.ogg"' in page
    assert "similarity 0.90 (J)" in page
    assert soundfile.info(tmp_path / "sounds" / "anna-sad-output.ogg").subtype == "OPUS"
    draw_trade({"figures": figures}, tmp_path / "trade.svg")
    assert (tmp_path / "trade.svg").read_text(encoding="utf-8").count("strength of sad") >= 1


def test_a_smoke_run_is_not_shown(tmp_path: Path) -> None:
    assert find_run(tmp_path) is None
    assert "make demo" in Sounds(tmp_path, tmp_path).put("<!-- sounds: demo -->", "index.md")


def test_a_mark_for_unknown_sounds_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="nothing"):
        Sounds(tmp_path, tmp_path).put("<!-- sounds: nothing -->", "index.md")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"question: a: b\n", "line 1.*expected YAML"),
        (b"a:\tb\n\t- c\n", "line 1.*expected YAML"),
        (b"\x00\x01", "expected YAML"),
        (b"question: a\nanswer: \xe9\n", "line 2: got byte 0xe9, expected text in UTF-8"),
        (b"- 1\n", "no question"),
        (b"question: a\n", "no answer, table"),
        (WHOLE.replace(b"answer: [a]", b"answer: a"), "answer: got 'str', expected a list"),
        (WHOLE.replace(b"keys:", b"kys:"), "figure: got 'no keys'"),
    ],
)
def test_a_study_that_cannot_be_read_is_one_line(tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "study.yaml").write_bytes(text)
    with pytest.raises(InputError, match=words) as error:
        make_page(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(KeyError, match=r"\{gone\}: not among the results"):
        fill("{gone}", {})


def finished_run(folder: Path, git: dict[str, str | None], value: float) -> Path:
    """A run as `train.py` leaves it, of which only what a study collects is there."""
    folder.mkdir(parents=True)
    place = {"name": "f0_share", "group": "target", "emotion": "sad", "strength": None}
    figures = [{**place, "value": value, "low": value - 0.1, "high": value + 0.1, "truth": 1.0}]
    (folder / "scores.json").write_text(json.dumps({"figures": figures}), encoding="utf-8")
    told = {"git": git, "seed": 4, "sovits_lab": "0.1.0"}
    (folder / "environment.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def test_results_are_collected_with_the_code_and_the_experiment_that_made_them(tmp_path: Path) -> None:
    study = ROOT / "experiments" / "sad_transfer"
    commit = "0123456789abcdef"
    runs = [
        finished_run(tmp_path / "sad_transfer" / "a", {"commit": commit, "diff": None}, 0.9),
        finished_run(tmp_path / "sad_transfer" / "b", {"commit": commit, "diff": "changed"}, 0.8),
        finished_run(tmp_path / "sad_transfer_quick" / "c", {"commit": None, "diff": None}, 0.7),
    ]
    rows = collect(study, runs)
    assert [(row.value, row.run, row.commit) for row in rows] == [
        ("90", "seed 4", "0123456"),
        ("80", "seed 4", "0123456+"),
        ("70", "sad_transfer_quick, seed 4", "version 0.1.0"),
    ]


def test_how_many_runs_there_are_is_no_number_of_the_text() -> None:
    results = read_results(ROOT / "experiments" / "sad_transfer" / "results" / "main.csv")
    assert fill("{runs} seeds", results) == f"{len({row.run for row in results['f0_share/sad']})} seeds"


def test_a_grid_shows_bounds_and_verdicts_and_leaves_what_was_not_measured_empty() -> None:
    row = Result("any", "a/words", "", "%", "1 run", "-3.9", "-11.3", "1.8", "", "0123456", verdict="equal")
    results = {row.key: [row], "b/level": [row._replace(key="b/level", low="", high="", verdict="not shown")]}
    table = {"corner": "arm", "rows": {"words": "words, %", "level": "level"}, "columns": {"a": "A", "b": "B"}}
    assert make_grid(table, results)[2:] == ["| words, % | -3.9 [-11.3, 1.8], equal |  |", "| level |  | -3.9 |"]
    with pytest.raises(KeyError, match="gone"):
        make_grid({**table, "rows": {"gone": "?"}}, results)


@pytest.mark.parametrize("page", documents(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_tables_in_other_pages_are_what_results_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert put_tables(text) == text, "python experiments/pages.py"
    emptied = NAMED.sub(r"\1\4", text)
    assert emptied != text
    assert put_tables(emptied) == text


def test_results_are_written_in_place_of_those_of_the_same_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.results.ROOT", tmp_path)
    (tmp_path / "any").mkdir()
    row = Result("any", "a/words", "words", "%", "1 run", **bounded(3.14159, 2.5, float("nan")), truth="", commit="x")
    write_results("any", [row, row._replace(key="b/words")])
    path = write_results("any", [row._replace(value="7")], instead_of=["a/"])
    found = read_results(path)
    assert [(key, rows[0].value, rows[0].low, rows[0].high) for key, rows in found.items()] == [
        ("b/words", "3.14", "2.5", ""),
        ("a/words", "7", "2.5", ""),
    ]


def test_a_score_of_the_starter_voice_has_the_keys_of_its_page() -> None:
    score = runpy.run_path(str(ROOT / "experiments" / "starter_voice" / "score.py"))
    names = ("wer", "distillmos", "f0", "seconds", "level")
    plain = {name: score["Figure"](name, "", 100.0) for name in names}
    low = {**plain, "f0": score["Figure"]("f0", "", 50.0)}
    found = {"neutral": plain, "sad": low | score["against_neutral"](low, plain)}
    rows = {row.key: row for row in score["rows_of"](score["ScoreVoice"]("folder"), found)}
    assert (rows["voice sad/semitones"].value, rows["voice sad/length"].value) == ("-12", "1")
    known = read_results(ROOT / "experiments" / "starter_voice" / "results" / "main.csv")
    assert set(rows) == {key for key in known if key.startswith(("voice neutral/", "voice sad/"))}


def test_what_a_bench_of_films_prints_becomes_results() -> None:
    collected = runpy.run_path(str(ROOT / "experiments" / "interactive_film" / "collect.py"))
    row = "{:<30}p50     1.5 ms   p95    20.0 ms   n 201"
    names = ("event to first sound, live", "  story, mood and writer", "  voice", "  of it processor time")
    lines = [row.format(name) for name in (*names, "line that was there already")]
    lines += ["real-time factor (processor): 0.028 over 300 s of speech"]
    lines += ["ten walks: 86 of 117 lines were there already (74 %), 38 spoken ahead"]
    rows = {one.key: one.value for one in collected["rows_of"]("\n".join(lines), "0123456")}
    assert (rows["live p50/first sound"], rows["live p95/there"], rows["walks/asked"]) == ("1.5", "20.0", "117")
    with pytest.raises(InputError, match="film bench"):
        collected["rows_of"]("nothing", "0123456")


def test_what_a_soak_of_films_prints_becomes_results_where_it_met_no_fault() -> None:
    collected = runpy.run_path(str(ROOT / "experiments" / "interactive_film" / "collect.py"))
    lines = [f"  {at}: {10 * at} lines, sessions 20, cache_bytes 5, megabytes {400 + at}" for at in range(1, 7)]
    lines += ["20 players, 10 minutes: 7 films to their end, 60 lines"]
    for name in ("event to first sound, live", "event to first sound, was there"):
        lines.append(f"{name:<32}p50   119.0 ms   p95   565.3 ms   n 25")
    lines += ["50 connections dropped in mid-line; 0 of 22 lines differed", "0 faults"]
    rows = {one.key: one.value for one in collected["rows_of_soak"]("\n".join(lines), "0123456")}
    assert (rows["players p95/live"], rows["players/drops"], rows["players/third"]) == ("565.3", "50", "403")
    assert rows["players/end"] == "406"
    with pytest.raises(InputError, match="expected 0 faults"):
        collected["rows_of_soak"]("\n".join([*lines[:-1], "2 faults; a; b"]), "0123456")


def test_what_a_bench_of_a_writing_model_prints_becomes_results() -> None:
    collected = runpy.run_path(str(ROOT / "experiments" / "interactive_film" / "collect.py"))
    row = "{:<30}p50     1.5 ms   p95    20.0 ms   n 58"
    lines = [row.format(name) for name in ("event to first sound, written", "  from the first clause on")]
    lines += ["lines: 58 model, 2 the model was too slow"]
    rows = {one.key: (one.value, one.n) for one in collected["rows_of_writer"]("\n".join(lines), "0123456")}
    assert rows["written p95/clause"] == ("20.0", "58") and rows["written/asked"] == ("60", "")
    with pytest.raises(InputError, match="expected times of lines that the model wrote"):
        collected["rows_of_writer"]("lines: 60 the model was too slow\n", "0123456")


LOST = {"f85ec87"}  # of films: its commit was replaced before it came here, and nobody knows by which


def test_results_name_commits_that_there_are() -> None:
    """A figure can be made again only where the code that made it can be had."""
    git = shutil.which("git")
    whole = [git or "", "rev-parse", "--is-shallow-repository"]
    if git is None or subprocess.run(whole, cwd=ROOT, capture_output=True, text=True).stdout.strip() != "false":
        pytest.skip("this is no checkout with its whole history")
    named = {row.commit.rstrip("+") for path in (ROOT / "experiments").glob("*/results/main.csv")
             for rows in read_results(path).values() for row in rows}  # fmt: skip
    ancestors = subprocess.run([git, "log", "--format=%H"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert {name for name in named if name and not any(one.startswith(name) for one in ancestors)} <= LOST
