"""Phone names and their ids: a table is data, belongs to a model, and refuses what it does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from sovits_lab.types import got

PAD = "_"
PAUSES = ("!", "?", "…", ",", ".", "-")
TABLES = ("v1", "v2", "english", "multilingual")


@dataclass(frozen=True)
class SymbolTable:
    """An ordered list of phone names; the id of a name is its place.

    Args:
        names: distinct, not empty; must hold the pad symbol "_".
        name: what messages call this table.

    Raises:
        InputError: a name occurs twice, is empty, or the pad symbol is missing.
    """

    names: tuple[str, ...]
    name: str = "unnamed"
    _ids: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ids = {name: number for number, name in enumerate(self.names)}
        if len(ids) != len(self.names) or "" in ids:
            twice = sorted({n for n in self.names if self.names.count(n) > 1 or not n})
            raise got(f"symbol table {self.name}", twice[:5], "distinct names that are not empty")
        if PAD not in ids:
            raise got(f"symbol table {self.name}", f"{len(ids)} names", f"one of them to be the pad symbol {PAD!r}")
        object.__setattr__(self, "_ids", ids)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, phone: object) -> bool:
        return phone in self._ids

    @property
    def pad(self) -> int:
        """The id of the pad symbol."""
        return self._ids[PAD]

    def id(self, phone: str) -> int:
        """Return the id of one phone; an InputError names a phone that the table does not hold."""
        try:
            return self._ids[phone]
        except KeyError:
            raise got("phone", phone, f"one of the {len(self)} symbols of table {self.name}") from None

    def ids(self, phones: Iterable[str]) -> list[int]:
        """Return the ids of phones, same length and order; an InputError names the first unknown phone."""
        return [self.id(phone) for phone in phones]

    def phones(self, ids: Iterable[int]) -> list[str]:
        """Apply the inverse of `ids`; an InputError names the first number outside the table."""
        numbers = [int(number) for number in ids]
        for number in numbers:
            if not 0 <= number < len(self):
                raise got("phone id", number, f"0 to {len(self) - 1} in table {self.name}")
        return [self.names[number] for number in numbers]

    def to_json(self) -> dict[str, object]:
        """Return what a bundle stores."""
        return {"name": self.name, "symbols": list(self.names)}

    @classmethod
    def from_json(cls, stored: object) -> SymbolTable:
        """Read what `to_json` wrote; an InputError says what is wrong with it."""
        if not isinstance(stored, Mapping) or not isinstance(stored.get("symbols"), list):
            raise got("symbol table", type(stored).__name__, "an object with a list of names under `symbols`")
        names = stored["symbols"]
        if not all(isinstance(name, str) for name in names):
            raise got("symbol table", "names that are not text", "a list of texts")
        return cls(tuple(names), str(stored.get("name", "unnamed")))


@cache
def load_symbols(name: str) -> SymbolTable:
    """Return one of the tables that come with the package: `v1` (322), `v2` (732), or our compact ones.

    The order of `v1` and `v2` is what the released GPT-SoVITS weights were trained with; see `docs/text.md`.
    """
    if name not in TABLES:
        raise got("symbol table", name, f"one of {', '.join(TABLES)}")
    text = (resources.files("sovits_lab.text") / "data" / f"symbols_{name}.txt").read_text("utf-8")
    return SymbolTable(tuple(text.splitlines()), name)


def table_of(names: Sequence[str], name: str) -> SymbolTable:
    """Return a table whose ids follow the given order, with pad first when `names` lacks it."""
    return SymbolTable(tuple(names) if PAD in names else (PAD, *names), name)
