"""`python -m sovits_lab credentials sign|verify FILE`: C2PA content credentials of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class CredentialsSign:
    """`sign` signs a WAV, MP3 or FLAC file with your certificate: a program made this, and nothing changed since."""

    file: Path = option("the recording", bare=True)
    out: Path = option("where it goes")
    certificate: Path = option("PEM file: the certificate, then those that lead to its root")
    key: Path = option("PEM file of its private key")
    title: str = option("of the piece", "", shown="the file's name")
    time_authority: str = option("address of a time-stamping server", "", shown="none")


@dataclass(frozen=True)
class CredentialsVerify:
    """`verify` reads credentials back.

    Exit status: 0 they hold, 1 there are none or they do not hold, 2 the command is wrong or a file cannot be read.
    """

    file: Path = option("the recording", bare=True)
    anchors: Path | None = option("PEM file with roots that you trust", None, shown="none are")


def main(argv: list[str]) -> int:
    """Run the command."""
    if not argv or wants_help(argv):
        texts = describe(CredentialsSign, "credentials sign"), describe(CredentialsVerify, "credentials verify")
        print(*texts, sep="\n\n")
        return 0
    if argv[0] == "sign":
        return _sign(read_options(CredentialsSign, argv[1:]))
    if argv[0] == "verify":
        return _verify(read_options(CredentialsVerify, argv[1:]))
    raise got("credentials", argv[0], "sign FILE or verify FILE")


def _sign(asked: CredentialsSign) -> int:
    from sovits_lab.files import read_bytes, write_whole
    from sovits_lab.provenance.credentials import ContentCredentials

    credentials = ContentCredentials(asked.certificate, asked.key, asked.time_authority)
    write_whole(
        asked.out, credentials.signed(read_bytes(asked.file, "recording", MOST_BYTES), asked.title or asked.file.name)
    )
    return _verify(CredentialsVerify(asked.out, None))


def _verify(asked: CredentialsVerify) -> int:
    from sovits_lab.files import printable, read_bytes
    from sovits_lab.provenance.credentials import read_credentials

    found = read_credentials(read_bytes(asked.file, "recording", MOST_BYTES), asked.anchors)
    if found is None:
        print(f"{printable(asked.file)}: no content credentials")
        return 1
    made = "a program made it" if found.synthetic else "does not say that a program made it"
    wrong = f"; does not hold: {', '.join(found.failures)}" if found.failures else ""
    signer = f"signed by {found.name}, {found.issuer}"
    print(f"{printable(asked.file)}: " + printable(f"{found.state.lower()}; {signer}; {found.title!r}, {made}{wrong}"))
    return int(found.state == "Invalid")
