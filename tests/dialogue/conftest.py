"""One film for all tests of a module that need no settings of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dialogue.film_servers import served
from tests.dialogue.people import HummingActor


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(HummingActor()) as (number, _):
        yield number
