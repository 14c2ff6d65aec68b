"""Every output of the service says that it is synthetic: a mark in the sound, labels in the file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sovits_lab.provenance.credentials import MEDIA, ContentCredentials
from sovits_lab.provenance.labels import AIGC, MUXERS, NOTE, AigcLabel, add_labels, first_label
from sovits_lab.provenance.notice import AudibleNotice, audible_notice
from sovits_lab.provenance.watermark import NAME, SpeechWatermark, released_watermark
from sovits_lab.serving.contracts import ShownMarks
from sovits_lab.serving.problems import ProblemError
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.serving.contracts import Container, MarkFacts, Wave

LABELLED = ("wav", *MUXERS)
MARKED_AT_ONCE = 20.0  # seconds, the parts in which a mark is looked for as well
_log = logging.getLogger(__name__)


class WatermarkedOutput:
    """The default marker. `unread` counts pieces of 1.5 seconds or more whose mark did not read back.

    Args:
        producer: who makes the speech, for the label: the code of a registered producer, or a name.
        watermark: the mark; None is the released one, loaded here.
        certificate, key: PEM files with which whole WAV, MP3 and FLAC replies are signed (C2PA); "" signs nothing.
        time_authority: of those signatures, see `ContentCredentials`.
        notice: where the notice that can be heard stands: start, end or both; "" is nowhere.

    Raises:
        InputError: a producer that no label may hold, or a certificate and key that cannot sign.
    """

    def __init__(
        self,
        producer: str = "sovits_lab",
        watermark: SpeechWatermark | None = None,
        certificate: str = "",
        key: str = "",
        time_authority: str = "",
        notice: Literal["", "start", "end", "both"] = "",
    ) -> None:
        first_label(producer, "")
        if bool(certificate) != bool(key):
            raise got("marker", "only one of certificate and key", "both, or neither")
        paths = Path(certificate), Path(key)
        self.credentials = ContentCredentials(*paths, time_authority) if certificate else None
        self.producer, self.watermark = producer, watermark or released_watermark()
        self.place = notice
        self.unread = 0
        self._counting = threading.Lock()

    @property
    def name(self) -> str:
        """What is embedded, with its version."""
        return NAME

    def mark(self, wav: Wave, sample_rate: int, facts: MarkFacts) -> Wave:
        """Return the waveform with the mark; what does not read back is counted and logged by its request."""
        marked = self.watermark.mark(wav, sample_rate)
        if not marked.reads_back:
            with self._counting:
                self.unread += 1
            _log.warning("request %s: the mark does not read back (presence %.2f)", facts.request_id, marked.presence)
        return marked.wav

    def notice(self, sample_rate: int) -> AudibleNotice:
        """Return the notice that can be heard, where one is configured."""
        return audible_notice(sample_rate, self.place) if self.place else AudibleNotice()

    def label(self, data: bytes, container: Container, facts: MarkFacts) -> bytes:
        """Return a whole file with both labels, signed where that is configured.

        Of a container without a place for them the bytes are unchanged.

        Raises:
            ProblemError: 503, where the certificate has ended, or the time authority does not answer.
        """
        labelled = add_labels(data, self._label(facts)) if container in LABELLED else data
        if self.credentials is None or container not in MEDIA:
            return labelled
        try:
            return self.credentials.signed(labelled, facts.request_id)
        except InputError as error:
            _log.error("request %s: %s", facts.request_id, error)
            detail = "the speech cannot be signed, so it is not sent"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not_signed", detail, 30) from error

    def metadata(self, facts: MarkFacts) -> Mapping[str, str]:
        """Return both labels as names and values."""
        return {AIGC: self._label(facts).to_json(), "comment": NOTE}

    def shown(self, container: Container, whole: bool) -> ShownMarks:
        """Return what a reply says of its marks."""
        signed = self.credentials is not None and whole and container in MEDIA
        return ShownMarks(self.name, "aigc" if container in LABELLED else "none", "c2pa" if signed else "none")

    def _label(self, facts: MarkFacts) -> AigcLabel:
        return first_label(self.producer, facts.request_id)
