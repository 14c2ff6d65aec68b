"""`python experiments/interactive_film/browser.py [FOLDER]`: the example film in a real browser, to each ending.

Chromium without a window plays `film serve` with the starter voice by the page's own buttons, on a large screen and on
one of a phone, in real time. While it plays, the page notes the opening of the mouth and the loudness of the sound on
every frame; how far one is from the other is the shift at which both go together best. Pictures of each question and
ending go to the folder.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import run_script
from experiments.results import Result, commit_here, number, write_results
from sovits_lab.bench.service_stack import free_port
from sovits_lab.dialogue.exploration import explore
from sovits_lab.dialogue.session import StoryFilm
from sovits_lab.dialogue.story import Story
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

STORY = Path(__file__).parent / "story"
SCREENS = {"desk": (1200, 900), "phone": (390, 844)}  # CSS pixels
FARTHEST, GRID = 0.3, 0.005  # s: shifts that are tried, and their step
TURN_OVER = "document.querySelector('#choices button') || document.getElementById('subtitle').dataset.ending"
PATIENCE = 120.0  # s for a line or a question
SPOKEN = "player.samples ? player.samples.splice(0) : []"


def main(argv: list[str]) -> None:
    """Play, print what was met, and write the rows in place of those before."""
    if len(argv) > 1:
        raise got("folder", " ".join(argv), "one folder for pictures, or nothing")
    folder = Path(argv[0]) if argv else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    film = StoryFilm.load(STORY)
    endings = explore(Story(film.compiled, film.name)).endings
    with served() as address:
        rows = [row for name, size in SCREENS.items() for row in play_all(address, name, size, endings, folder)]
    print(*(f"{row.figure}: {row.value} {row.unit} (n {row.n})" for row in rows), sep="\n")
    print(write_results("interactive_film", rows, instead_of=[f"{name}/" for name in SCREENS]))


def play_all(
    address: str, screen: str, size: tuple[int, int], endings: dict[str, Any], folder: Path | None
) -> list[Result]:
    """Play to each ending on one screen and return its rows."""
    reached, lags, samples = 0, [], []
    with opened(*size) as driver:
        for name, path in endings.items():
            driver.get(f"{address}/?seed=1")
            for place, index in enumerate([None, *path]):
                press(driver, index)
                wait(
                    driver,
                    "document.querySelector('#choices button') || document.querySelector('#subtitle').dataset.ending",
                )
                if folder is not None:
                    driver.save_screenshot(str(folder / f"{screen}-{name.replace(' ', '-')}-{place}.png"))
            reached += driver.execute_script("return document.getElementById('subtitle').dataset.ending") == name
            samples.append(np.array(driver.execute_script(f"return {SPOKEN}"), dtype=object))
            lags.append(lag_of(samples[-1]))
            print(f"{screen}, {name}: lag {1000 * lags[-1]:+.0f} ms", flush=True)
    worst = max(lags, key=abs)
    frames = np.concatenate([np.diff(one[:, 0].astype(float)) for one in samples])

    def row(key: str, figure: str, unit: str, value: float, n: int) -> Result:
        told = "interactive_film", f"{screen}/{key}", f"{figure}, {screen}", unit, "1 run", number(value)
        return Result(*told, "", "", "", commit_here(), str(n))

    return [
        row("endings", "endings reached in a browser", "", reached, len(endings)),
        row("lag", "mouth after loudness, the farthest of the endings", "ms", 1000 * worst, len(lags)),
        row("frame", "time between two pictures, median", "ms", 1000 * float(np.median(frames)), len(frames)),
    ]


def press(driver: WebDriver, index: int | None) -> None:
    """Begin, or take a choice, by the page's own button."""
    place = "#begin" if index is None else f"#choices li:nth-child({index + 1}) button"
    driver.find_element("css selector", place).click()


def wait(driver: WebDriver, script: str) -> None:
    """Wait until a script is true. Raises InputError with what the page says."""
    end = time.monotonic() + PATIENCE
    while not driver.execute_script(f"return !!({script})"):
        if time.monotonic() > end:
            raise InputError(
                f"browser: not within {PATIENCE:g} s: {script}; {driver.find_element('id', 'log').text[-300:]}"
            )
        time.sleep(0.05)


def lag_of(samples: np.ndarray) -> float:
    """Return how far the mouth comes after the sound, seconds.

    Args:
        samples: [frame, (time of the picture, opening, loudness, line, time when that is heard)].
    """
    drawn, opening, energy, heard = (samples[:, k].astype(float) for k in (0, 1, 2, 4))
    grid = np.arange(drawn[0], drawn[-1], GRID)
    mouth, sound = standard(np.interp(grid, drawn, opening)), standard(np.interp(grid, heard, energy))
    reach = round(FARTHEST / GRID)
    shifts = range(-reach, reach + 1)
    inner = slice(reach, -reach)
    scores = [float(np.dot(np.roll(mouth, -shift)[inner], sound[inner])) for shift in shifts]
    return shifts[int(np.argmax(scores))] * GRID


def standard(values: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Return values of mean nought and deviation one."""
    return (values - values.mean()) / values.std()


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve the film as a user does, and stop it; gives its address."""
    port = free_port()
    words = [sys.executable, "-m", "sovits_lab", "film", "serve", str(STORY), f"port={port}"]
    with subprocess.Popen(words, cwd=STORY.parents[2], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout is not None
            server.stdout.readline()  # it says where it listens once the voice is loaded
            time.sleep(2)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextlib.contextmanager
def opened(width: int, height: int) -> Iterator[WebDriver]:
    """A browser whose screen has so many CSS pixels."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio",
                 "--autoplay-policy=no-user-gesture-required"):  # fmt: skip
        options.add_argument(word)
    shown = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2 if width < 500 else 1}}
    options.add_experimental_option("mobileEmulation", shown)
    driver = webdriver.Chrome(options=options, service=Service(program("chromedriver"), port=free_port()))
    try:
        yield driver
    finally:
        driver.quit()


def program(name: str) -> str:
    """Return where a program lies. Raises InputError where it is not installed."""
    if (found := shutil.which(name)) is None:
        raise got(name, "no such program", "Chromium with its driver (Debian: chromium chromium-driver)")
    return found


if __name__ == "__main__":
    run_script(main)
