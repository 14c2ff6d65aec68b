"""`python -m sovits_lab mix-voices bundle=RUN weights=anna:0.7,bert:0.3 name=carla out=FOLDER`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got


@dataclass(frozen=True)
class MixVoicesOptions:
    """Write a bundle with one more speaker, who stands between those that it knows."""

    bundle: Path = option("a run folder, or a voice bundle")
    weights: str = option("speakers and weights, as anna:0.7,bert:0.3")
    name: str = option("of the new speaker")
    out: Path = option("the folder to create")
    way: str = option("between the vectors", "line", choices=["line", "sphere"])


def weights_of(given: str) -> dict[str, float]:
    """Read weights.

    Raises:
        InputError: no `name:number`, or a name twice.
    """
    made: dict[str, float] = {}
    for part in given.split(","):
        name, colon, value = part.strip().rpartition(":")
        try:
            weight = float(value)
        except ValueError:
            colon = ""
            weight = 0.0
        if not colon or not name or name in made:
            raise got("weights", given, "speakers and weights such as anna:0.7,bert:0.3, each once")
        made[name] = weight
    return made


def main(argv: list[str]) -> int:
    """Write the bundle and say what went into the voice."""
    if not argv or wants_help(argv):
        print(describe(MixVoicesOptions, "mix-voices"))
        return 0
    options = read_options(MixVoicesOptions, argv)
    if not options.name.isidentifier():
        raise InputError(f"name: got {options.name!r}, expected a word of letters, digits and underscores")
    from sovits_lab.inference.mixing import add_mixed_voice

    inner = options.bundle / "bundle"
    folder = inner if (inner / "bundle.json").is_file() else options.bundle
    made = add_mixed_voice(folder, options.out, options.name, weights_of(options.weights), options.way)
    print(f"{options.out}: speaker {options.name}, {made['recipe']}")
    return 0
