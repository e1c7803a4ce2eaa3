"""Which licence a text is: known by sentences that only that licence has."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Identifiers of the SPDX licence list; the texts are those of the licences themselves.
_SENTENCES = (
    ("DRL-1.1", r"Detection Rule License \(DRL\) 1\.1"),
    ("DRL-1.0", r"Detection Rule License \(DRL\) 1\.0"),
    ("Elastic-2.0", r"Elastic License 2\.0"),
    ("AGPL-3.0", r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3"),
    ("LGPL-3.0", r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3"),
    ("GPL-3.0", r"GNU GENERAL PUBLIC LICENSE\s+Version 3"),
    ("GPL-2.0", r"GNU GENERAL PUBLIC LICENSE\s+Version 2"),
    ("Apache-2.0", r"Apache License,?\s+Version 2\.0"),
    ("MPL-2.0", r"Mozilla Public License,? (Version|v\.) 2\.0"),
    ("CC0-1.0", r"CC0 1\.0 Universal"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("BSD-3-Clause", r"Redistribution and use in source and binary forms(.|\n)*Neither the name"),
    ("BSD-2-Clause", r"Redistribution and use in source and binary forms"),
    ("Unlicense", r"This is free and unencumbered software released into the public domain"),
)
_HEAD_BYTES = 64 << 10


def guess(texts: Iterable[bytes]) -> str:
    """Return the identifiers of the licences in these texts, separated by commas; empty if none is known."""
    found = []
    for raw in texts:
        text = raw[:_HEAD_BYTES].decode("utf-8", "replace")
        found.append(next((name for name, sentence in _SENTENCES if re.search(sentence, text, re.IGNORECASE)), ""))
    return ", ".join(dict.fromkeys(filter(None, found)))
