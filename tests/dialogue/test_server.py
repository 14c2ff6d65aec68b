"""The film over a real socket, and in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from sovits_lab.dialogue.exploration import explore
from sovits_lab.dialogue.film_soak import SoakCount, soak_film
from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.protocol import MOST_MESSAGE, schema
from sovits_lab.dialogue.server import FilmServer
from sovits_lab.dialogue.speech_cache import SpeechCache
from sovits_lab.dialogue.story import Story
from sovits_lab.types import InputError
from tests.browser import needs_browser, open_browser
from tests.dialogue.people import HummingActor, example
from tests.serving.servers import PATIENCE, wait_until

JSON_NET = Path("/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll")
NO_MONO = "needs mcs, mono and Json.NET (Debian: mono-mcs mono-runtime libnewtonsoft-json5.0-cil)"


@contextlib.contextmanager
def served(actor: HummingActor, sessions: int = 200, language: str = "") -> Iterator[tuple[int, FilmServer]]:
    """The film on a free port of the loopback interface."""
    film = FilmServer(example(), Performer(actor, SpeechCache()), sessions=sessions, language=language)
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(film.app(), log_level="error"))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    wait_until(lambda: server.started, "a film that is served")
    try:
        yield taken.getsockname()[1], film
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(HummingActor()) as (number, _):
        yield number


def opened(port: int, **message: Any) -> ClientConnection:
    """A connection whose first message is sent."""
    connection = connect(f"ws://127.0.0.1:{port}/film", legacy=True)
    connection.send(json.dumps(message))
    return connection


def until(connection: ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    """Messages up to one of these kinds."""
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] not in kinds:
        got.append(json.loads(connection.recv(timeout=PATIENCE)))
    return got


def test_a_film_is_played_to_its_end(port: int) -> None:
    with opened(port, type="start", seed=1) as connection:
        first = until(connection, "choices")
        assert first[0]["type"] == "hello" and first[0]["languages"] == ["en", "zh"] and "AI" in first[0]["notice"]
        for index in (2, 0, 1):
            connection.send(json.dumps({"type": "choose", "index": index}))
            last = until(connection, "choices", "end")
        assert last[-1] == {"seq": last[-1]["seq"], "type": "end", "ending": "the radio"}


def test_a_connection_that_drops_fifty_times_misses_nothing_and_hears_nothing_twice() -> None:
    actor = HummingActor(delay=0.002)
    with served(actor) as (port, _):
        connection = opened(port, type="start")
        messages = [json.loads(connection.recv(timeout=PATIENCE))]
        name, drops, choices = messages[0]["session"], 0, iter([1, 0, 0, 0, 0])
        while messages[-1]["type"] != "end":
            if drops < 50 and messages[-1]["type"] not in ("choices", "hello"):
                connection.socket.shutdown(socket.SHUT_RDWR)  # no goodbye, as where a cable is pulled
                drops += 1
                connection = opened(port, type="resume", session=name, after=messages[-1]["seq"])
            if messages[-1]["type"] == "choices":
                connection.send(json.dumps({"type": "choose", "index": next(choices)}))
            messages.append(json.loads(connection.recv(timeout=PATIENCE)))
        connection.close()
    assert drops == 50
    assert [one["seq"] for one in messages] == list(range(1, len(messages) + 1))
    lines = [one["id"] for one in messages if one["type"] == "line"]
    assert len(lines) == len(set(lines)) == len([one for one in messages if one["type"] == "line_end"])


def test_a_soak_finds_nothing_where_nothing_is_wrong_and_what_is() -> None:
    with served(HummingActor(word=0.002)) as (port, _):
        address = f"http://127.0.0.1:{port}"
        rows = list(soak_film(example(), address, 4, 0.0, 2, 0, SoakCount(), thinking=0.0))
        assert rows[-1] == "0 faults"
        assert "dropped" in rows[-2] and " 0 of " in rows[-2]
        other = replace(example(), compiled=example().compiled.replace("Mind the seventh step", "Mind the eighth step"))
        count = SoakCount()
        list(soak_film(other, address, 4, 0.0, 4, 1, count, thinking=0.0))
        assert any("lines of another film" in fault for fault in count.faults)
    with pytest.raises(InputError, match="nobody serves a film"):
        list(soak_film(example(), address, 1, 0.0, 0, 0, SoakCount()))


def test_an_answer_that_is_sent_again_after_a_lost_connection_is_taken_once(port: int) -> None:
    connection = opened(port, type="start", seed=1)
    first = until(connection, "choices")
    answer = {"type": "choose", "index": 2, "question": first[-1]["seq"]}
    connection.send(json.dumps(answer))
    connection.socket.shutdown(socket.SHUT_RDWR)
    again = opened(port, type="resume", session=first[0]["session"], after=first[-1]["seq"])
    again.send(json.dumps(answer))
    second = until(again, "choices")
    assert [one["id"] for one in second if one["type"] == "line"] == ["a_radio_1", "a_radio_2"]
    again.send(json.dumps(answer))  # and once more, when the next question stands already
    again.send(json.dumps({"type": "choose", "index": 9, "question": second[-1]["seq"]}))
    assert "choice" in until(again, "error")[-1]["message"]
    again.send(json.dumps({"type": "choose", "index": 0, "question": second[-1]["seq"]}))  # a better one is taken
    assert "a_radio_3" in [one.get("id") for one in until(again, "choices")]
    again.close()


def test_twenty_sessions_are_not_crossed() -> None:
    with served(HummingActor()) as (port, film):
        connections = [opened(port, type="start", seed=seed) for seed in range(20)]
        for connection in connections:
            until(connection, "choices")
        for place, connection in enumerate(connections):
            connection.send(json.dumps({"type": "choose", "index": place % 3}))
        knots = [
            [one["id"] for one in until(c, "choices") if one["type"] in ("line", "narration")] for c in connections
        ]
        assert [ids[0] for ids in knots] == [("n_stairs", "m_why_1", "a_radio_1")[place % 3] for place in range(20)]
        assert len(film.sessions) == 20
        for connection in connections:
            connection.close()


def test_a_second_page_takes_the_session_over(port: int) -> None:
    first = opened(port, type="start")
    name = until(first, "choices")[0]["session"]
    second = opened(port, type="resume", session=name, after=0)
    assert until(second, "choices")[0]["type"] == "hello"
    assert until(first, "error")[-1]["message"] == "this session was opened elsewhere"
    with pytest.raises(ConnectionClosed):
        first.recv(timeout=PATIENCE)
    second.close()


def test_a_saved_session_is_loaded(port: int) -> None:
    with opened(port, type="start") as connection:
        until(connection, "choices")
        connection.send(json.dumps({"type": "choose", "index": 2}))
        question = until(connection, "choices")[-1]
        connection.send(json.dumps({"type": "save"}))
        saved = until(connection, "saved")[-1]["saved"]
    with connect(f"ws://127.0.0.1:{port}/film") as connection:
        connection.send(json.dumps({"type": "load", "saved": saved}, separators=(",", ":")))
        assert until(connection, "choices")[-1]["choices"] == question["choices"]


def test_a_film_goes_on_in_another_language(port: int) -> None:
    with opened(port, type="start", seed=1) as connection:
        first = until(connection, "choices")
        connection.send(json.dumps({"type": "translate", "language": "zh"}))
        hello, again = until(connection, "choices")
        assert (hello["session"], hello["language"], hello["spoken_language"]) == (first[0]["session"], "zh", "en")
        assert [one["id"] for one in again["choices"]] == [one["id"] for one in first[-1]["choices"]]
        assert again["choices"][0]["text"] != first[-1]["choices"][0]["text"] and "AI" in hello["notice"]
        connection.send(json.dumps({"type": "choose", "index": 2, "question": again["seq"]}))
        lines = [one for one in until(connection, "choices") if one["type"] == "line"]
        assert lines[0]["id"] == "a_radio_1" and not lines[0]["text"].isascii()
        connection.send(json.dumps({"type": "translate", "language": "tlh"}))
        assert "tlh" in until(connection, "error")[-1]["message"]
        connection.send(json.dumps({"type": "save"}))
        saved = json.loads(until(connection, "saved")[-1]["saved"])
    assert saved["language"] == "en" and saved["events"] == [{"translate": "zh"}, {"choose": 2}]
    again_there = {"type": "load", "saved": json.dumps(saved)}
    with connect(f"ws://127.0.0.1:{port}/film") as connection:
        connection.send(json.dumps(again_there, separators=(",", ":")))
        assert until(connection, "choices")[0]["language"] == "zh"


def test_a_server_plays_the_language_that_it_was_told() -> None:
    with served(HummingActor(), language="zh") as (port, _), opened(port, type="start") as connection:
        assert until(connection, "hello")[-1]["language"] == "zh"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "message"),
        ('{"type": "dance"}', "type"),
        ('{"type": "choose", "index": 0}', "first message"),
        ('{"type": "start", "seed": -1}', "seed"),
        ('{"type": "start", "language": "tlh"}', "language"),
        ('{"type": "start", "path": "/etc/passwd"}', "path"),
        ('{"type": "resume", "session": "x", "after": 0}', "under way"),
        ('{"type":"load","saved":"{}"}', "saved session"),
        ("x" * (MOST_MESSAGE + 1), "characters"),
    ],
)
def test_a_wrong_first_message_is_answered_with_one_sentence(port: int, text: str, words: str) -> None:
    with connect(f"ws://127.0.0.1:{port}/film") as connection:
        connection.send(text)
        answer = json.loads(connection.recv(timeout=PATIENCE))
        assert answer["type"] == "error" and words in answer["message"] and "\n" not in answer["message"]


def test_a_film_under_way_bears_wrong_messages(port: int) -> None:
    with opened(port, type="start") as connection:
        until(connection, "choices")
        for text in ("{", '{"type": "choose", "index": 9}', '{"type": "start"}', '{"type": "say", "text": ""}'):
            connection.send(text)
            assert until(connection, "error")[-1]["message"]
        connection.send(json.dumps({"type": "choose", "index": 0}))
        assert until(connection, "choices")[-1]["type"] == "choices"


def test_pages_of_other_sites_may_not_listen_and_full_is_full() -> None:
    with served(HummingActor(), sessions=1) as (port, _):
        with (
            pytest.raises(Exception, match="403"),
            connect(f"ws://127.0.0.1:{port}/film", origin="http://evil.invalid"),
        ):
            pass
        with opened(port, type="start") as first:
            until(first, "choices")
            with opened(port, type="start") as second:
                assert "try later" in json.loads(second.recv(timeout=PATIENCE))["message"]


def test_places_of_films_that_nobody_plays_any_more_are_given_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sovits_lab.dialogue.server.OVER_SECONDS", 0.0)
    with served(HummingActor(), sessions=2) as (port, film), opened(port, type="start") as stays:
        names = [until(stays, "choices")[0]["session"]]
        for _ in range(3):
            with opened(port, type="start") as left:
                names.append(until(left, "choices")[0]["session"])
            wait_until(lambda: film.sessions[names[-1]].listener is None, "a connection that is gone")
        assert list(film.sessions) == [names[0], names[-1]]  # the one that is played, and the one left last


def test_a_film_that_is_over_leaves_nothing_when_its_client_is_done_and_waits_for_one_that_was_cut_off() -> None:
    with served(HummingActor()) as (port, film):
        for goodbye in (True, False):
            connection = opened(port, type="start", seed=1)
            name = until(connection, "choices")[0]["session"]
            for index in (2, 0, 1):
                connection.send(json.dumps({"type": "choose", "index": index}))
                last = until(connection, "choices", "end")[-1]
            stage, live = weakref.ref(film.sessions[name].stage), film.sessions[name]
            if goodbye:
                del live
                connection.close()
                wait_until(lambda: stage() is None, "a session that is freed")  # noqa: B023 - and not kept by itself
                assert film.sessions == {}
            else:
                connection.socket.shutdown(socket.SHUT_RDWR)
                wait_until(lambda: live.listener is None, "a connection that is gone")  # noqa: B023
                again = opened(port, type="resume", session=name, after=last["seq"] - 1)
                assert until(again, "end")[-1] == last
                again.close()


def test_only_the_page_is_served(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for path, status in (
        ("/", 200),
        ("/film.js", 200),
        ("/face.js", 200),
        ("/../server.py", 404),
        ("/%2e%2e/server.py", 404),
        ("/x", 404),
    ):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status and "default-src 'self'" in answer.headers["Content-Security-Policy"]
    connection.request("GET", "/schema.json")
    assert json.loads(connection.getresponse().read()) == schema()
    for asked, language in (("zh", "zh"), ("", "en"), ("tlh", "en")):
        connection.request("GET", f"/about.json?language={asked}")
        about = json.loads(connection.getresponse().read())
        assert (about["title"], about["language"], about["languages"]) == ("The Lamp", language, ["en", "zh"])
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["asked"] > 0


def waited(driver: Any, script: str, seconds: float = PATIENCE) -> Any:
    """What a script returns, as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := driver.execute_script(f"return {script}"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {script}; {driver.execute_script('return document.body.innerText')}")


@needs_browser()
def test_every_ending_is_reached_in_a_browser_by_its_buttons() -> None:
    film = example()
    endings = explore(Story(film.compiled, film.name)).endings
    with served(HummingActor(word=0.01)) as (port, _), open_browser(400, 800) as driver:
        driver.get(f"http://127.0.0.1:{port}/?seed=1")
        for name, path in endings.items():
            driver.execute_script("document.getElementById('begin').click()")
            for index in path:
                waited(driver, "document.querySelectorAll('#choices button').length")
                driver.execute_script(f"document.querySelectorAll('#choices button')[{index}].click()")
            assert waited(driver, "document.getElementById('subtitle').dataset.ending") == name
        width, window = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert width <= window and driver.find_element("id", "title").text == "The Lamp"
        assert "AI-generated" in driver.find_element("id", "notice").text
        assert [one for one in driver.get_log("browser") if one["level"] == "SEVERE"] == []


@needs_browser()
def test_a_page_goes_on_after_lost_connections_and_says_what_is_lost() -> None:
    shown = "document.querySelectorAll('#choices button').length"
    with served(HummingActor(word=0.01)) as (port, film), open_browser(400, 800) as driver:
        driver.get(f"http://127.0.0.1:{port}/?seed=1&language=zh")
        notice = waited(driver, "document.getElementById('notice').textContent")
        assert "不会读中文" in notice and "英语" in notice  # the voice hums English
        driver.find_element("id", "begin").click()
        waited(driver, shown)
        driver.execute_script("player.socket.close(); document.querySelectorAll('#choices button')[2].click()")
        waited(driver, f"player.heard['a_radio_2'] && {shown}")
        film.sessions.clear()  # as after a restart
        driver.execute_script("player.socket.close()")
        waited(driver, "document.getElementById('status').textContent.includes('已经不在了')")
        assert driver.switch_to.active_element.get_attribute("id") == "begin" and not driver.execute_script(
            f"return {shown}"
        )
        driver.switch_to.active_element.click()
        waited(driver, shown)


@needs_browser()
def test_a_page_that_is_loaded_again_goes_on_and_so_does_one_that_changes_its_language() -> None:
    buttons = "[...document.querySelectorAll('#choices button')].map((one) => one.textContent).join()"
    rows = "[...document.querySelectorAll('#log p')].map((one) => one.textContent)"
    actor = HummingActor(word=0.01)
    with served(actor) as (port, film), open_browser(400, 800) as driver:
        driver.get(f"http://127.0.0.1:{port}/?seed=1")
        driver.find_element("id", "begin").click()
        waited(driver, buttons)
        driver.execute_script("document.querySelectorAll('#choices button')[2].click()")
        offered = waited(driver, f"player.heard['a_radio_2'] && {buttons}")
        said = driver.execute_script(f"return {rows}")
        driver.refresh()  # while a question stands
        assert waited(driver, "document.getElementById('begin').textContent") == "Go on"
        assert driver.execute_script(f"return {rows}") == said and driver.find_element("class name", "face")
        driver.find_element("id", "begin").click()
        assert waited(driver, buttons) == offered and len(film.sessions) == 1
        actor.word = 0.3
        driver.execute_script("document.querySelectorAll('#choices button')[0].click()")
        waited(driver, "player.queue[0]?.at")
        driver.refresh()  # in the middle of a line
        waited(driver, "document.getElementById('begin').textContent === 'Go on'")
        driver.find_element("id", "begin").click()
        waited(driver, "player.heard['a_radio_3']")  # the whole line is heard again
        actor.word = 0.01
        waited(driver, buttons)
        said = driver.execute_script(f"return {rows}")
        assert len(said) == len(set(said))
        before = driver.execute_script(f"return {buttons}")
        driver.execute_script("const s = document.getElementById('language'); s.value = 'zh'; s.onchange()")
        waited(driver, f"document.documentElement.lang === 'zh' && {buttons} !== {before!r} && {buttons}")
        assert driver.execute_script(f"return {rows}") == said and len(film.sessions) == 1
        assert driver.find_element("css selector", ".face span").text == "米拉"
        driver.execute_script("document.getElementById('anew').click()")
        waited(driver, f"player.session && {rows}.length < {len(said)} && {buttons}")
        assert [one for one in driver.get_log("browser") if one["level"] == "SEVERE"] == []


@needs_browser()
def test_the_mouth_moves_with_the_sound(port: int) -> None:
    from selenium.webdriver.common.keys import Keys

    with open_browser(1000, 900) as driver:
        driver.get(f"http://127.0.0.1:{port}/?seed=1&language=zh")
        assert "AI" in waited(driver, "document.getElementById('notice').textContent")  # before anything is heard
        driver.find_element("id", "begin").send_keys(Keys.ENTER)
        assert waited(driver, "document.querySelectorAll('#subtitle .word').length") > 4  # words of Chinese, one by one
        waited(driver, "document.querySelectorAll('#choices button').length")
        assert driver.find_element("id", "words-label").text == "或者用自己的话说"
        driver.find_element("id", "words").send_keys("用电台" + Keys.ENTER)
        waited(driver, "document.querySelectorAll('#choices button').length && player.heard['a_radio_2']")
        driver.switch_to.active_element.send_keys(Keys.ENTER)  # the first choice has the focus
        waited(driver, "player.heard['a_radio_3']")
        samples = driver.execute_script("return player.samples")
    energy, opening = (np.array([one[k] for one in samples], float) for k in (2, 1))
    assert energy.max() > 0.05 and opening.max() > 0.5
    assert lag_of(np.array([one[0] for one in samples]), opening, energy) <= 0.04


def lag_of(times: np.ndarray, opening: np.ndarray, energy: np.ndarray) -> float:
    """How far the mouth is from the sound, seconds: the shift at which the two go together best."""
    grid = np.arange(times[0], times[-1], 0.01)
    mouth, sound = (np.interp(grid, times, one) for one in (opening, energy))
    mouth, sound = mouth - mouth.mean(), sound - sound.mean()
    shifts = range(-20, 21)
    scores = [float(np.dot(np.roll(mouth, -shift)[25:-25], sound[25:-25])) for shift in shifts]
    return abs(shifts[int(np.argmax(scores))]) / 100


def test_the_python_client_plays_to_the_end(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    import soundfile

    answers = iter(["call the village on the radio", "1", "2"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    client = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "clients" / "film" / "player.py"))
    client["main"](f"ws://127.0.0.1:{port}/film", str(tmp_path / "film.wav"))
    assert soundfile.info(tmp_path / "film.wav").duration > 1


@pytest.mark.skipif(not JSON_NET.is_file() or not shutil.which("mcs") or not shutil.which("mono"), reason=NO_MONO)
def test_the_unity_client_plays_to_the_end(port: int, tmp_path: Path) -> None:
    program, root = tmp_path / "player.exe", Path(__file__).parents[2]
    shutil.copy(JSON_NET, tmp_path)
    sources = ["tests/unity.cs", "tests/dialogue/unity_player.cs", "deploy/clients/film/FilmClient.cs"]
    compiled = ["mcs", f"-r:{JSON_NET}", f"-out:{program}", *(str(root / name) for name in sources)]
    built = subprocess.run(compiled, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    play = ["mono", str(program), f"ws://127.0.0.1:{port}/film"]
    played = subprocess.run(play, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    said = played.stdout.splitlines()
    assert said[-1].startswith("end ") and len(said) == len(set(said)) > 5
    assert any(line.startswith("line MIRA ") for line in said)


@pytest.mark.skipif(shutil.which("gdparse") is None, reason="needs gdparse (pip install gdtoolkit)")
def test_the_client_for_godot_is_gdscript() -> None:
    client = Path(__file__).parents[2] / "deploy" / "clients" / "film" / "film_client.gd"
    parsed = subprocess.run(["gdparse", str(client)], capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stdout + parsed.stderr


def test_a_fault_of_the_program_is_told_and_not_kept_in_a_thread(caplog: pytest.LogCaptureFixture) -> None:
    class BrokenActor(HummingActor):
        def say(self, order: Any, cancelled: Any) -> Any:
            raise RuntimeError("broken inside")

    with served(BrokenActor()) as (port, _), opened(port, type="start") as connection:
        assert "failed at this line" in until(connection, "error")[-1]["message"]
    assert "broken inside" in caplog.text
