"""The film over a real socket: drops, second pages, saved sessions, other languages, wrong messages."""

from __future__ import annotations

import http.client
import json
import socket
import weakref
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from sovits_lab.dialogue.film_soak import SoakCount, soak_film
from sovits_lab.dialogue.protocol import MOST_MESSAGE, schema
from sovits_lab.dialogue.server import GONE
from sovits_lab.types import InputError
from tests.dialogue.film_servers import opened, served, until
from tests.dialogue.people import HummingActor, example
from tests.serving.servers import PATIENCE, wait_until


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
        ('{"type": "resume", "session": "' + "语" * 64 + '", "after": 0}', "under way"),
        ("x" * (MOST_MESSAGE + 1), "characters"),
        (b'{"type": "start"}', "bytes"),
    ],
)
def test_a_wrong_first_message_is_answered_with_one_sentence(port: int, text: str | bytes, words: str) -> None:
    with connect(f"ws://127.0.0.1:{port}/film") as connection:
        connection.send(text)
        answer = json.loads(connection.recv(timeout=PATIENCE))
        assert answer["type"] == "error" and words in answer["message"] and "\n" not in answer["message"]
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == GONE
    assert closed.value.rcvd.reason and answer["message"].startswith(closed.value.rcvd.reason)


def test_a_film_under_way_bears_wrong_messages(port: int) -> None:
    with opened(port, type="start") as connection:
        until(connection, "choices")
        for text in ("{", b"{}", '{"type": "choose", "index": 9}', '{"type": "start"}', '{"type": "say", "text": ""}'):
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


def test_a_fault_of_the_program_is_told_and_not_kept_in_a_thread(caplog: pytest.LogCaptureFixture) -> None:
    class BrokenActor(HummingActor):
        def say(self, order: Any, cancelled: Any) -> Any:
            raise RuntimeError("broken inside")

    with served(BrokenActor()) as (port, _), opened(port, type="start") as connection:
        assert "failed at this line" in until(connection, "error")[-1]["message"]
    assert "broken inside" in caplog.text
