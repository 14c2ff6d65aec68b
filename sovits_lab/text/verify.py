"""Comparing our front ends with stored readings of the released models' front end (layout of `text_*.json`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sovits_lab.text.cutting import METHODS, split_big
from sovits_lab.text.english.language import ReleasedEnglish
from sovits_lab.text.english.pronounce import Tagger
from sovits_lab.text.language import LANGUAGES, Language
from sovits_lab.text.mandarin.language import ReleasedMandarin
from sovits_lab.text.multilingual import MultilingualFrontend, released
from sovits_lab.text.segment import segment
from sovits_lab.text.symbols import load_symbols
from sovits_lab.text.traced import Traced
from sovits_lab.types import InputError, got

Reader = Callable[[str], Sequence[str]]


class Difference(NamedTuple):
    """One item whose reading differs: the input, ours, and the stored one."""

    item: str
    ours: str
    stored: str


class Outcome(NamedTuple):
    """One path of one file; `released` is True for the exact front end, False for our own readings."""

    file: str
    path: str
    released: bool
    items: int
    differences: tuple[Difference, ...]


def _reader(language: Language, table: str) -> Reader:
    symbols = load_symbols(table)

    def read(text: str) -> list[str]:
        phones = [phone for unit in language.read_piece(Traced.of(text)).units for phone in unit.phones]
        return [phone if phone in symbols else "UNK" for phone in phones]

    return read


def _ours(language: str) -> Reader:
    """What a user of our front end hears: the whole of it, with the language named."""
    front = MultilingualFrontend()
    return lambda text: front.read(text, language).phones


def _compare(file: str, path: str, exact: bool, pairs: Iterator[tuple[str, Sequence[str], Sequence[str]]]) -> Outcome:
    count, differences = 0, []
    for item, found, stored in pairs:
        count += 1
        if list(found) != list(stored):
            differences.append(Difference(item, " ".join(found), " ".join(stored)))
    return Outcome(file, path, exact, count, tuple(differences))


def _stored(item: Mapping[str, Any], path: str) -> list[str]:
    value = item[path]
    while isinstance(value, str):  # "same as OTHER_PATH"
        value = item[value.removeprefix("same as ").split()[0]]
    return list(value["phones"] if isinstance(value, Mapping) else value)


def _path(file: str, data: Mapping[str, Any], path: str, read: Reader, exact: bool, label: str = "") -> Outcome:
    items = [item for item in data["items"] if path in item]
    pairs = ((item["text"], read(item["text"]), _stored(item, path)) for item in items)
    return _compare(file, label or path, exact, pairs)


def _symbols(file: str, data: Mapping[str, Any]) -> Iterator[Outcome]:
    for version in ("v1", "v2"):
        table, stored = load_symbols(version), data[f"symbols_{version}"]
        rows = enumerate(zip(table.names, stored, strict=False))
        yield _compare(file, version, True, ((str(n), [a], [b]) for n, (a, b) in rows))
        if len(table) != len(stored):
            raise got(f"{file} {version}", len(stored), f"{len(table)} symbols")


def _read_injected(item: Mapping[str, Any], key: str) -> list[str]:
    """The phones with the stored answers of the network; a segment without an answer is what the list says instead."""
    answers = {answer["segment"]: answer["pinyins"] for answer in item[key]}
    missing: list[str] = []

    def readings(segment: str) -> Sequence[str]:
        if segment not in answers:
            missing.append(f"no {key} for {segment!r}")
        return answers.get(segment, segment)

    phones = _reader(ReleasedMandarin(readings), "v2")(item["text"])
    return missing or list(phones)


def _zh(file: str, data: Mapping[str, Any]) -> Iterator[Outcome]:
    yield _path(file, data, "v1", _reader(released("v1")["zh"], "v1"), True)
    yield _path(file, data, "v2_pypinyin", _reader(released("v2")["zh"], "v2"), True)
    for path, key in (("v2_injected_g2pw", "injected_g2pw_pinyins"), ("v2_injected_alt", "injected_alt_pinyins")):
        items = [item for item in data["items"] if path in item]
        yield _compare(file, path, True, ((i["text"], _read_injected(i, key), _stored(i, path)) for i in items))
    yield _path(file, data, "v2_pypinyin", _ours("zh"), False)


def _always(tag: str) -> Tagger:
    """A tagger that gives every word the same part of speech."""
    return lambda words: [tag] * len(words)


def _en(file: str, data: Mapping[str, Any]) -> Iterator[Outcome]:
    for path in ("v1_pos_NN", "v2_pos_NN", "v2_pos_VBP"):
        yield _path(file, data, path, _reader(ReleasedEnglish(_always(path.rpartition("_")[2])), path[:2]), True)
    word = ReleasedEnglish().pronouncer.word
    for path in ("oov_words_qryword", "titled_names_qryword"):
        rows = data.get(path, {}).items()
        yield _compare(file, path, True, ((name, word(name.lower()), stored) for name, stored in rows))
    forced = [
        (name, tag, phones)
        for name, by_tag in data["homographs_by_forced_tag"].items()
        for tag, phones in by_tag.items()
    ]
    compared = (
        (f"{name}/{tag}", ReleasedEnglish(_always(tag)).pronouncer([name])[0], stored) for name, tag, stored in forced
    )
    yield _compare(file, "homographs_by_forced_tag", True, compared)
    yield _path(file, data, "v2_pos_NN", _ours("en"), False)


def _plain(language: str) -> Callable[[str, Mapping[str, Any]], Iterator[Outcome]]:
    def outcomes(file: str, data: Mapping[str, Any]) -> Iterator[Outcome]:
        for version in ("v1", "v2"):
            if version in data["items"][0]:
                yield _path(file, data, version, _reader(released(version)[language], version), True)
        yield _path(file, data, "v2", _ours(language), False)

    return outcomes


def _segments(file: str, data: Mapping[str, Any]) -> Iterator[Outcome]:
    for mode in ("auto", "zh", "ja"):
        language = None if mode == "auto" else mode
        yield _compare(
            file,
            mode,
            False,
            (
                (
                    item["text"],
                    [
                        f"{p.language}:{item['text'][p.start : p.end].strip()}"
                        for p in segment(item["text"], LANGUAGES, language)
                    ],
                    [f"{part['lang']}:{part['text'].strip()}" for part in item[mode]],
                )
                for item in data["items"]
            ),
        )
    inputs = data["cut_inputs"]
    cuts = [(m, name, text) for m, by_input in data["cut_methods"].items() for name, text in by_input.items()]
    pairs = ((f"{m} of {name}", METHODS[m](inputs[name]), text.split("\n")) for m, name, text in cuts)
    yield _compare(file, "cutting methods", True, pairs)
    big = split_big(inputs["zh"] * 4)
    yield _compare(file, "split of long text", True, iter([("zh x 4", big, data["split_big_text_of_zh_x4"])]))


_CHECKS: dict[str, Callable[[str, Mapping[str, Any]], Iterator[Outcome]]] = {
    "text_symbols.json": _symbols,
    "text_zh.json": _zh,
    "text_en.json": _en,
    "text_ja.json": _plain("ja"),
    "text_ko.json": _plain("ko"),
    "text_yue.json": _plain("yue"),
    "text_langsegment.json": _segments,
}


def verify(folder: Path) -> Iterator[Outcome]:
    """Verify every path of every stored file in a folder, and yield one outcome at a time.

    Raises:
        InputError: the folder has none of the files, or a file lacks what its layout promises (named).
    """
    files = [folder / name for name in _CHECKS if (folder / name).is_file()]
    if not files:
        raise got("folder of stored readings", folder, f"at least one of {', '.join(_CHECKS)}")
    for path in files:
        try:
            yield from _CHECKS[path.name](path.name, json.loads(path.read_text("utf-8")))
        except (KeyError, json.JSONDecodeError) as error:
            raise InputError(f"{path.name}: got {error!r}, expected the layout described in docs/text.md") from error
