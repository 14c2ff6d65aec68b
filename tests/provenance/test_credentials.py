"""Content credentials: signed with a certificate of the test's own, read back, broken by any change."""

from __future__ import annotations

import datetime
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sovits_lab.__main__ import main
from sovits_lab.provenance import credentials as subject
from sovits_lab.provenance.credentials import ContentCredentials, read_credentials
from sovits_lab.provenance.labels import add_labels, first_label, read_labels
from sovits_lab.provenance.perth import PerthNetwork
from sovits_lab.provenance.watermark import SpeechWatermark
from sovits_lab.serving.contracts import MarkFacts
from sovits_lab.serving.marking import WatermarkedOutput
from sovits_lab.serving.problems import ProblemError
from sovits_lab.types import InputError
from tests.provenance.test_labels import decoded, encoded

with_package = pytest.mark.skipif(
    importlib.util.find_spec("c2pa") is None, reason="the extra c2pa brings content credentials"
)
SIGNED = (("WAV", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_16"))
FACTS = MarkFacts("req-7", "model", "ann")
KEYS = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}


class Signer(NamedTuple):
    """Files of a certificate, its key, and the root above it."""

    certificate: Path
    key: Path
    root: Path


def named(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab")]
    )


def certified(subject_key, issuer_key, name: str, issuer: str, days: int = 9) -> x509.Certificate:
    """A certificate for signing content; of itself a root."""
    root, now = name == issuer, datetime.datetime.now(datetime.UTC)
    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(subject_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(root, None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not root, key_cert_sign=root, crl_sign=root, **uses), critical=True
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not root:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def signer(folder: Path, kind: str = "P-256", days: int = 9) -> Signer:
    above, own = KEYS["P-256"](), KEYS[kind]()
    root = certified(above, above, "Root", "Root").public_bytes(Encoding.PEM)
    leaf = certified(own, above, "Ann's studio", "Root", days).public_bytes(Encoding.PEM)
    made = Signer(folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    made.certificate.write_bytes(leaf + root)
    made.key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.root.write_bytes(root)
    return made


@with_package
@pytest.mark.parametrize(("kind", "subtype"), SIGNED)
def test_signed_files_say_who_signed_and_sound_the_same(tmp_path, kind, subtype):
    files = signer(tmp_path)
    plain = add_labels(encoded(kind, subtype), first_label("lab", "req-7"))
    signed = ContentCredentials(files.certificate, files.key).signed(plain, "req-7")
    found = read_credentials(signed)
    assert found is not None
    assert (found.state, found.issuer, found.name, found.title) == ("Valid", "Lab", "Ann's studio", "req-7")
    assert found.synthetic and found.failures == ["signingCredential.untrusted"]
    assert read_credentials(signed, files.root).state == "Trusted"
    assert read_labels(signed).aigc["ProduceID"] == "req-7"
    np.testing.assert_array_equal(decoded(signed), decoded(plain))
    assert read_credentials(plain) is None


@with_package
@pytest.mark.parametrize("kind", sorted(KEYS))
def test_every_kind_of_key_signs(tmp_path, kind):
    files = signer(tmp_path, kind)
    assert read_credentials(ContentCredentials(files.certificate, files.key).signed(encoded(), "x")).state == "Valid"


@with_package
def test_a_changed_sample_and_a_changed_label_break_the_signature(tmp_path):
    files = signer(tmp_path)
    plain = add_labels(encoded(), first_label("lab", "req-7"))
    signed = ContentCredentials(files.certificate, files.key).signed(plain, "x")
    for place in (signed.index(b"data") + 1000, signed.index(b"req-7")):
        changed = bytearray(signed)
        changed[place] ^= 1
        found = read_credentials(bytes(changed))
        assert found.state == "Invalid" and "assertion.dataHash.mismatch" in found.failures


@with_package
def test_what_cannot_sign_is_refused_in_one_line(tmp_path):
    files = signer(tmp_path)
    with pytest.raises(InputError, match="got 'nothing there', expected a file"):
        ContentCredentials(files.certificate, tmp_path / "gone.pem")
    with pytest.raises(InputError, match="no PEM file of a private key"):
        ContentCredentials(files.certificate, files.certificate)
    with pytest.raises(InputError, match="the certificate is invalid"):
        ContentCredentials(files.key, files.key)
    with pytest.raises(InputError, match="self-signed"):
        ContentCredentials(files.root, files.key)
    (tmp_path / "old").mkdir()
    old = signer(tmp_path / "old", days=-3)
    with pytest.raises(InputError, match="not valid at time"):
        ContentCredentials(old.certificate, old.key)
    with pytest.raises(InputError, match="does not match"):
        ContentCredentials(files.certificate, old.key)
    with pytest.raises(InputError, match="expected one of wav, mp3, flac"):
        ContentCredentials(files.certificate, files.key).signed(encoded("OGG", "VORBIS"), "x")


def test_without_the_package_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(subject.importlib.util, "find_spec", lambda name: None)
    for use in (lambda: ContentCredentials(tmp_path, tmp_path), lambda: read_credentials(encoded())):
        with pytest.raises(InputError, match=r"pip install .*\[c2pa\]"):
            use()


@with_package
def test_the_command_signs_and_verifies(tmp_path, capsys):
    files = signer(tmp_path)
    (tmp_path / "a.wav").write_bytes(encoded())
    words = [str(tmp_path / "a.wav"), f"out={tmp_path / 'b.wav'}", f"certificate={files.certificate}"]
    assert main(["credentials", "sign", *words, f"key={files.key}"]) == 0
    assert main(["credentials", "verify", str(tmp_path / "b.wav"), f"anchors={files.root}"]) == 0
    assert "trusted; signed by Ann's studio, Lab; 'a.wav', a program made it" in capsys.readouterr().out
    assert main(["credentials", "verify", str(tmp_path / "a.wav")]) == 1
    assert "no content credentials" in capsys.readouterr().out
    assert main(["credentials", "sign", *words, f"key={tmp_path / 'none'}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@with_package
def test_the_service_signs_what_has_a_place_for_it(tmp_path):
    files = signer(tmp_path)
    marker = WatermarkedOutput(
        watermark=SpeechWatermark(PerthNetwork()), certificate=str(files.certificate), key=str(files.key)
    )
    assert read_credentials(marker.label(encoded(), "wav", FACTS)).title == "req-7"
    assert read_labels(marker.label(encoded("OGG", "VORBIS"), "ogg", FACTS)).synthetic
    marker.credentials._certificate = b""  # as good as ended
    with pytest.raises(ProblemError, match="cannot be signed") as refused:
        marker.label(encoded(), "wav", FACTS)
    assert refused.value.status == 503
    with pytest.raises(InputError, match="only one of certificate and key"):
        WatermarkedOutput(watermark=marker.watermark, key=str(files.key))
