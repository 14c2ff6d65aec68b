"""The page in a real browser: signing in, speaking, drawing, enrolling, revoking, by keys and on a phone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from sovits_lab.provenance.labels import read_labels
from tests.browser import needs_browser, open_browser
from tests.inference.voices import write_voice
from tests.serving.recordings import recording
from tests.serving.servers import LABELS, REGISTRY, RunningService, running

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = needs_browser()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    voice = write_voice(tmp_path_factory.mktemp("voice"))
    with running(voice, tmp_path_factory.mktemp("service"), REGISTRY, LABELS) as service:
        yield service


@pytest.fixture(scope="module")
def driver(served: RunningService) -> Iterator[WebDriver]:
    with open_browser(1200, 900) as one:
        yield one


def wait(driver: WebDriver, until: Callable[[WebDriver], Any], seconds: float = 120) -> Any:
    """What `until` gives, as soon as it is true; parts of the page may be missing or replaced until then."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    passing = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(driver, seconds, 0.05, passing).until(until)


def find(driver: WebDriver, selector: str) -> Any:
    return driver.find_element("css selector", selector)


def open_as_new(driver: WebDriver, served: RunningService) -> None:
    """Open the page as somebody who was never here."""
    # The page keeps the key only once the service has taken it. Cleared while the page runs, it could come back.
    driver.get(f"{served.url}/page/page.css")
    driver.execute_script("sessionStorage.clear()")
    driver.get_log("browser")  # what pages before this one complained of
    driver.get(served.url)
    wait(driver, lambda one: find(one, "#key").is_displayed())


def enter(driver: WebDriver, served: RunningService) -> None:
    """Open the page and sign in, as somebody new."""
    open_as_new(driver, served)
    find(driver, "#key").send_keys(served.key)
    find(driver, "#sign-in button").click()
    wait(driver, lambda one: find(one, "#speak").is_displayed())


def status(driver: WebDriver) -> str:
    return str(find(driver, "#status").text)


def speak(driver: WebDriver) -> str:
    find(driver, "#go").click()
    wait(driver, lambda one: find(one, "#go").is_enabled() and status(one))
    return status(driver)


def downloaded(driver: WebDriver, folder: Path) -> tuple[np.ndarray, int]:
    """The sound that the download link gives."""
    for old in folder.glob("speech*"):
        old.unlink()
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    find(driver, "#download").click()
    data = wait(driver, lambda _: whole(folder / "speech.wav"))
    labels = read_labels(data)
    assert labels.synthetic and "Article 50" in labels.note
    return soundfile.read(io.BytesIO(data))


def whole(file: Path) -> bytes:
    """The bytes of a WAV file once they are as many as its head says, and nothing before."""
    data = file.read_bytes() if file.is_file() else b""
    return data if len(data) > 44 and int.from_bytes(data[4:8], "little") + 8 == len(data) else b""


def severe(driver: WebDriver) -> list[str]:
    """What the browser complained of, refusals of the service apart."""
    lines = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    return [line for line in lines if "status of 4" not in line]


def fact(driver: WebDriver, name: str) -> str:
    pairs = driver.find_elements("css selector", "#facts > div")
    return {one.find_element("css selector", "dt").text: one.find_element("css selector", "dd").text for one in pairs}[
        name
    ]


def test_a_wrong_key_is_said_on_the_page(driver, served):
    open_as_new(driver, served)
    find(driver, "#key").send_keys("no-such-key")
    find(driver, "#sign-in button").click()
    wait(driver, lambda one: "bad" in find(one, "#key-hint").get_attribute("class"))
    assert not find(driver, "#speak").is_displayed()


def test_a_text_is_spoken_shown_and_downloaded_and_a_seed_repeats_it(driver, served, tmp_path):
    enter(driver, served)
    find(driver, "#seed").send_keys("7")
    assert speak(driver).startswith("Spoken")
    wav, rate = downloaded(driver, tmp_path)
    assert len(wav) / rate > 0.2
    assert f"{len(wav) / rate:.2f} s" == fact(driver, "Length")
    assert fact(driver, "Seed") == "7"
    assert fact(driver, "First sound").endswith(" ms")
    assert f"{len(wav) / rate:.2f}" in find(driver, "#wave").get_attribute("aria-label")
    words = [one.text for one in driver.find_elements("css selector", "#words tbody td:first-child")]
    assert "river" in " ".join(words)
    speak(driver)
    again, _ = downloaded(driver, tmp_path)
    np.testing.assert_array_equal(again, wav)
    assert severe(driver) == []


def test_markup_is_put_around_what_is_chosen_and_mistakes_are_told(driver, served):
    enter(driver, served)
    text = find(driver, "#text")
    text.clear()
    text.send_keys("cold")
    driver.execute_script("arguments[0].setSelectionRange(0, 4)", text)
    next(one for one in driver.find_elements("css selector", "#marks button") if one.text == "sad").click()
    assert text.get_attribute("value") == "[emotion:sad]cold[/emotion]"
    assert speak(driver).startswith("Spoken")
    text.clear()
    text.send_keys("[emotion:furious]cold[/emotion]")
    assert "furious" in speak(driver)
    assert "bad" in find(driver, "#status").get_attribute("class")


def test_a_pitch_is_drawn_by_keys_and_by_pointer_and_spoken(driver, served, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    enter(driver, served)
    find(driver, "#seed").send_keys("3")
    find(driver, "#curve-part summary").click()
    curve = find(driver, "#curve")
    curve.send_keys(Keys.RIGHT, Keys.UP, Keys.UP)
    assert curve.get_attribute("aria-valuenow") == "1"
    assert curve.get_attribute("aria-valuetext").startswith("point 2 of 13, at 0.25 seconds: 1 semi")
    ActionChains(driver).move_to_element_with_offset(curve, 0, -40).click_and_hold().move_by_offset(
        60, 30
    ).release().perform()
    assert float(curve.get_attribute("aria-valuenow")) != 0
    assert speak(driver).startswith("Spoken")
    drawn, _ = downloaded(driver, tmp_path)
    find(driver, "#curve-flat").click()
    speak(driver)
    flat, _ = downloaded(driver, tmp_path)
    assert len(drawn) != len(flat) or not np.array_equal(drawn, flat)
    assert severe(driver) == []


def test_a_voice_is_enrolled_with_consent_spoken_with_and_withdrawn(driver, served, tmp_path):
    enter(driver, served)
    clip = tmp_path / "clip.wav"
    clip.write_bytes(recording())
    find(driver, "#voices details summary").click()
    form = {"#name": "Ann Lee", "#clip": str(clip), "#who": "Ann Lee", "#purpose": "tests"}
    for selector, value in form.items():
        find(driver, selector).send_keys(value)
    driver.execute_script("document.getElementById('until').value = '2099-12-31'")
    button = find(driver, "#enrol button[type=submit]")
    button.click()
    assert not find(driver, "#enrolled").text, "without the tick nothing is sent"
    find(driver, "#agree").click()
    button.click()
    wait(driver, lambda one: "is enrolled" in find(one, "#voices-status").text)
    voice = next(one for one in served.service.voices.list("ann") if one.name == "Ann Lee")
    record = served.service.voices.ledger.require(voice.consent_id)
    assert record.fields == {"who": "Ann Lee", "purpose": "tests", "version": "page-1"}
    find(driver, f"#voice option[value='{voice.id}']").click()
    assert speak(driver).startswith("Spoken")
    find(driver, "#enrolled li button").click()
    find(driver, "#confirm button[value=no]").click()
    wait(driver, lambda one: not find(one, "#confirm").is_displayed())
    assert find(driver, "#enrolled li").is_displayed()
    find(driver, "#enrolled li button").click()
    find(driver, "#confirm button[value=yes]").click()
    wait(driver, lambda one: "was deleted" in find(one, "#voices-status").text)
    wait(driver, lambda one: not one.find_elements("css selector", f"#voice option[value='{voice.id}']"))
    assert list(served.service.voices.list("ann")) == []
    assert severe(driver) == []


def test_a_recording_that_is_refused_says_why(driver, served, tmp_path):
    enter(driver, served)
    clip = tmp_path / "clip.wav"
    clip.write_bytes(recording(seconds=1.5))
    find(driver, "#voices details summary").click()
    for selector, value in {"#name": "B", "#clip": str(clip), "#who": "B", "#purpose": "tests"}.items():
        find(driver, selector).send_keys(value)
    driver.execute_script("document.getElementById('until').value = '2099-12-31'")
    find(driver, "#agree").click()
    find(driver, "#enrol button[type=submit]").click()
    wait(driver, lambda one: "length 1.50 s, expected 3 to 30 s" in find(one, "#voices-status").text)


def test_a_sentence_is_drawn_and_sent_and_not_used_twice(driver, served, tmp_path):
    """The service of these tests has nothing to judge it with, and says so."""
    enter(driver, served)
    clip = tmp_path / "clip.wav"
    clip.write_bytes(recording())
    find(driver, "#voices details summary").click()
    assert not find(driver, "#said").is_enabled()
    find(driver, "#draw").click()
    drawn = wait(driver, lambda one: find(one, "#sentence").text)
    assert drawn.endswith(".") and find(driver, "#said").is_enabled()
    fields = {"#name": "C", "#clip": str(clip), "#said": str(clip), "#who": "C", "#purpose": "tests"}
    for selector, value in fields.items():
        find(driver, selector).send_keys(value)
    driver.execute_script("document.getElementById('until').value = '2099-12-31'")
    find(driver, "#agree").click()
    find(driver, "#enrol button[type=submit]").click()
    wait(driver, lambda one: "has no weights to judge it" in find(one, "#voices-status").text)
    assert not find(driver, "#sentence").text and not find(driver, "#said").is_enabled()
    assert list(served.service.voices.list("ann")) == []


def test_everything_can_be_reached_and_used_by_keys(driver, served):
    from selenium.webdriver import ActionChains, Keys

    enter(driver, served)
    driver.execute_script("document.activeElement.blur()")
    reached = set()
    for _ in range(30):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        reached.add(driver.execute_script("return document.activeElement.id || document.activeElement.tagName"))
    assert {"text", "voice", "emotion", "strength", "seed", "go"} <= reached
    find(driver, "#go").send_keys(Keys.ENTER)
    wait(driver, lambda one: status(one).startswith("Spoken"))


def test_a_screen_reader_hears_names_for_everything(driver, served):
    enter(driver, served)
    driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    tree = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "textbox", "combobox", "slider", "spinbutton", "checkbox", "link", "DisclosureTriangle", "Date"}
    used = [one for one in tree if not one.get("ignored") and one.get("role", {}).get("value") in roles]
    nameless = [one["role"]["value"] for one in used if not one.get("name", {}).get("value", "").strip()]
    assert len(used) > 15
    assert nameless == []
    assert driver.execute_script("return document.documentElement.lang") == "en"
    assert "AI-generated" in find(driver, "[role=note]").text
    ids = driver.execute_script("return [...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [320, 390])
def test_it_fits_a_phone(served, width):
    with open_browser(width, 800) as phone:
        enter(phone, served)
        phone.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        assert phone.execute_script("return document.documentElement.scrollWidth") <= width
        low = """return [...document.querySelectorAll('button, input, select, summary')]
            .filter(one => one.checkVisibility() && !['checkbox', 'file'].includes(one.type))
            .filter(one => one.getBoundingClientRect().height < 36).map(one => one.id || one.textContent)"""
        assert phone.execute_script(low) == []
        assert speak(phone).startswith("Spoken")


@pytest.mark.parametrize("name", ["..%2froutes.py", "%2e%2e/routes.py", "routes.py", "static", "", "page.js%00"])
def test_only_the_pages_own_files_are_given(served, name):
    with served.client() as client:
        assert client.get(f"/page/{name}").status_code == 404
        assert client.get("/page/page.js").headers["content-type"].startswith("text/javascript")
