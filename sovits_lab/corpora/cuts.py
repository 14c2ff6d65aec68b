"""A corpus that is there as a manifest: what another corpus stage wrote, or an aligner that writes Lhotse cuts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.languages import language_code
from sovits_lab.corpora.listed import unique_ids
from sovits_lab.corpora.manifest import MANIFEST, SPLITS, Phone, Record, phones_of, read_cuts
from sovits_lab.corpora.recorded import RecordedCorpus

if TYPE_CHECKING:
    from lhotse.cut import Cut

SLACK = 0.03  # seconds, of times that were rounded to frames
OWN = ("emotion", "intensity", "sentence", "split", "role")


class CutsCorpus(RecordedCorpus):
    """Rows of `cuts.jsonl.gz` with one supervision each. Splits that it names hold, an alignment `phone` is kept.

    So a corpus that is made (the embedded one, neural voices) can stand beside recordings in a combined corpus, and
    phone times of an aligner come in: phones of the front end, pauses among them, that fill the recording. Roles are
    given anew, by `splits`.

    Args:
        root: the manifest, or the folder that holds it.
        splits, limits, keep: see `RecordedCorpus`.
    """

    looked_for = f"rows of {MANIFEST}"

    def files(self) -> list[Path]:
        """Return the manifest."""
        return [(self.root / MANIFEST if self.root.is_dir() else self.root).absolute()]

    def rows(self) -> Iterator[Record | Problem]:
        """Return one row for each cut.

        Raises:
            InputError: no manifest, or one that `read_cuts` refuses.
        """
        return unique_ids(_row(item) for item in read_cuts(self.root))


def misplaced(phones: Sequence[Phone], seconds: float) -> str:
    """Return what keeps phones from filling a recording one after the other; empty for those that do, and for none."""
    end = 0.0
    for phone in phones:
        if abs(phone.start - end) > SLACK:
            return f"{phone.symbol} begins at {phone.start:g} s, where {end:g} is expected: no gaps, no overlaps"
        end = phone.start + phone.duration
    if phones and abs(end - seconds) > SLACK:
        return f"the last phone ends at {end:g} s, the recording at {seconds:g}"
    return ""


def _row(item: Cut) -> Record | Problem:
    if item.start or abs(item.duration - item.recording.duration) > 0.5 / item.sampling_rate:
        return Problem(item.id, "part of a recording", "a cut must be a whole recording here")
    spoken = item.supervisions[0]
    custom: dict[str, Any] = dict(spoken.custom or {})
    split = str(custom.get("split") or "")
    if split and split not in SPLITS:
        return Problem(item.id, "unknown split", f"{split!r}, expected {', '.join(SPLITS)}, or nothing")
    phones = tuple(phones_of(item))
    if why := misplaced(phones, item.duration):
        return Problem(item.id, "phone times", why)
    return Record(
        id=item.id,
        audio=Path(item.recording.sources[0].source),
        text=spoken.text or "",
        speaker=spoken.speaker or "",
        language=language_code(spoken.language or ""),
        emotion=custom.get("emotion") or "neutral",
        intensity=custom.get("intensity") or "normal",
        sentence=custom.get("sentence") or "",
        custom={key: value for key, value in custom.items() if key not in OWN},
        split=split,
        phones=phones,
    )
