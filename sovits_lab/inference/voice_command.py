"""`python -m sovits_lab voice check CLIP ...`: is a recording fit to be a reference?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.audio.clip_checks import ClipFinding, Embed

USAGE = """usage: python -m sovits_lab voice check CLIP ... [speakers=auto|off] [text=WORDS] [language=CODE]
           [format=text|json]

Channels, length, level, bandwidth, clipping, noise, echo, room, music, share of speech, and whether there is one
speaker only, by CAM++ where its weights are installed (speakers=off leaves that out). With text=, whether the clip says
that, as Whisper base hears it.
exit status: 0 every clip can be used, 1 some clip should not be, 2 the command is wrong or a file cannot be read"""
OPTIONS = {"speakers": ("auto", "off"), "format": ("text", "json")}


def main(argv: list[str]) -> int:
    """Check clips and print what was found."""
    if not argv or any(word in ("-h", "--help") for word in argv):
        print(USAGE)
        return 0
    if argv[0] != "check":
        raise got("voice", argv[0], "check CLIP")
    chosen = {name: values[0] for name, values in OPTIONS.items()}
    said = {"text": "", "language": ""}
    clips: list[Path] = []
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals and name in said:
            said[name] = value
        elif equals and name in OPTIONS:
            if value not in OPTIONS[name]:
                raise got(f"voice check, {name}", value, f"one of {', '.join(OPTIONS[name])}")
            chosen[name] = value
        else:
            clips.append(Path(word))
    if not clips:
        raise got("voice check, clips", "none", "at least one recording")
    if said["text"] and len(clips) > 1:
        raise got("voice check, text", f"{len(clips)} clips beside it", "one clip, whose words it is")
    from sovits_lab.conditioning.campplus import installed_ears

    embed = installed_ears() if chosen["speakers"] == "auto" else None
    found = {str(clip): check_file(clip, embed) for clip in clips}
    if said["text"]:
        found[str(clips[0])].append(_text_finding(clips[0], said["text"], said["language"] or None))
    return _show(found, embed, chosen["format"])


def _text_finding(clip: Path, text: str, language: str | None) -> ClipFinding:
    """What the text check found of one clip, which was checked before."""
    from sovits_lab.audio.files import load_audio
    from sovits_lab.audio.transcripts import RATE, check_transcript, whisper_ears

    wav = load_audio(clip, RATE, mix_down=True, rate="any")
    return check_transcript(wav, RATE, text, whisper_ears(), language)


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
