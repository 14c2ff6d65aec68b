"""Where a judge's weights lie: a local folder, or a model hub's name that is fetched once into the hub's cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sovits_lab.types import InputError, got


def weights_folder(judge: str, source: str | Path, needed: Sequence[str], also: Sequence[str] = ()) -> Path:
    """The local folder with the named files.

    Args:
        judge: for messages.
        source: a folder, or `owner/name` on the Hugging Face hub (with `owner/name@revision` for a fixed state).
        needed: patterns of files without which the judge cannot work.
        also: patterns of files that are fetched too where they exist.

    Raises:
        InputError: the folder lacks a file, or the hub cannot be reached and its cache holds nothing.
    """
    folder = Path(source)
    if folder.is_dir():
        for pattern in needed:
            if not any(folder.glob(pattern)):
                raise got(f"judge {judge}, folder {folder}", f"nothing that matches {pattern}", "the released files")
        return folder
    name, _, revision = str(source).partition("@")
    if name.count("/") != 1 or name.startswith((".", "/")):
        raise got(f"judge {judge}, source", str(source), "an existing folder or a hub name `owner/name`")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=[*needed, *also]))
    except Exception as error:  # the hub's client raises a dozen kinds; all mean the same to the user
        raise InputError(
            f"judge {judge}: {name} is neither in the hub's cache nor to be had from the hub "
            f"({type(error).__name__}), expected network access or source=FOLDER"
        ) from error
