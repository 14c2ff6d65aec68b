"""Small changes of an ONNX model in its bytes: show a value that is inside of it, or give one from outside.

Protocol buffers that follow each other are merged, so what is put behind the bytes of a model is added to it: this
needs no library for the format. Field numbers are those of `onnx.proto3`.
"""

from __future__ import annotations

from collections.abc import Sequence

GRAPH, GRAPH_INPUT, GRAPH_OUTPUT = 7, 11, 12  # of ModelProto; of GraphProto
NAME, TYPE, TENSOR = 1, 2, 1  # of ValueInfoProto; of TypeProto
FLOAT = bytes([0x08, 1])  # TypeProto.Tensor: elem_type 1


def onnx_output(name: str) -> bytes:
    """Return what, put behind a model, makes a value of its graph an output."""
    return _field(GRAPH, _field(GRAPH_OUTPUT, _field(NAME, name.encode())))


def onnx_input(name: str) -> bytes:
    """Return what, put behind a model, gives its graph an input of floats of any shape."""
    kind = _field(TYPE, _field(TENSOR, FLOAT))
    return _field(GRAPH, _field(GRAPH_INPUT, _field(NAME, name.encode()) + kind))


def led_from_outside(model: bytes, names: Sequence[str]) -> bytes:
    """Return a model in which these values, computed inside before, are inputs.

    Nodes are stored in the order in which they compute, so the first mention of a value is where it is made: there it
    gets another name of the same length.
    """
    for name in names:
        first = name.encode()
        model = model.replace(first, first[:-1] + b"X", 1) + onnx_input(name)
    return model


def _field(number: int, data: bytes) -> bytes:
    """Encode a protobuf field of bytes: its number with the wire type, its length, the bytes."""
    assert len(data) < 128, "a length of one byte"
    return bytes([number << 3 | 2, len(data)]) + data
