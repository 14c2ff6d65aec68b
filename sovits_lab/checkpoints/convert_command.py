"""`python -m sovits_lab convert gpt=X.ckpt sovits=Y.pth out=bundle/`: upstream checkpoints to a native bundle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sovits_lab.files import MOST_TEXT, regular_file
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got


@dataclass(frozen=True)
class ConvertOptions:
    """Write a native bundle from checkpoints of the released family; tensors keep their precision."""

    out: Path = option("the folder to create")
    gpt: Path | None = option("stage 1, a .ckpt file", None)
    sovits: Path | None = option("stage 2 generator, a .pth file", None)
    discriminator: Path | None = option("stage 2 discriminators, for fine-tuning", None)
    vocoder: Path | None = option("of v3 or v4: bigvgan_generator.pt, or vocoder.pth", None)
    base: Path | None = option("the v3 or v4 that a LoRA file given as sovits= adapts", None)
    version: str | None = option("v3 or v4, where the sovits= file does not say which", None)


def vocoder_settings(path: Path) -> dict[str, object]:
    """Read `config.json` beside a vocoder, as BigVGAN is published; nothing where there is none."""
    beside = path.with_name("config.json")
    if not beside.is_file():
        return {}
    try:
        settings = json.loads(regular_file(beside, "vocoder", MOST_TEXT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"vocoder {beside}: is not readable JSON ({error})") from error
    if not isinstance(settings, dict):
        raise got(f"vocoder {beside}", type(settings).__name__, "a JSON object")
    known = ("upsample_rates", "resblock_dilation_sizes", "use_tanh_at_final")
    return {key: settings[key] for key in known if key in settings}


def main(argv: list[str]) -> int:
    """Convert a file; the exit status is 0 when the bundle is written, 2 (and one line) if the file does not fit."""
    if not argv or wants_help(argv):
        print(describe(ConvertOptions, "convert"))
        return 0
    options = read_options(ConvertOptions, argv)
    from sovits_lab.checkpoints import upstream_bundle
    from sovits_lab.checkpoints.upstream_file import MATCHED, read_base, read_upstream

    if options.version not in (None, *MATCHED):
        raise got("version", options.version, "v3 or v4")
    sovits = read_upstream(options.sovits, options.version) if options.sovits else None
    gpt, discriminator, vocoder = (
        read_upstream(path) if path else None for path in (options.gpt, options.discriminator, options.vocoder)
    )
    if sovits is None and (options.base or options.vocoder):
        raise got("convert: sovits", "nothing", "the generator that base= and vocoder= belong to")
    if sovits is not None:
        base = read_base(options.base, sovits.version) if options.base else None
        settings = vocoder_settings(options.vocoder) if options.vocoder else {}
        sovits = upstream_bundle.with_vocoder(sovits, base, vocoder, settings)
    print(upstream_bundle.describe(upstream_bundle.convert(gpt, sovits, options.out, discriminator)))
    print(f"written: {options.out}")
    return 0
