"""The page of a film in a real browser: every ending, lost connections, and a mouth that moves with the sound."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sovits_lab.dialogue.exploration import explore
from sovits_lab.dialogue.story import Story
from tests.browser import needs_browser, open_browser
from tests.dialogue.film_servers import served
from tests.dialogue.people import HummingActor, example
from tests.serving.servers import PATIENCE


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
