"""The part of an event that is computed once per distinct content: JA3 and JA4 fingerprints.

The kernels write the texts that are hashed; here they become fingerprints, with a bounded memory
of the ones seen before (clients repeat themselves).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable

import numpy as np

from secwatch.core.columns import TextColumn

_REMEMBERED = 16384


class Fingerprints:
    """JA3 and JA4 of ClientHellos, remembering those computed before."""

    def __init__(self) -> None:
        self._ja3: dict[bytes, bytes] = {}
        self._ja4: dict[bytes, bytes] = {}

    def ja3(self, texts: TextColumn) -> TextColumn:
        """Return the MD5 of every JA3 text in hexadecimal, as github.com/salesforce/ja3 defines it."""
        return _map(texts, _ja3_of, self._ja3)

    def ja4(self, texts: TextColumn) -> TextColumn:
        """Return the JA4 of every text `t13d1516h2|ciphers|extensions_signatures`.

        See technical_details/JA4.md in github.com/FoxIO-LLC/ja4 (BSD-3-Clause).
        """
        return _map(texts, _ja4_of, self._ja4)


def _map(texts: TextColumn, compute: Callable[[bytes], bytes], known: dict[bytes, bytes]) -> TextColumn:
    data = texts.data.tobytes()
    bounds = texts.offsets.tolist()
    results = []
    for start, end in itertools.pairwise(bounds):
        text = data[start:end]
        result = known.get(text)
        if result is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            result = known[text] = compute(text) if text else b""
        results.append(result)
    offsets = np.zeros(len(results) + 1, np.int32)
    np.cumsum([len(result) for result in results], out=offsets[1:])
    return TextColumn(offsets, np.frombuffer(bytearray(b"".join(results)), np.uint8))


def _ja3_of(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()


def _ja4_of(text: bytes) -> bytes:
    head, ciphers, extensions = text.split(b"|")
    return b"_".join((head, _short_hash(ciphers), _short_hash(extensions)))


def _short_hash(text: bytes) -> bytes:
    if not text or text.startswith(b"_"):
        return b"0" * 12 if not text else hashlib.sha256(text).hexdigest()[:12].encode()
    return hashlib.sha256(text).hexdigest()[:12].encode()
