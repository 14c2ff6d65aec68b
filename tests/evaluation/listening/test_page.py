"""The page in a real browser: on a phone by touch, on a desk by keyboard, offline and with the server."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.listening.results import parse_result
from evaluation.listening.server import make_server
from evaluation.listening.trials import ListeningPlan
from tests.browser import needs_browser, open_browser

PHONE, DESK = (360, 740), (1280, 800)


@pytest.fixture(scope="module")
def served(written: tuple[ListeningPlan, Path]) -> Iterator[str]:
    _, out = written
    server = make_server(out, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def find(driver: Any, css: str) -> list[Any]:
    return driver.find_elements("css selector", css)


def wait_until(condition: Any, what: str, seconds: float = 120.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds} s: {what}")


# Sounds end at once, so that the test of the flow does not last as long as a listener needs.
FAST = """HTMLMediaElement.prototype.play = function () {
  this.dispatchEvent(new Event('ended')); return Promise.resolve(); };"""


# What a finger does, once for each kind of question; the other questions of a kind are answered by a script.
SCRIPT = """
document.querySelectorAll('.sounds button, input[type=range]').forEach(one => one.click());
for (const name of ['tone', 'answer', 'most', 'least']) {
  const radios = document.querySelectorAll(`input[name=${name}]`);
  if (radios.length) radios[name === 'least' ? radios.length - 1 : 0].click();
}
document.getElementById('go').click();
const feedback = document.getElementById('feedback');
if (feedback && !feedback.hidden) document.getElementById('go').click();
"""


def answer_by_touch(driver: Any) -> None:
    for one in find(driver, ".sounds button, input[type=range]"):
        one.click()
    for name in ("tone", "answer", "most", "least"):
        radios = find(driver, f"input[name={name}]")
        if radios:
            radios[-1 if name == "least" else 0].click()
    find(driver, "#go")[0].click()
    if find(driver, "#feedback:not([hidden])"):
        find(driver, "#go")[0].click()


@needs_browser()
def test_a_whole_test_on_a_phone_with_the_server(served: str, written: tuple[ListeningPlan, Path]) -> None:
    plan, out = written
    with open_browser(*PHONE) as driver:
        driver.get(f"{served}/?listener=2&language=zh")
        assert find(driver, "h1")[0].text == "开始之前"
        assert not find(driver, "#go")[0].is_enabled()
        find(driver, "#agree")[0].click()
        find(driver, "input[name=device]")[0].click()
        find(driver, "#go")[0].click()
        driver.execute_script(FAST)
        seen: set[str] = set()
        for number in range(len(plan.sessions[2]) + len(plan.headphones)):
            assert find(driver, "progress")[0].get_attribute("value") == str(number)
            title = find(driver, "h1")[0].text
            if title in seen:
                driver.execute_script(SCRIPT)
                continue
            seen.add(title)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= PHONE[0], title
            assert not find(driver, "#go")[0].is_enabled(), "no answer before listening"
            answer_by_touch(driver)
        assert len(seen) == 1 + len(plan.kinds)
        find(driver, "#comment")[0].send_keys("谢谢")
        find(driver, "#go")[0].click()
        wait_until(lambda: find(driver, "#end"), "end of the test")
        wait_until(lambda: "收到" in find(driver, "#end")[0].text, "the server's answer")
    (path,) = (out / "results").glob("*-2.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    result = parse_result(record, plan, path.name)
    assert result.finished
    assert result.language == "zh"
    assert record["comment"] == "谢谢"


@needs_browser()
def test_by_keyboard_alone_offline_and_after_a_reload(written: tuple[ListeningPlan, Path], tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    plan, out = written
    with open_browser(*DESK, tmp_path) as driver:

        def press(*keys: str) -> None:
            ActionChains(driver).send_keys(*keys).perform()

        def focus(css: str) -> Any:
            for _ in range(40):
                press(Keys.TAB)
                here = driver.switch_to.active_element
                if any(one == here for one in find(driver, css)):
                    return here
            raise AssertionError(f"the keyboard does not reach {css}")

        driver.get((out / "test" / "index.html").as_uri() + "?listener=1&language=en")
        focus("#agree")
        press(Keys.SPACE)
        focus("input[name=device]")
        press(Keys.SPACE)
        focus("#go")
        press(Keys.ENTER)
        wait_until(lambda: find(driver, ".sounds button"), "headphone check")
        press("1")
        wait_until(lambda: find(driver, ".sounds button.heard"), "a sound that was really played to its end")
        for _ in plan.headphones:
            driver.execute_script(FAST)
            press("1")
            focus("input[name=tone]")
            press(Keys.SPACE)
            press(Keys.ENTER)
        step = find(driver, "progress")[0].get_attribute("value")
        assert step == str(len(plan.headphones))
        driver.refresh()
        wait_until(lambda: find(driver, "progress"), "the page after a reload")
        assert find(driver, "progress")[0].get_attribute("value") == step
        driver.execute_script(FAST)
        assert "same emotion" in find(driver, "h1")[0].text
        press("1")
        press("2")
        press("3")
        focus("input[name=answer]")
        press(Keys.ARROW_DOWN)
        press(Keys.ENTER)
        wait_until(lambda: find(driver, "#feedback:not([hidden])"), "what most listeners say, in practice")
        press(Keys.ENTER)
        wait_until(lambda: find(driver, "progress")[0].get_attribute("value") != step, "the next question")


def test_the_server_gives_nothing_but_the_test_and_takes_nothing_but_results(served: str) -> None:
    assert b"page.js" in urllib.request.urlopen(f"{served}/index.html").read()
    for path in ("/../key.json", "/%2e%2e/key.json", "/key.json", "/sounds/", "/results", "/page.html"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{served}{path}")
        assert caught.value.code == 404
    for body, kind in ((b"{}", "application/json"), (b"[" * 5000, "application/json"), (b"x", "text/plain")):
        request = urllib.request.Request(f"{served}/results", body, {"Content-Type": kind})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code in (400, 404)
    huge = urllib.request.Request(
        f"{served}/results", b"{}", {"Content-Type": "application/json", "Content-Length": "99999999"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(huge)
    assert caught.value.code == 413
