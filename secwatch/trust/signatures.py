"""Signed manifests of rule packs: Ed25519 (RFC 8032) over the hashes of every file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from secwatch.core.errors import Refused, UnreadableInput

MANIFEST, SIGNATURE = "secwatch-pack.json", "secwatch-pack.json.sig"
KEY_SUFFIX = ".pub"
# Signed before the manifest, so that no signature of something else can pass for one of a pack.
_PURPOSE = b"secwatch rule pack manifest 1\n"
_MAX_KEY_BYTES = 4096
_MAX_KEYS = 1000


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a signer says of a pack: its words, and the SHA-256 of every file by relative path."""

    files: dict[str, str]
    version: str = ""
    licence: str = ""
    author: str = ""
    format: int = 1


def manifest_of(files: Mapping[str, bytes], version: str = "", licence: str = "", author: str = "") -> bytes:
    """Return the manifest of these files as it is to be signed and written."""
    return msgspec.json.encode(Manifest(_hashes(files), version, licence, author)) + b"\n"


def new_key(path: Path) -> Path:
    """Write a new private key (mode 0600) and beside it the public one; return the path of that.

    Raise Refused if either is there already, UnreadableInput if they cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_name(path.name + KEY_SUFFIX)
    for target, content, mode in ((path, private, 0o600), (beside, public, 0o644)):
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        except FileExistsError as error:
            raise Refused(f"{target} is there already", "name another file, or move it away") from error
        except OSError as error:
            raise UnreadableInput(f"{target} cannot be written: {error.strerror}", "name another place") from error
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
    return beside


def sign(manifest: bytes, key_file: Path) -> bytes:
    """Return the signature of a manifest by the private key in this file, as it is written. Raise UnreadableInput."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_key_bytes(key_file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnreadableInput(f"{key_file} is no private key without a password", "secwatch rules new-key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnreadableInput(f"{key_file} is no Ed25519 key", "make one with: secwatch rules new-key FILE")
    return base64.b64encode(key.sign(_PURPOSE + manifest)) + b"\n"


def check(files: Mapping[str, bytes], keys: Path) -> tuple[str, Manifest | None]:
    """Return who signed a pack of these files, and what they say; an empty name and None if nobody did.

    keys is the directory of trusted public keys, NAME.pub each. Raise Refused if the signature is by
    no trusted key, or a file is missing, added or another than was signed.
    """
    if MANIFEST not in files and SIGNATURE not in files:
        return "", None
    if MANIFEST not in files or SIGNATURE not in files:
        raise Refused("of manifest and signature the pack has only one", "get the pack anew from its author")
    signer = _signer(files[MANIFEST], files[SIGNATURE], keys)
    try:
        manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Refused(f"the signed manifest cannot be read: {error}", "get the pack anew from its author") from error
    if manifest.format != 1:
        raise Refused(f"the signed manifest has format {manifest.format}", "install a newer secwatch")
    found = _hashes(files)
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            state = "missing" if name not in found else "another" if name in manifest.files else "not signed"
            raise Refused(f"{name!r} is {state}: the pack is not what {signer} signed", "get the pack anew")
    return signer, manifest


def _signer(manifest: bytes, signature: bytes, keys: Path) -> str:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        raw = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("its signature is not in Base64", "get the pack anew from its author") from error
    for path in sorted(keys.glob(f"*{KEY_SUFFIX}"))[:_MAX_KEYS]:
        try:
            key = load_pem_public_key(_key_bytes(path))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UnreadableInput(f"the trusted key {path} cannot be read", "remove it or put it right") from error
        if isinstance(key, Ed25519PublicKey):
            try:
                key.verify(raw, _PURPOSE + manifest)
            except InvalidSignature:
                continue
            return path.name.removesuffix(KEY_SUFFIX)
    raise Refused(
        "its signature is by no key that is trusted here",
        f"compare the author's public key on another way, then put it into {keys} as NAME{KEY_SUFFIX}",
    )


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    own = (MANIFEST, SIGNATURE)
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items()) if name not in own}


def _key_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror}", "name the file of a key") from error
