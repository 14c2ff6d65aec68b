"""A real browser for tests of pages: Chromium without a window, at the size that is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sovits_lab.bench.service_stack import free_port

INSTALL, PACKAGES = "SOVITS_LAB_INSTALL_CHROMIUM", ("chromium", "chromium-driver")


def needs_browser() -> pytest.MarkDecorator:
    """Skip, saying why, where there is no Chromium with its driver."""
    missing = _missing()
    if missing and os.environ.get(INSTALL) == "1" and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", *PACKAGES]):
            subprocess.run(command, check=False, capture_output=True, timeout=240)
        missing = _missing()
    return pytest.mark.skipif(
        bool(missing), reason=f"needs {' and '.join(missing)} (Debian: {' '.join(PACKAGES)}; {INSTALL}=1 installs them)"
    )


def _missing() -> list[str]:
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


@contextmanager
def open_browser(width: int, height: int, downloads: Path | None = None) -> Iterator[Any]:
    """Open a browser with a window of so many CSS pixels."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-dev-shm-usage",
                 "--autoplay-policy=no-user-gesture-required", "--lang=en-US", "--disable-renderer-backgrounding",
                 "--disable-background-timer-throttling"):  # fmt: skip
        options.add_argument(word)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1}}
    )
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"), port=free_port()))
    try:
        yield driver
    finally:
        driver.quit()
