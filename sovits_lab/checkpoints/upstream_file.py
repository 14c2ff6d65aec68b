"""Reading upstream's files without trusting them: header bytes, restricted unpickling, what version it is.

Files are torch zips of pickles. They are read by torch's weights-only unpickler, which builds tensors and plain
containers and refuses everything else; the one class that upstream stores, `utils.HParams`, is mapped to an inert
stand-in.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_lab.types import InputError, got

ZIP = b"PK"
# Upstream overwrites the first two bytes of some files with the model's version.
HEADERS = {
    b"00": "v1",
    b"01": "v2",
    b"02": "v3",
    b"03": "v3 LoRA",
    b"04": "v4 LoRA",
    b"05": "v2Pro",
    b"06": "v2ProPlus",
}
WRITTEN_HEADERS = {"v2Pro": b"05", "v2ProPlus": b"06"}
SYMBOLS = {"v1": 322, "v2": 732, "v2Pro": 732, "v2ProPlus": 732}


class HParams:
    """Stand-in for upstream's configuration class: takes attributes, does nothing."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)


@dataclass(frozen=True)
class UpstreamFile:
    """A checkpoint as read: tensors by upstream's names, configuration as plain values.

    Attributes:
        version: v1, v2, v2Pro or v2ProPlus for a generator; the symbol table's version for a GPT.
    """

    path: Path
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    info: str
    version: str


def plain(value: Any) -> Any:
    """HParams and mappings to dicts, sequences to lists; strings that hold a path and unknown objects become None."""
    if isinstance(value, HParams):
        value = vars(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, str):
        return None if "/" in value or "\\" in value else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else None


def _restored(path: Path) -> tuple[io.BytesIO, str | None]:
    """The file with its zip signature restored, and the version that its header says."""
    try:
        data = bytearray(path.read_bytes())
    except OSError as error:
        raise InputError(f"checkpoint {path}: cannot be read ({error.strerror})") from error
    header = bytes(data[:2])
    if header == ZIP:
        return io.BytesIO(data), None
    if header not in HEADERS or data[2:4] != b"\x03\x04":
        raise got(f"checkpoint {path}: first bytes", bytes(data[:4]), "a torch zip, or one with upstream's header")
    data[:2] = ZIP
    return io.BytesIO(data), HEADERS[header]


def unpickled(path: Path, stream: io.BytesIO) -> Mapping[str, Any]:
    """The dictionary in a torch file; anything but tensors and plain containers is refused before it runs."""
    allowed: list[Any] = [(HParams, "utils.HParams"), (HParams, "GPT_SoVITS.utils.HParams")]
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        first = str(error).strip().splitlines()
        reason = next((line.strip() for line in first if "GLOBAL" in line or "Unsupported" in line), first[0])
        raise InputError(f"checkpoint {path}: refused, it holds more than tensors ({reason})") from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"checkpoint {path}: truncated or damaged ({reason})") from error
    if not isinstance(content, Mapping):
        raise got(f"checkpoint {path}", type(content).__name__, "a dictionary with the entry 'weight'")
    return content


def _tensors(path: Path, content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The entry `weight` of deployed and base files, or `model` of resume files."""
    weights = content.get("weight", content.get("model"))
    if not isinstance(weights, Mapping) or not weights:
        raise got(
            f"checkpoint {path}: entries", sorted(map(str, content))[:8], "'weight' (or 'model') with the tensors"
        )
    for key, value in weights.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise got(f"checkpoint {path}: key {key!r}", type(value).__name__, "a tensor")
    return {key.removeprefix("module."): value for key, value in weights.items()}


def read_upstream(path: Path) -> UpstreamFile:
    """Read a GPT, SoVITS or discriminator file.

    Raises:
        InputError: unreadable, truncated, hostile, of a version outside v1 to v2ProPlus, or inconsistent in itself.
    """
    stream, header = _restored(path)
    content = unpickled(path, stream)
    tensors = _tensors(path, content)
    if all(key.startswith("model.") for key in tensors):
        tensors = {key.removeprefix("model."): value for key, value in tensors.items()}
    config = plain(content.get("config", {}))
    version = _version(path, tensors, header)
    return UpstreamFile(
        path, tensors, config if isinstance(config, dict) else {}, str(content.get("info", "")), version
    )


def _version(path: Path, tensors: Mapping[str, Tensor], header: str | None) -> str:
    """What the tensors say; the header must agree. File size and checksums are not asked."""
    said = f" (its header says {header})" if header else ""
    if "ar_predict_layer.weight" in tensors:
        table = tensors.get("ar_text_embedding.word_embeddings.weight")
        return "v2" if table is not None and len(table) == SYMBOLS["v2"] else "v1"
    if any(key.startswith("discriminators.") for key in tensors):
        return "v2Pro" if "discriminators.6.conv_post.bias" in tensors else "v2"
    if any(key.startswith("cfm.") for key in tensors) or (header or "").startswith(("v3", "v4")):
        raise got(f"checkpoint {path}: version", f"a v3 or v4 model{said}", "v1, v2, v2Pro or v2ProPlus")
    if "enc_p.text_embedding.weight" not in tensors:
        raise got(f"checkpoint {path}", f"keys such as {next(iter(tensors))!r}{said}", "a GPT, SoVITS or discriminator")
    symbols = len(tensors["enc_p.text_embedding.weight"])
    content = "v1" if symbols == SYMBOLS["v1"] else "v2"
    if "sv_emb.weight" in tensors:
        first = tensors.get("dec.ups.0.weight_v")
        content = "v2ProPlus" if first is not None and first.shape[2] == 20 else "v2Pro"
    if header is not None and header != content:
        raise got(f"checkpoint {path}: header", header, f"{content}, which the tensors say")
    return content
