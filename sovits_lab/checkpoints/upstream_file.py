"""Reading upstream's files without trusting them: header bytes, restricted unpickling, what version it is.

Files are torch zips of pickles. They are read by torch's weights-only unpickler, which builds tensors and plain
containers and refuses everything else; the one class that upstream stores, `utils.HParams`, is mapped to an inert
stand-in.
"""

from __future__ import annotations

import io
import math
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_lab.files import MOST_WEIGHTS, regular_file
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
LORA_HEADERS = {"v3": b"03", "v4": b"04"}
MATCHED = ("v3", "v4")  # one set of keys and shapes: the header or the configuration tells them apart, or the user
GPT_SYMBOLS = {512: "v1", 732: "v2"}  # rows of the GPT's table, which has some to spare in v1
SYMBOLS = {"v1": 322, "v2": 732, "v2Pro": 732, "v2ProPlus": 732, "v3": 732, "v4": 732}


class HParams:
    """Stand-in for upstream's configuration class: takes attributes, does nothing."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)


@dataclass(frozen=True)
class UpstreamFile:
    """A checkpoint as read: tensors by upstream's names, configuration as plain values.

    Attributes:
        version: v1, v2, v2Pro, v2ProPlus, v3 or v4 for a generator; the symbol table's version for a GPT; "vocoder".
        lora: the file adapts a base of this version.
    """

    path: Path
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    info: str
    version: str
    lora: bool = False

    @property
    def model(self) -> dict[str, Any]:
        """The `model` section of the configuration."""
        section = self.config.get("model") or {}
        if not isinstance(section, dict):
            raise got(f"checkpoint {self.path}: config: model", type(section).__name__, "a dictionary")
        return section


def plain(value: Any) -> Any:
    """Turn HParams and mappings into dicts, sequences into lists, strings with a path and unknown objects into None."""
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
        data = bytearray(regular_file(path, "checkpoint", MOST_WEIGHTS).read_bytes())
    except OSError as error:
        raise InputError(f"checkpoint {path}: cannot be read ({error.strerror})") from error
    header = bytes(data[:2])
    if header == ZIP:
        return io.BytesIO(data), None
    if header not in HEADERS or data[2:4] != b"\x03\x04":
        raise got(f"checkpoint {path}: first bytes", bytes(data[:4]), "a torch zip, or one with upstream's header")
    data[:2] = ZIP
    return io.BytesIO(data), HEADERS[header]


def _check_sums(path: Path, stream: io.BytesIO) -> None:
    """Torch reads a zip without comparing its checksums; a weight that rotted would go unseen."""
    whole = zipfile.is_zipfile(stream)
    stream.seek(0)
    if not whole:
        return
    try:
        with zipfile.ZipFile(stream) as archive:
            bad = archive.testzip()
    except (OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"checkpoint {path}: truncated or damaged ({error})") from error
    if bad is not None:
        raise got(f"checkpoint {path}: {bad}", "another checksum than when it was written", "an undamaged file")
    stream.seek(0)


def unpickled(path: Path, stream: io.BytesIO) -> Mapping[str, Any]:
    """Return the dictionary in a torch file; anything but tensors and plain containers is refused before it runs."""
    _check_sums(path, stream)
    allowed: list[Any] = [(HParams, "utils.HParams"), (HParams, "GPT_SoVITS.utils.HParams")]
    try:
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of other protocols: what they hold is read or refused
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
    """The entry `weight` of deployed and base files, `model` of resume files, `generator` of BigVGAN, or all of it."""
    named = [content[name] for name in ("weight", "model", "generator") if name in content]
    weights = named[0] if named else content if "conv_pre.bias" in content else None
    if not isinstance(weights, Mapping) or not weights:
        raise got(
            f"checkpoint {path}: entries", sorted(map(str, content))[:8], "'weight' (or 'model') with the tensors"
        )
    for key, value in weights.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise got(f"checkpoint {path}: key {key!r}", type(value).__name__, "a tensor")
        if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized or value.is_complex():
            kind = f"{value.layout}, {value.device.type}, {value.dtype}"
            raise got(f"checkpoint {path}: key {key}", kind, "a dense tensor of real numbers")
    return {key.removeprefix("module."): value for key, value in weights.items()}


def read_upstream(path: Path, version: str | None = None) -> UpstreamFile:
    """Read a GPT, SoVITS, LoRA, vocoder or discriminator file.

    Args:
        version: v3 or v4, for a generator of these whose file does not say which.

    Raises:
        InputError: unreadable, truncated, hostile, of an unknown version, or inconsistent in itself.
    """
    stream, header = _restored(path)
    content = unpickled(path, stream)
    tensors = _tensors(path, content)
    if all(key.startswith("model.") for key in tensors):
        tensors = {key.removeprefix("model."): value for key, value in tensors.items()}
    config = plain(content.get("config", {}))
    config = config if isinstance(config, dict) else {}
    if any(key.startswith("cfm.") for key in tensors) or (header or "").startswith(MATCHED):
        version = _matched_version(path, config, header, version)
    else:
        version = _version(path, tensors, header)
    lora = any(".lora_A." in key for key in tensors)
    return UpstreamFile(path, tensors, config, str(content.get("info", "")), version, lora)


def _matched_version(path: Path, config: Mapping[str, Any], header: str | None, asked: str | None) -> str:
    """v3 or v4, which no tensor tells: the header, the configuration or the user; they must agree."""
    section = config.get("model")
    versions = {
        "header": header.split()[0] if header else None,
        "configuration": section.get("version") if isinstance(section, dict) else None,
        "asked for": asked,
    }
    named = {source: value for source, value in versions.items() if value is not None}
    for source, value in named.items():
        if value not in MATCHED:
            raise got(f"checkpoint {path}: {source}", value, "v3 or v4, which the tensors say")
    if len(set(named.values())) > 1:
        raise got(f"checkpoint {path}: version", named, "one version")
    if not named:
        raise got(f"checkpoint {path}: version", "v3 or v4, which the file does not say", "version=v3 or version=v4")
    return str(next(iter(named.values())))


def read_base(path: Path, version: str) -> UpstreamFile:
    """Read the base of a LoRA file; `version`, which the LoRA file says, stands where the base does not say it.

    Raises:
        InputError: as `read_upstream`, or another version, or a LoRA file itself.
    """
    base = read_upstream(path, version)
    if base.version != version or base.lora:
        kind = f"a LoRA file of {base.version}" if base.lora else base.version
        raise got(f"checkpoint {path}: version", kind, f"a base of {version}, which the LoRA file adapts")
    return base


def _rows(path: Path, tensors: Mapping[str, Tensor], key: str, known: Iterable[int]) -> int:
    """Rows of a table of phones, which must be those of a released symbol table."""
    shape = tuple(tensors[key].shape) if key in tensors else None
    if shape is None or len(shape) != 2 or shape[0] not in known:
        sizes = " or ".join(str(n) for n in sorted(set(known)))
        raise got(f"checkpoint {path}: key {key}", "nothing" if shape is None else f"shape {shape}", f"{sizes} rows")
    return int(shape[0])


def _version(path: Path, tensors: Mapping[str, Tensor], header: str | None) -> str:
    """What the tensors say; the header must agree. File size and checksums are not asked."""
    more = f" (its header says {header})" if header else ""
    if "ar_predict_layer.weight" in tensors:
        rows = _rows(path, tensors, "ar_text_embedding.word_embeddings.weight", GPT_SYMBOLS)
        return GPT_SYMBOLS[rows]
    if any(key.startswith("discriminators.") for key in tensors):
        return "v2Pro" if "discriminators.6.conv_post.bias" in tensors else "v2"
    if "conv_pre.bias" in tensors:
        return "vocoder"
    if "enc_p.text_embedding.weight" not in tensors:
        raise got(f"checkpoint {path}", f"keys such as {next(iter(tensors))!r}{more}", "a GPT, SoVITS or discriminator")
    rows = _rows(path, tensors, "enc_p.text_embedding.weight", SYMBOLS.values())
    content = "v1" if rows == SYMBOLS["v1"] else "v2"
    if "sv_emb.weight" in tensors:
        first = tensors.get("dec.ups.0.weight_v")
        content = "v2ProPlus" if first is not None and first.shape[2] == 20 else "v2Pro"
    if header is not None and header != content:
        raise got(f"checkpoint {path}: header", header, f"{content}, which the tensors say")
    return content
