"""The filter of an LDAP search as text, RFC 4515."""

from __future__ import annotations

from secwatch.sensor.protocols.ber import Element
from secwatch.sensor.protocols.octets import LONGEST_TEXT, bounded
from secwatch.sensor.protocols.row import Malformed

_DEEPEST = 32
_COMPARISONS = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "~="}
_AND, _OR, _NOT, _SUBSTRINGS, _PRESENT, _EXTENSIBLE = 0xA0, 0xA1, 0xA2, 0xA4, 0x87, 0xA9
_SPECIAL = str.maketrans({"*": r"\2a", "(": r"\28", ")": r"\29", "\\": r"\5c", "\0": r"\00"})


def filter_text(element: Element) -> str:
    """Return the filter, at most LONGEST_TEXT bytes. Raise Malformed if it is none or nests too deeply."""
    pieces: list[str] = []
    _write(element, pieces, [LONGEST_TEXT], 0)
    return bounded("".join(pieces))


def _put(pieces: list[str], room: list[int], text: str) -> None:
    """Add a piece while there is room for it."""
    if room[0] > 0:
        pieces.append(text)
        room[0] -= len(text)


def _write(element: Element, pieces: list[str], room: list[int], depth: int) -> None:
    """Write one filter and those within it; stop writing, but not reading, when there is no room."""
    if depth > _DEEPEST:
        raise Malformed
    if room[0] <= 0:
        return
    _put(pieces, room, "(")
    if element.tag in (_AND, _OR, _NOT):
        _put(pieces, room, {_AND: "&", _OR: "|", _NOT: "!"}[element.tag])
        for part in element.parts():
            _write(part, pieces, room, depth + 1)
    elif element.tag == _PRESENT:
        _put(pieces, room, element.text() + "=*")
    elif element.tag in _COMPARISONS:
        _put(pieces, room, _comparison(element.parts(), _COMPARISONS[element.tag]))
    elif element.tag == _SUBSTRINGS:
        _put(pieces, room, _substrings(element.parts()))
    elif element.tag == _EXTENSIBLE:
        _put(pieces, room, _extensible(element.parts()))
    else:
        raise Malformed
    _put(pieces, room, ")")


def _value(element: Element) -> str:
    """Return an assertion value with its special characters escaped; bytes that are no text in hexadecimal."""
    contents = element.contents[:LONGEST_TEXT]
    try:
        text = contents.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"\\{octet:02x}" for octet in contents)
    if text.isprintable():
        return text.translate(_SPECIAL)
    return "".join(f"\\{octet:02x}" for octet in contents)


def _comparison(parts: list[Element], sign: str) -> str:
    if len(parts) < 2:
        raise Malformed
    return f"{parts[0].text()}{sign}{_value(parts[1])}"


def _substrings(parts: list[Element]) -> str:
    if len(parts) < 2:
        raise Malformed
    text, ended = "", False
    for part in parts[1].parts()[:64]:
        if part.tag == 0x80:
            text = _value(part)
        else:
            text += "*" + _value(part)
            ended = part.tag == 0x82
    return f"{parts[0].text()}={text}{'' if ended else '*'}"


def _extensible(parts: list[Element]) -> str:
    named = {part.tag: part for part in parts}
    attribute = named[0x82].text() if 0x82 in named else ""
    names = ":dn" if 0x84 in named and any(named[0x84].contents) else ""
    rule = f":{named[0x81].text()}" if 0x81 in named else ""
    return f"{attribute}{names}{rule}:={_value(named[0x83]) if 0x83 in named else ''}"
