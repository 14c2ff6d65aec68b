"""Labels: in every container, replaced rather than doubled, read from others; the sound is untouched."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile

from sovits_lab.provenance.containers import container_of, riff_chunks
from sovits_lab.provenance.labels import NOTE, AigcLabel, add_labels, first_label, read_labels
from sovits_lab.types import InputError

FORMATS = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"))
KEYS = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"]


def encoded(kind: str = "WAV", subtype: str = "PCM_16", seconds: float = 1.0) -> bytes:
    rng = np.random.default_rng(0)
    out = io.BytesIO()
    wav = rng.standard_normal(round(24_000 * seconds)).astype(np.float32) * 0.1
    soundfile.write(out, wav, 24_000, format=kind, subtype=subtype)
    return out.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data))[0]


@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_labels_are_read_back_and_the_sound_is_the_same(kind, subtype):
    plain = encoded(kind, subtype)
    assert not read_labels(plain).synthetic
    labelled = add_labels(plain, first_label("lab-1", "req-7"))
    found = read_labels(labelled)
    assert found.synthetic
    assert list(found.aigc) == KEYS
    assert found.aigc["Label"] == "1"
    assert found.aigc["ContentProducer"] == found.aigc["ContentPropagator"] == "lab-1"
    assert found.aigc["ProduceID"] == "req-7"
    assert found.note == NOTE
    np.testing.assert_array_equal(decoded(labelled), decoded(plain))


@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_a_second_label_takes_the_place_of_the_first(kind, subtype):
    once = add_labels(encoded(kind, subtype), first_label("lab", "one"))
    twice = add_labels(once, first_label("lab", "two"))
    assert read_labels(twice).aigc["ProduceID"] == "two"
    assert len(twice) == len(once)


def test_the_chunk_of_a_wav_file_stands_after_its_format_with_even_length():
    labelled = add_labels(encoded(), first_label("lab", "odd"))
    names = [chunk.name for chunk in riff_chunks(labelled)]
    assert names[:3] == [b"fmt ", b"AIGC", b"LIST"]
    assert all(chunk.start % 2 == 0 for chunk in riff_chunks(labelled))
    assert int.from_bytes(labelled[4:8], "little") == len(labelled) - 8


def test_a_streamed_wav_file_without_sizes_is_read():
    data = bytearray(encoded())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    np.testing.assert_array_equal(decoded(add_labels(bytes(data), first_label("lab", "x"))), decoded(encoded()))


@pytest.mark.parametrize("value", ['with "quotes"', "a space", "back\\slash", "中文", "x" * 257, "line\nfeed"])
def test_values_that_the_standard_does_not_allow_are_refused(value):
    with pytest.raises(InputError, match="AIGC label, producer"):
        first_label(value, "id")


def test_a_label_other_than_the_three_is_refused():
    with pytest.raises(InputError, match="1, 2 or 3"):
        AigcLabel("4", "lab", "id")


def test_labels_of_other_producers_are_read_one_key_deeper_and_in_lower_case():
    chunk = json.dumps({"aigc": {"Label": "1", "ContentProducer": "other"}}).encode()
    plain = encoded()
    with_theirs = (
        plain[:36] + b"AIGC" + len(chunk).to_bytes(4, "little") + chunk + b"\0" * (len(chunk) % 2) + plain[36:]
    )
    assert read_labels(with_theirs).synthetic
    assert read_labels(with_theirs).aigc["ContentProducer"] == "other"


@pytest.mark.parametrize("text", ["{", "[1]", '"AIGC"', "[" * 5000, '{"AIGC": 3}', '{"Label": ["1"]}'])
def test_labels_that_are_none_are_no_label(text):
    chunk, plain = text.encode(), encoded()
    odd = plain[:36] + b"AIGC" + len(chunk).to_bytes(4, "little") + chunk + b"\0" * (len(chunk) % 2) + plain[36:]
    assert not read_labels(odd).synthetic


@pytest.mark.parametrize("data", [b"", b"RIFF", b"PK\x03\x04" + b"\0" * 100, b"RIFF\0\0\0\0WAVE", b"fLaC" + b"\0" * 9])
def test_what_is_no_audio_is_refused_in_one_line(data):
    with pytest.raises(InputError) as caught:
        add_labels(data, first_label("lab", "id"))
    assert "\n" not in str(caught.value)


def test_kinds_are_known_by_their_content():
    assert container_of(b"\xff\xf1\x50\x80") == "aac"
    assert container_of(b"\0\0\0\x20ftypM4A ") == "m4a"
    assert [container_of(encoded(*one)) for one in FORMATS] == ["wav", "flac", "mp3", "ogg", "ogg"]
