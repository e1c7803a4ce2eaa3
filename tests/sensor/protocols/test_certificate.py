"""Certificates: the same facts as the library reads, also of cut, hostile and self-issued ones."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from secwatch.sensor.protocols import certificate
from secwatch.sensor.protocols.row import Malformed
from tests.sensor.protocols.wire import Stream, streams

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAME = x509.Name([
    x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
    x509.NameAttribute(NameOID.ORGANIZATION_NAME, '市, "政府" <1>+; #'),
    x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@city.example"),
    x509.NameAttribute(NameOID.COMMON_NAME, "#portal "),
])  # fmt: skip
OTHER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "City CA")])


def made(key: Any, *, issuer: x509.Name = NAME, signer: Any = None, end: datetime | None = None) -> x509.Certificate:
    """A certificate for `key`, signed by `signer`, by itself without one."""
    names: list[x509.GeneralName] = [
        x509.DNSName("Portal.city.example"),
        x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        x509.RFC822Name("a@city.example"),
    ]
    signer = signer or key
    return (
        x509.CertificateBuilder(issuer, NAME, key.public_key(), 0xC0FFEE, START, end or START + timedelta(90))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


def message(*chain: x509.Certificate) -> bytes:
    """The body of a Certificate message."""
    items = [found.public_bytes(Encoding.DER) for found in chain]
    listed = b"".join(len(item).to_bytes(3, "big") + item for item in items)
    return len(listed).to_bytes(3, "big") + listed


@pytest.mark.parametrize(
    ("key", "kind", "bits", "seal"),
    [(RSA, "rsa", 2048, "sha256"), (EC, "ecdsa", 384, "sha256"), (ED, "ed25519", 256, "ed25519")],
)
def test_a_certificate_that_signed_itself(key: Any, kind: str, bits: int, seal: str) -> None:
    built = made(key)
    facts = certificate.facts(message(built, made(EC)))
    assert facts == {
        "certificate_subject": built.subject.rfc4514_string({NameOID.EMAIL_ADDRESS: "1.2.840.113549.1.9.1"}),
        "certificate_issuer": built.issuer.rfc4514_string({NameOID.EMAIL_ADDRESS: "1.2.840.113549.1.9.1"}),
        "certificate_names": ["portal.city.example", "2001:db8::7"],
        "certificate_serial": "c0ffee",
        "certificate_not_before": round(START.timestamp() * 1e6),
        "certificate_not_after": round((START + timedelta(90)).timestamp() * 1e6),
        "certificate_key_type": kind,
        "certificate_key_bits": bits,
        "certificate_signature": seal,
        "certificate_self_signed": True,
        "certificate_sha256": built.fingerprint(hashes.SHA256()).hex(),
        "certificate_chain_length": 2,
    }


def test_others_signed_it_whatever_the_names_say() -> None:
    assert certificate.facts(message(made(RSA, issuer=OTHER, signer=EC)))["certificate_self_signed"] is False
    assert certificate.facts(message(made(EC, signer=ec.generate_private_key(ec.SECP256R1()))))[
        "certificate_self_signed"
    ] is False  # fmt: skip


def test_a_time_far_away() -> None:
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert certificate.facts(message(made(ED, end=end)))["certificate_not_after"] == 253402300799 * 10**6


def test_what_is_cut_is_told_as_far_as_it_goes() -> None:
    whole = message(made(RSA))
    cut = certificate.facts(whole[:600])
    assert cut["certificate_subject"] == certificate.facts(whole)["certificate_subject"]
    assert "certificate_sha256" not in cut
    assert cut["certificate_chain_length"] == 1  # the list is as long as its only entry
    for size in range(len(whole)):
        try:
            certificate.facts(whole[:size])
        except Malformed:
            continue


@pytest.mark.parametrize(
    "bad", [b"", bytes(7), b"\0\0\x08\0\0\x05\x30\x03\x02\x01\x01", b"\0\0\x06\0\0\x03\x30\x84\xff"]
)
def test_what_is_no_certificate(bad: bytes) -> None:
    with pytest.raises(Malformed):
        certificate.facts(bad)


def shown(stream: Stream) -> Iterator[bytes]:
    """The bodies of the Certificate messages of a server."""
    sent, plain = stream.side(False), b""
    while sent[:1] == b"\x16":
        size = int.from_bytes(sent[3:5], "big")
        plain, sent = plain + sent[5 : 5 + size], sent[5 + size :]
    while len(plain) >= 4:
        size = int.from_bytes(plain[1:4], "big")
        if plain[0] == 11:
            yield plain[4 : 4 + size]
        plain = plain[4 + size :]


def test_real_certificates_as_the_library_and_zeek_say(captures: Path) -> None:
    facts = []
    for name in ("zeek__tls_tls-expired-cert.pcap", "zeek-asyncrat-detector__cd010953-5faf-4054-86be-58c020c3a532.pcap",
                 "suricata-verify__tls_tls-glupteba_input.pcap", "suricata-verify__ja4-tls_input.pcap"):  # fmt: skip
        for body in (body for stream in streams(captures / name) for body in shown(stream)):
            found = certificate.facts(body)
            library = x509.load_der_x509_certificate(body[6 : 6 + int.from_bytes(body[3:6], "big")])
            assert found["certificate_subject"] == library.subject.rfc4514_string()
            assert found["certificate_issuer"] == library.issuer.rfc4514_string()
            assert found["certificate_not_after"] == round(library.not_valid_after_utc.timestamp()) * 10**6
            assert int(str(found["certificate_serial"]), 16) == library.serial_number
            facts.append(found)
    assert {found["certificate_sha256"] for found in facts} >= {
        "7920ebd7acfb8c3c569b83db76e7e61b8a0a5bcdf55bdee5519f838f73732173",
        "ce772ec37d88351f43e6350c6c2b9777c9a7855f2a55184fba784e5e7df9e3eb",
    }
    assert sorted(str(found["certificate_self_signed"]) for found in facts) == ["False"] * 3 + ["True"] * 2
