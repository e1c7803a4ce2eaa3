"""Packets in words, for the process that imports scapy: works on what scapy dissected, imports nothing of it."""

from __future__ import annotations

import string
from typing import Any

_MOST_LAYERS = 32
_DETAIL_LINES = 400
_LINE = 400  # characters
_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"}
_FIRST_LINES = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"HTTP/1.", b"SSH-")
_HELLOS = {1: "ClientHello", 2: "ServerHello", 11: "Certificate"}
_CONTENTS = {20: "change cipher", 21: "alert", 22: "handshake", 23: "application data"}


def layers_of(packet: Any) -> list[Any]:
    """Return the layers from the outside in, without what an ICMP error quotes."""
    found: list[Any] = []
    layer = packet
    while layer is not None and type(layer).__name__ != "NoPayload" and len(found) < _MOST_LAYERS:
        if type(layer).__name__.endswith("error"):
            break
        found.append(layer)
        layer = layer.payload
    return found


def row_of(packet: Any) -> dict[str, Any]:
    """Return source, destination, protocol, words and the layers' names of a dissected packet."""
    layers = layers_of(packet)
    names = [type(layer).__name__ for layer in layers]
    internet = [layer for layer in layers if type(layer).__name__ in ("IP", "IPv6")]
    ports = next((layer for layer in reversed(layers) if type(layer).__name__ in ("TCP", "UDP", "SCTP")), None)
    if internet:
        ends = _end(internet[-1].src, ports and ports.sport), _end(internet[-1].dst, ports and ports.dport)
    elif "ARP" in names:
        arp = layers[names.index("ARP")]
        ends = str(arp.psrc), str(arp.pdst)
    else:
        ends = str(getattr(packet, "src", "")), str(getattr(packet, "dst", ""))
    words = [text for text in map(_words, layers) if text]
    if len(internet) > 1:
        outer = internet[0]
        words.append(f"in a tunnel from {outer.src} to {outer.dst}")
    return {
        "source": ends[0][:_LINE],
        "destination": ends[1][:_LINE],
        "protocol": _protocol(names),
        "words": "; ".join(words)[:_LINE],
        "layers": names,
    }


def detail_of(packet: Any) -> list[str]:
    """Return every field of every layer, as scapy shows it, in bounded lines."""
    lines = str(packet.show(dump=True)).splitlines()
    cut = ["…"] if len(lines) > _DETAIL_LINES else []
    return [line[:_LINE] for line in lines[:_DETAIL_LINES]] + cut


def _end(address: object, port: object) -> str:
    text = str(address)
    if port is None:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def _protocol(names: list[str]) -> str:
    for name in ("DNS", "DHCP", "NTPHeader", "ARP", "TCP", "UDP", "SCTP", "ICMP"):
        if name in names:
            return {"NTPHeader": "NTP"}.get(name, name)
    if any(name.startswith("ICMPv6") for name in names):
        return "ICMPv6"
    known = [name for name in names if name not in ("Raw", "Padding")]
    return known[-1] if known else "?"


def _words(layer: Any) -> str:
    """What one layer says; nothing for those that only carry others."""
    name = type(layer).__name__
    if name == "TCP":
        flags = " ".join(_FLAGS.get(letter, letter) for letter in str(layer.flags))
        return f"{flags or 'no flags'}, sequence {layer.seq}, {_size(len(layer.payload))}"
    if name == "UDP":
        return _size(len(layer.payload))
    if name == "DNS":
        return _dns(layer)
    if name == "ARP":
        return f"who has {layer.pdst}?" if layer.op == 1 else f"{layer.psrc} is at {layer.hwsrc}"
    if name == "ICMP":
        return f"{layer.sprintf('%ICMP.type%')}, code {layer.code}, {_size(len(layer.payload))}"
    if name.startswith("ICMPv6"):
        return str(layer.name)
    if name == "Dot1Q":
        return f"VLAN {layer.vlan}"
    if name == "DHCP":
        kinds = [option[1] for option in layer.options if isinstance(option, tuple) and option[0] == "message-type"]
        return f"message type {kinds[0]}" if kinds else ""
    return _payload(bytes(layer.load)) if name == "Raw" else ""


def _size(size: int) -> str:
    return f"{size} byte{'' if size == 1 else 's'}"


def _dns(layer: Any) -> str:
    question = layer.qd[0] if layer.qd else None
    asked = "nothing"
    if question is not None:
        asked = f"{question.sprintf('%qtype%')} {_name(question.qname)}"
    if not layer.qr:
        return f"asks {asked}"
    answers = [_answer(record) for record in list(layer.an or [])[:8]]
    code = layer.sprintf("%DNS.rcode%")
    return f"answers {asked}: {', '.join(answers) or code}"


def _answer(record: Any) -> str:
    data = getattr(record, "rdata", None)
    if isinstance(data, list):
        data = b"".join(item for item in data if isinstance(item, bytes))
    if data is None:
        return str(record.sprintf("%type%"))
    return _name(data) if isinstance(data, bytes) else str(data)


def _name(text: bytes | str) -> str:
    return text.decode("utf-8", "backslashreplace").rstrip(".") if isinstance(text, bytes) else str(text)


def _payload(content: bytes) -> str:
    """Tell the first line of a text protocol, or what kind of TLS record begins here."""
    if content.startswith(_FIRST_LINES):
        line = content[:300].split(b"\r\n", 1)[0].split(b"\n", 1)[0].decode("latin-1")
        return "".join(letter if letter in string.printable else f"\\x{ord(letter):02x}" for letter in line)
    if len(content) > 5 and content[0] in _CONTENTS and content[1] == 3 and content[2] <= 4:
        kind = _HELLOS.get(content[5], "") if content[0] == 22 else ""
        return f"TLS {_CONTENTS[content[0]]} {kind}".rstrip()
    return ""
