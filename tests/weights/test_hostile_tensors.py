"""Safetensors files whose headers lie: each is refused in one line, and nothing is taken for weights that is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sovits_lab.types import InputError
from sovits_lab.weights.tensors import load_by_name, read_safetensors, read_tensors, require_like

Header = dict[str, Any]
WHOLE = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4)}


def parts(path: Path) -> tuple[Header, bytes]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def write(path: Path, header: Header | bytes, body: bytes, size: int | None = None) -> None:
    packed = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(packed) if size is None else size).to_bytes(8, "little") + packed + body)


def twice(header: Header) -> bytes:
    one = json.dumps({"a": header["a"]}).encode()
    return json.dumps(header).encode()[:-1] + b", " + one[1:]


def with_first(**changes: Any) -> Callable[[Header], Header]:
    return lambda header: {**header, "a": {**header["a"], **changes}}


HEADERS: dict[str, Callable[[Header], Header | bytes]] = {
    "twice": twice,
    "overlapping": lambda header: {**header, "b": header["a"]},
    "backwards": with_first(data_offsets=[24, 0]),
    "beyond the file": with_first(data_offsets=[0, 1 << 62], shape=[1 << 60]),
    "beyond all numbers": with_first(shape=[1 << 40, 1 << 40]),
    "negative": with_first(shape=[-1]),
    "narrower": with_first(dtype="F16"),
    "unknown type": with_first(dtype="X9"),
    "no offsets": with_first(data_offsets=None),
    "deep": lambda _: b'{"a":' * 100_000,
    "no object": lambda _: b"[1, 2]",
    "no text": lambda _: b'{"\xff\xfe": 1}',
    "facts that nest": lambda header: {**header, "__metadata__": {"a": {"b": 1}}},
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_that_lies_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "w.safetensors"
    save_file(WHOLE, path)
    assert read_safetensors(path, "weights").keys() == WHOLE.keys()
    header, body = parts(path)
    write(path, HEADERS[kind](header), body)
    for read in (lambda: read_safetensors(path, "weights"), lambda: read_tensors(path)):
        with pytest.raises(InputError, match=r"w\.safetensors") as caught:
            read()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 800


@pytest.mark.parametrize("size", [0, 1 << 63, 200_000_000, 10_000])
def test_a_header_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "w.safetensors"
    save_file(WHOLE, path)
    write(path, *parts(path), size=size)
    with pytest.raises(InputError, match="cannot be read"):
        read_safetensors(path, "weights")


def test_what_is_no_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "endless.safetensors").symlink_to("/dev/zero")
    for name in ("pipe", "endless"):
        with pytest.raises(InputError, match="ordinary file"):
            read_safetensors(tmp_path / f"{name}.safetensors", "weights")


@pytest.mark.parametrize(
    "kind", [torch.int32, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_no_other_kind_of_number_becomes_a_weight(kind: torch.dtype) -> None:
    expected, value = torch.zeros(4), torch.ones(4).to(kind)
    with pytest.raises(InputError, match=str(kind).removeprefix("torch.")):
        require_like(value, expected, "weights w")
    with pytest.raises(InputError, match="got 'float32'"):
        require_like(expected, value, "weights w")
    require_like(expected.half(), expected, "weights w")
    network = torch.nn.Linear(2, 2)
    wrong = {name: torch.ones_like(old).to(kind) for name, old in network.state_dict().items()}
    with pytest.raises(InputError, match="weights"):
        load_by_name(network, wrong, "a line", Path("w"))
