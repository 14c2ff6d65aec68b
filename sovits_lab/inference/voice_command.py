"""`python -m sovits_lab voice check CLIP ...`: is a recording fit to be a reference?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.audio.clip_checks import ClipFinding, Embed


@dataclass(frozen=True)
class VoiceOptions:
    """Check recordings that are to be references.

    Channels, length, level, bandwidth, clipping, noise, echo, room, music, share of speech, and whether there is one
    speaker only. The exit status is 0 where every clip can be used, 1 where some clip should not be, 2 where the
    command is wrong or a file cannot be read.
    """

    action: str = option("what is done", choices=["check"], bare=True)
    clips: list[Path] = option("recordings", [], bare=True)
    speakers: str = option("count them by CAM++, where its weights are installed", "auto", choices=["auto", "off"])
    text: str = option("what one clip says: checked against what Whisper base hears", "")
    language: str | None = option("of text=, such as en", None)
    format: str = option("of the output", "text", choices=["text", "json"])


def main(argv: list[str]) -> int:
    """Check clips and print what was found."""
    if not argv or wants_help(argv):
        print(describe(VoiceOptions, "voice"))
        return 0
    given = read_options(VoiceOptions, argv)
    if not given.clips:
        raise got("voice check, clips", "none", "at least one recording")
    if given.text and len(given.clips) > 1:
        raise got("voice check, text", f"{len(given.clips)} clips beside it", "one clip, whose words it is")
    from sovits_lab.conditioning.campplus import installed_ears

    embed = installed_ears() if given.speakers == "auto" else None
    found = {str(clip): check_file(clip, embed) for clip in given.clips}
    if given.text:
        (clip,) = given.clips
        found[str(clip)].append(_text_finding(clip, given.text, given.language))
    return _show(found, embed, given.format)


def _text_finding(clip: Path, text: str, language: str | None) -> ClipFinding:
    """What the text check found of one clip, which was checked before."""
    from sovits_lab.audio.files import load_audio
    from sovits_lab.corpora.transcripts import RATE, check_transcript, whisper_transcriber

    wav = load_audio(clip, RATE, mix_down=True, rate="any")
    return check_transcript(wav, RATE, text, whisper_transcriber(), language)


def _show(found: dict[str, list[ClipFinding]], embed: Embed | None, form: str) -> int:
    from sovits_lab.audio.clip_checks import worst

    if form == "json":
        print(json.dumps({name: [asdict(one) for one in each] for name, each in found.items()}, indent=1))
    else:
        for name, each in found.items():
            print(f"{name}: {worst(each)}")
            for one in each:
                number = f"{one.value:.0f}" if abs(one.value) >= 100 else f"{one.value:.3g}"
                value = f"{number} {one.unit}".strip()
                print(f"  {one.verdict:<9}{one.name:<20}{value:<24}{one.advice}".rstrip())
        if embed is None:
            print(
                "Speakers were not counted (speakers=off, or no weights campplus: python -m sovits_lab weights list)."
            )
    return int(any(worst(each) == "bad" for each in found.values()))


def check_file(clip: Path, embed: Embed | None) -> list[ClipFinding]:
    """Return the findings of one file, as it is stored: neither mixed down nor resampled before.

    Raises:
        InputError: it cannot be read, or is longer than ten minutes.
    """
    import soundfile

    from sovits_lab.audio.clip_checks import check_clip
    from sovits_lab.audio.files import audio_info

    info = audio_info(clip)
    if info.seconds > 600:
        raise InputError(f"voice check {clip}: got {info.seconds:.0f} s, expected a clip of at most 600 s")
    wav, rate = soundfile.read(str(clip), dtype="float32")
    return check_clip(wav, rate, embed)
