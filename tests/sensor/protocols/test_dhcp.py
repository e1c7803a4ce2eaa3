"""DHCP, with options in the fields of names, relays, and the real exchange as tshark tells it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from secwatch.sensor.protocols import dhcp
from secwatch.sensor.protocols.row import Malformed
from tests.sensor.protocols.wire import datagrams


def message(
    options: bytes, *, operation: int = 1, name: bytes = b"", file: bytes = b"", addresses: bytes = bytes(16)
) -> bytes:
    """A DHCP message from 02:00:00:00:00:07."""
    head = struct.pack(">BBBBIHH", operation, 1, 6, 0, 0xC0FFEE, 0, 0) + addresses
    hardware = bytes.fromhex("020000000007").ljust(16, b"\0")
    return head + hardware + name.ljust(64, b"\0") + file.ljust(128, b"\0") + b"\x63\x82\x53\x63" + options


def option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def known(data: bytes) -> dict[str, Any]:
    """What is known of a message."""
    values = next(iter(dhcp.parse(data, b""))).values
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def test_a_request_through_a_relay() -> None:
    options = option(53, b"\3") + option(50, bytes([10, 1, 2, 3])) + option(12, b"pc-7\0") + option(55, b"\1\3\6")
    options += option(60, b"MSFT 5.0") + option(81, b"\0\0\0pc-7.city.example") + b"\xff"
    assert known(message(options, addresses=bytes(12) + bytes([10, 1, 2, 1]))) == {
        "message_type": "REQUEST", "transaction_id": 0xC0FFEE, "client_hardware": "02:00:00:00:00:07",
        "requested_address": "10.1.2.3", "relay_address": "10.1.2.1", "host_name": "pc-7",
        "client_fqdn": "pc-7.city.example", "vendor_class": "MSFT 5.0", "parameters": [1, 3, 6],
    }  # fmt: skip


def test_options_in_the_other_fields_and_in_parts() -> None:
    options = option(53, b"\5") + option(52, b"\3") + option(15, b"city.") + b"\0\xff" + option(12, b"hidden")
    name = option(54, bytes([10, 1, 2, 9])) + b"\xff"
    file = option(15, b"example") + option(3, bytes([10, 1, 2, 1])) + option(51, struct.pack(">I", 900)) + b"\xff"
    found = known(message(options, operation=2, name=name, file=file))
    assert found["message_type"] == "ACK"
    assert found["domain"] == "city.example"
    assert found["server_identifier"] == "10.1.2.9"
    assert found["routers"] == ["10.1.2.1"]
    assert found["lease_seconds"] == 900
    assert "host_name" not in found


def test_a_name_in_labels_and_a_lease_of_the_wrong_length() -> None:
    found = known(message(option(81, b"\4\0\0\4pc-7\4city\0") + option(51, b"\1") + option(53, b"\x63")))
    assert found["client_fqdn"] == "pc-7.city"
    assert found["message_type"] == "TYPE99"
    assert "lease_seconds" not in found


@pytest.mark.parametrize("bad", [b"x", message(b"")[:239], b"\3" + message(b"")[1:], bytes(300)])
def test_what_is_not_dhcp(bad: bytes) -> None:
    with pytest.raises(Malformed):
        dhcp.parse(bad, b"")


def test_a_real_exchange(captures: Path) -> None:
    messages = [data for source, to, data in datagrams(captures / "zeek__dhcp_dhcp.pcap") if {source, to} & {67, 68}]
    rows = [known(data) for data in messages]
    assert [row["message_type"] for row in rows] == [
        "DISCOVER", "OFFER", "REQUEST", "NAK", "REQUEST", "ACK", "DECLINE", "RELEASE", "INFORM",
    ]  # fmt: skip
    assert rows[5] == {
        "message_type": "ACK", "transaction_id": 0x7C0, "client_hardware": "90:b1:1c:99:49:29",
        "assigned_address": "128.2.6.189", "server_identifier": "128.2.6.152", "routers": ["128.2.6.1"],
        "name_servers": ["128.2.1.11", "128.2.1.10"], "domain": "cmu.edu", "vendor_class": "ArubaAP",
        "lease_seconds": 900,
    }  # fmt: skip
    assert rows[0]["host_name"] == "btest.is.cool"
    assert rows[3]["message"] == "requested address not available"
