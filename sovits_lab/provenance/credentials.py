"""Content credentials (C2PA) in WAV, MP3 and FLAC files: who signs, that a program made it, that nothing changed since.

The certificate and its key are the user's. What this adds to the labels is a signature: whoever changes a sample or the
label breaks it, and whoever has no key cannot make it.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sovits_lab.files import parse_json, read_bytes
from sovits_lab.provenance.containers import container_of
from sovits_lab.provenance.labels import SOURCE_TYPE
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MEDIA = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac"}  # what C2PA has a place in, as its library says
CURVES = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
SHORTEST = bytes.fromhex(  # a WAV of one sample
    "524946462600000057415645666d74201000000001000100803e0000007d00000200100064617461020000000000"
)
MOST = 1 << 20  # bytes of a certificate or key


class FoundCredentials(NamedTuple):
    """What a file's content credentials say, and whether they hold.

    Attributes:
        state: "Trusted" (whole, and signed by somebody whose root was given), "Valid" (whole), "Invalid".
        issuer, name: organisation and common name of the certificate.
        title: of the piece: its number at the producer.
        synthetic: whether it says that a trained program made the content.
        failures: codes of what does not hold, as the standard names them.
    """

    state: str
    issuer: str
    name: str
    title: str
    synthetic: bool
    failures: Sequence[str]


class ContentCredentials:
    """Signs files.

    Args:
        certificate: PEM file: the certificate, then those that lead to its root.
        key: PEM file of its private key, without a password: Ed25519, ECDSA on P-256, P-384 or P-521, or RSA.
        time_authority: address of a time-stamping server (RFC 3161), which is asked for every file; "" asks nobody,
            and a signature is then good until the certificate ends.

    Raises:
        InputError: no package, a file that cannot be read, a key of another kind, a certificate that is not good.
    """

    def __init__(self, certificate: Path, key: Path, time_authority: str = "") -> None:
        _require()
        self._certificate = read_bytes(certificate, "certificate", MOST)
        self._key = read_bytes(key, "key", MOST)
        self._algorithm = _algorithm_of(self._key, key)
        self._time_authority = time_authority.encode() or None
        self.signed(SHORTEST, "trial")  # a certificate that is not good is told now, not with the first file

    def signed(self, data: bytes, title: str) -> bytes:
        """Return a file with credentials; its sound is the same.

        Raises:
            InputError: a kind of file that has no place for them, or a certificate that is not good: of another key,
                ended, self-signed, not for signing content.
        """
        import c2pa

        media, out = _media_of(data), io.BytesIO()
        try:
            facts = c2pa.C2paSignerInfo(self._algorithm, self._certificate, self._key, self._time_authority)
            with c2pa.Signer.from_info(facts) as signer, c2pa.Builder(_manifest(title)) as builder:
                builder.sign(signer, media, io.BytesIO(data), out)
        except c2pa.C2paError as error:
            raise InputError(f"content credentials: cannot sign ({error}); see the certificate and its key") from error
        return out.getvalue()


def read_credentials(data: bytes, anchors: Path | None = None) -> FoundCredentials | None:
    """Return what a file's credentials say; None where it has none.

    Args:
        data: a WAV, MP3 or FLAC file.
        anchors: PEM file with root certificates that are trusted; None trusts none.

    Raises:
        InputError: no package, a kind of file that has no place for credentials, a damaged file.
    """
    _require()
    import c2pa

    media = _media_of(data)
    trust = (
        {}
        if anchors is None
        else {"trust_anchors": read_bytes(anchors, "certificates", MOST).decode("ascii", "replace")}
    )
    rules = {"trust": trust, "verify": {"remote_manifest_fetch": False}}
    try:
        with (
            c2pa.Settings.from_dict(rules) as settings,
            c2pa.Context(settings) as context,
            c2pa.Reader(media, io.BytesIO(data), context=context) as reader,
        ):
            store = parse_json(reader.json(), "content credentials")
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise InputError(f"content credentials: cannot be read ({error})") from error
    return _found(store)


def _found(store: dict[str, Any]) -> FoundCredentials:
    active = store["manifests"][store["active_manifest"]]
    signature = active.get("signature_info", {})
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return FoundCredentials(
        state=store["validation_state"],
        issuer=signature.get("issuer") or "",
        name=signature.get("common_name") or "",
        title=active.get("title") or "",
        synthetic=any(one.get("digitalSourceType") == SOURCE_TYPE for one in _actions(active)),
        failures=[one["code"] for one in failures],
    )


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        action
        for one in manifest.get("assertions", [])
        if one["label"].startswith("c2pa.actions")
        for action in one["data"].get("actions", [])
    ]


def _manifest(title: str) -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
    return {
        "claim_generator_info": [{"name": "sovits_lab"}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def _require() -> None:
    if importlib.util.find_spec("c2pa") is None:
        raise InputError(
            'content credentials: package c2pa-python is missing, install it: pip install "sovits-lab[c2pa]"'
        )


def _media_of(data: bytes) -> str:
    kind = container_of(data)
    if kind not in MEDIA:
        raise got("file for content credentials", kind or bytes(data[:8]), f"one of {', '.join(MEDIA)}")
    return MEDIA[kind]


def _algorithm_of(pem: bytes, path: Path) -> bytes:
    """The standard's name of the signatures that a key makes."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key: PrivateKeyTypes = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise got(
            f"key {path.name}", "what is no PEM file of a private key, or has a password", "one without"
        ) from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    raise got(f"key {path.name}", type(key).__name__, "Ed25519, RSA, or ECDSA on P-256, P-384 or P-521")
