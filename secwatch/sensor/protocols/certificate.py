"""Facts of the certificate that a TLS server shows: who it is for, who issued it, how long, with which key.

An own walk over DER (X.690) instead of a library's: certificates on the wire are hostile or cut short, a library
refuses those, and a subject is wanted of them too. Only whether a certificate has signed itself is left to
the cryptography library, and only asked where subject and issuer agree. Names are written as RFC 4514 says.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping

from secwatch.sensor.protocols.der import (
    BITS,
    INTEGER,
    OBJECT,
    SEQUENCE,
    Item,
    dotted,
    first,
    identifier,
    item,
    moment_of,
    name_of,
    some,
)
from secwatch.sensor.protocols.row import Malformed, Value
from secwatch.sensor.protocols.words import words

_VERSION, _EXTENSIONS = 0xA0, 0xA3
_OF_DNS, _OF_ADDRESS = 0x82, 0x87  # kinds of alternative names, RFC 5280, 4.2.1.6
_ALTERNATIVE_NAMES = "2.5.29.17"
# RFC 3279, 4055, 5480, 5758, 8410; GB/T 32918 for SM2.
_KEYS = {
    "1.2.840.113549.1.1.1": "rsa", "1.2.840.113549.1.1.10": "rsa", "1.2.840.10045.2.1": "ecdsa",
    "1.2.840.10040.4.1": "dsa", "1.3.101.112": "ed25519", "1.3.101.113": "ed448",
}  # fmt: skip
_CURVES = {
    "1.2.840.10045.3.1.7": 256, "1.3.132.0.34": 384, "1.3.132.0.35": 521, "1.3.132.0.33": 224, "1.3.132.0.10": 256,
    "1.2.840.10045.3.1.1": 192, "1.2.156.10197.1.301": 256,
}  # fmt: skip
_SIZES = {"ed25519": 256, "ed448": 456}
_SM2_CURVE = "1.2.156.10197.1.301"
_SIGNATURES = {
    "1.2.840.113549.1.1.2": "md2", "1.2.840.113549.1.1.4": "md5", "1.2.840.113549.1.1.5": "sha1",
    "1.3.14.3.2.29": "sha1", "1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512", "1.2.840.113549.1.1.14": "sha224", "1.2.840.113549.1.1.10": "pss",
    "1.2.840.10045.4.1": "sha1", "1.2.840.10045.4.3.1": "sha224", "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512", "1.2.840.10040.4.3": "sha1",
    "2.16.840.1.101.3.4.3.2": "sha256", "1.3.101.112": "ed25519", "1.3.101.113": "ed448",
    "1.2.156.10197.1.501": "sm3",
}  # fmt: skip


def facts(message: bytes) -> Mapping[str, Value]:
    """Return the certificate_… columns of a Certificate message of TLS 1.2 or older.

    `message` is the body of the handshake message (RFC 5246, 7.4.2), from the length of the list on; it may end
    early. Of a certificate cut short the hash and what lies behind the cut are left out; the length of the
    chain is known only as far as the list was captured. Raise Malformed if the first entry is no certificate.
    """
    if len(message) < 7:
        raise Malformed
    listed = int.from_bytes(message[:3], "big")
    chain = 0
    offset = 3
    while offset + 3 <= len(message) and offset < 3 + listed:
        offset += 3 + int.from_bytes(message[offset : offset + 3], "big")
        chain += 1
    size = int.from_bytes(message[3:6], "big")
    data = message[6 : 6 + size]
    values = dict(certificate(data, len(data) == size))
    values["certificate_chain_length"] = min(chain, 255) if offset == 3 + listed else None
    return values


def certificate(data: bytes, whole: bool) -> Mapping[str, Value]:
    """Return the certificate_… columns of one certificate (RFC 5280, 4.1). Raise Malformed if it is none.

    `whole` says whether these are all its bytes.
    """
    outer = _sequence(data, 0, len(data))
    signed = _sequence(data, outer.start, outer.end)
    parts = [part for part in some(signed.items()) if part.tag != _VERSION][:12]
    if not parts or parts[0].tag != INTEGER:
        raise Malformed
    serial, *others = parts
    values: dict[str, Value] = {"certificate_serial": serial.content[:32].hex().removeprefix("00")}
    for part, take in zip(others, (_signature, _issuer, _validity, _subject, _key), strict=False):
        values |= take(part)
    for part in others[5:]:
        if part.tag == _EXTENSIONS:
            values["certificate_names"] = _alternative_names(part)
    if whole:
        values["certificate_sha256"] = hashlib.sha256(data).hexdigest()
    if len(others) >= 5:
        issuer, subject = others[1].encoded, others[3].encoded
        values["certificate_self_signed"] = issuer == subject and _own_signature(outer, signed, others[4])
    return values


def _sequence(data: bytes, start: int, end: int) -> Item:
    found = item(data, start, end)
    if found.tag != SEQUENCE:
        raise Malformed
    return found


def _signature(part: Item) -> Mapping[str, Value]:
    name = identifier(part)
    return {"certificate_signature": _SIGNATURES.get(name, name)}


def _issuer(part: Item) -> Mapping[str, Value]:
    return {"certificate_issuer": name_of(part)}


def _subject(part: Item) -> Mapping[str, Value]:
    return {"certificate_subject": name_of(part)}


def _validity(part: Item) -> Mapping[str, Value]:
    moments = [moment_of(time) for time in some(part.items())]
    before, after = [*moments, None, None][:2]
    return {"certificate_not_before": before, "certificate_not_after": after}


def _key(part: Item) -> Mapping[str, Value]:
    """Return type and size in bits of a public key."""
    inside = list(some(part.items()))
    if len(inside) < 2:
        return {}
    algorithm, bits = inside[:2]
    name = identifier(algorithm)
    kind = _KEYS.get(name, name)
    size = _SIZES.get(kind)
    if kind == "rsa":
        size = _rsa_bits(bits)
    elif kind == "ecdsa":
        curve = [dotted(value.content) for value in some(algorithm.items()) if value.tag == OBJECT][1:]
        kind = "sm2" if curve == [_SM2_CURVE] else kind
        size = _CURVES.get(curve[0]) if curve else None
    return {"certificate_key_type": kind, "certificate_key_bits": size}


def _rsa_bits(bits: Item) -> int | None:
    """Return the length of the modulus, None if it is not there."""
    if bits.tag != BITS or bits.end - bits.start < 8:
        return None
    try:
        modulus = first(item(bits.data, bits.start + 1, bits.end))
    except Malformed:
        return None
    if not modulus.whole or modulus.tag != INTEGER:
        return None
    return min(int.from_bytes(modulus.content, "big").bit_length(), 65535)


def _alternative_names(part: Item) -> list[str]:
    """Return DNS names and addresses among the alternative names."""
    for extensions in some(part.items()):
        for extension in some(extensions.items()):
            inside = list(some(extension.items()))
            if not inside or inside[0].tag != OBJECT or dotted(inside[0].content) != _ALTERNATIVE_NAMES:
                continue
            listed = list(some(inside[-1].items()))
            return [name for name in map(_alternative_name, some(listed[0].items())) if name] if listed else []
    return []


def _alternative_name(name: Item) -> str:
    if name.tag == _OF_DNS:
        return words(name.content, 255).lower()
    if name.tag == _OF_ADDRESS and len(name.content) in (4, 16):
        return str(ipaddress.ip_address(name.content))
    return ""


def _own_signature(outer: Item, signed: Item, key: Item) -> bool | None:
    """Return whether the key of a certificate made its signature, None where that cannot be told."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    parts = list(some(outer.items()))
    if len(parts) != 3 or not parts[2].whole or parts[2].tag != BITS or not key.whole:
        return None
    seal, content = parts[2].content[1:], signed.encoded
    known: dict[str, hashes.HashAlgorithm] = {
        **{"md5": hashes.MD5(), "sha1": hashes.SHA1(), "sha224": hashes.SHA224()},  # noqa: S303 - what it was signed with
        **{"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()},
    }
    kind = known.get(_SIGNATURES.get(identifier(parts[1]), ""))
    try:
        public = load_der_public_key(key.encoded)
        if isinstance(public, rsa.RSAPublicKey) and kind is not None:
            public.verify(seal, content, padding.PKCS1v15(), kind)
        elif isinstance(public, ec.EllipticCurvePublicKey) and kind is not None:
            public.verify(seal, content, ec.ECDSA(kind))
        elif isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            public.verify(seal, content)
        else:
            return None
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return True
