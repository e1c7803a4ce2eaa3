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
_CONTENTS = {
    20: ("切换加密", "change cipher"),
    21: ("警报", "alert"),
    22: ("握手", "handshake"),
    23: ("应用数据", "application data"),
}

Words = tuple[str, str]  # in Chinese and in English


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
    """Return source, destination, protocol, words in both languages and the layers' names of a dissected packet."""
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
    words = [pair for pair in map(_words, layers) if pair is not None]
    if len(internet) > 1:
        outer = internet[0]
        words.append((f"在从 {outer.src} 到 {outer.dst} 的隧道中", f"in a tunnel from {outer.src} to {outer.dst}"))
    return {
        "source": ends[0][:_LINE],
        "destination": ends[1][:_LINE],
        "protocol": _protocol(names),
        "words": "; ".join(en for _, en in words)[:_LINE],
        "words_chinese": "；".join(zh for zh, _ in words)[:_LINE],
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


def _words(layer: Any) -> Words | None:
    """What one layer says; nothing for those that only carry others."""
    name = type(layer).__name__
    if name == "TCP":
        flags = " ".join(_FLAGS.get(letter, letter) for letter in str(layer.flags))
        zh, en = _size(len(layer.payload))
        return f"{flags or '无标志'}，序号 {layer.seq}，{zh}", f"{flags or 'no flags'}, sequence {layer.seq}, {en}"
    if name == "UDP":
        return _size(len(layer.payload))
    if name == "DNS":
        return _dns(layer)
    if name == "ARP":
        return _arp(layer)
    if name == "ICMP":
        kind = layer.sprintf("%ICMP.type%")
        zh, en = _size(len(layer.payload))
        return f"{kind}，代码 {layer.code}，{zh}", f"{kind}, code {layer.code}, {en}"
    if name.startswith("ICMPv6"):
        return _both(str(layer.name))
    if name == "Dot1Q":
        return _both(f"VLAN {layer.vlan}")
    if name == "DHCP":
        kinds = [option[1] for option in layer.options if isinstance(option, tuple) and option[0] == "message-type"]
        return (f"消息类型 {kinds[0]}", f"message type {kinds[0]}") if kinds else None
    return _payload(bytes(layer.load)) if name == "Raw" else None


def _both(text: str) -> Words:
    return text, text


def _size(size: int) -> Words:
    return f"{size} 字节", f"{size} byte{'' if size == 1 else 's'}"


def _arp(layer: Any) -> Words:
    if layer.op == 1:
        return f"谁有 {layer.pdst}？", f"who has {layer.pdst}?"
    return f"{layer.psrc} 位于 {layer.hwsrc}", f"{layer.psrc} is at {layer.hwsrc}"


def _dns(layer: Any) -> Words:
    question = layer.qd[0] if layer.qd else None
    zh, en = "空", "nothing"
    if question is not None:
        zh, en = _both(f"{question.sprintf('%qtype%')} {_name(question.qname)}")
    if not layer.qr:
        return f"查询 {zh}", f"asks {en}"
    answers = [_answer(record) for record in list(layer.an or [])[:8]]
    code = layer.sprintf("%DNS.rcode%")
    return f"应答 {zh}：{'、'.join(answers) or code}", f"answers {en}: {', '.join(answers) or code}"


def _answer(record: Any) -> str:
    data = getattr(record, "rdata", None)
    if isinstance(data, list):
        data = b"".join(item for item in data if isinstance(item, bytes))
    if data is None:
        return str(record.sprintf("%type%"))
    return _name(data) if isinstance(data, bytes) else str(data)


def _name(text: bytes | str) -> str:
    return text.decode("utf-8", "backslashreplace").rstrip(".") if isinstance(text, bytes) else str(text)


def _payload(content: bytes) -> Words | None:
    """Tell the first line of a text protocol, or what kind of TLS record begins here."""
    if content.startswith(_FIRST_LINES):
        line = content[:300].split(b"\r\n", 1)[0].split(b"\n", 1)[0].decode("latin-1")
        return _both("".join(letter if letter in string.printable else f"\\x{ord(letter):02x}" for letter in line))
    if len(content) > 5 and content[0] in _CONTENTS and content[1] == 3 and content[2] <= 4:
        kind = _HELLOS.get(content[5], "") if content[0] == 22 else ""
        zh, en = _CONTENTS[content[0]]
        return f"TLS {zh} {kind}".rstrip(), f"TLS {en} {kind}".rstrip()
    return None
