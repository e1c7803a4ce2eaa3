"""Constructs of YARA rules under which boreal 1.4.0 was seen to answer otherwise than yara-python.

Found by comparing both on a public pack over real files (1 of 5,921 differed) and by 1.2 million random pairs of rule
and content. A book that holds one of them is scanned with yara-python: what is called clean must be clean.
The text is looked at roughly, and rather too much is found than too little.
"""

from __future__ import annotations

import re

_MODIFIERS = r"[ \t\w()\-\"]*"
_REGEX = re.compile(rf"=\s*/(?P<body>(?:[^/\\\r\n]|\\.)+)/[is]*(?P<modifiers>{_MODIFIERS})")
_ENDING = re.compile(r"(?<!\\)(\\\\)*(\$|\\B)$")
_HEX = re.compile(r"=\s*\{(?P<body>[^{}]*)\}")
_GROUP = re.compile(r"\([^()]*\)")


def difference(text: str) -> str | None:
    """Return in words the first construct in a rule file on which the engines differ, None if there is none."""
    for found in _REGEX.finditer(text):
        # Borders of words are judged by the byte in one, by the wide letter in the other; and which of several
        # possible lengths must lie between them differs too.
        if re.search(r"\bfullword\b", found["modifiers"]):
            return "a regular expression with fullword"
        # `$` and `\B` may match nothing at all at the end of the content: only boreal calls that a match.
        if _ENDING.search(found["body"]):
            return r"a regular expression that ends in $ or \B"
    for found in _HEX.finditer(text):
        body = found["body"]
        if any("?" in group and "|" in group for group in _GROUP.findall(body)) or (
            "?" in body and re.search(r"\([^)]*\(", body)
        ):
            return "alternatives with unknown nibbles in a hexadecimal string"
    return None
