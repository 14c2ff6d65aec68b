"""What fails while an utterance is worked on names it."""

import pytest

from sovits_lab.data.rows import row_named
from sovits_lab.types import InputError


@pytest.mark.parametrize(
    ("error", "kind"),
    [(InputError("too loud"), InputError), (OverflowError("133 out of bounds"), RuntimeError)],
)
def test_the_row_is_named(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^utterance anna-1: .*{error}$"), row_named("anna-1"):
        raise error


def test_a_full_disk_stays_what_it_is() -> None:
    with pytest.raises(OSError, match="no space") as caught, row_named("anna-1"):
        raise OSError(28, "no space")
    assert caught.value.errno == 28
