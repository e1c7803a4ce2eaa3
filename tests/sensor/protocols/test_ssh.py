"""SSH: fingerprints as their inventors compute them, and log-ins judged as the servers themselves logged them."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from secwatch.sensor.protocols import ssh
from secwatch.sensor.protocols.row import Malformed
from secwatch.sensor.protocols.ssh_logins import Lengths, Verdict, judge
from tests.sensor.protocols.wire import ssh_records, streams

CHACHA = (b"chacha20-poly1305@openssh.com", b"hmac-sha1")
GCM = (b"aes128-gcm@openssh.com", b"hmac-sha1")
ETM = (b"aes256-ctr", b"hmac-sha2-256-etm@openssh.com")
PLAIN = (b"aes128-ctr", b"hmac-sha2-256")
CBC = (b"aes128-cbc", b"umac-64@openssh.com")
OPENSSH, PARAMIKO = "SSH-2.0-OpenSSH_9.2p1 Debian-2", "SSH-2.0-paramiko_5.1.0"
# Sizes that a packet capture showed between OpenSSH 9.2 (or Paramiko 5.1) and an OpenSSH 9.2 server, and what
# the server's own log said. Negative: from the server.
SESSIONS = [
    (CHACHA, OPENSSH, "-316 44 -44 60 -76 140 -100 308 -28 112 -248 -176 112", "success", 1),
    (CHACHA, OPENSSH, "-316 44 -44 60 -76 140 -76", "failure", 1),
    (CHACHA, OPENSSH, "-316 44 -44 60 -76 140 -76 500 -460 988 -28 112 -248", "success", 2),
    (GCM, OPENSSH, "-324 52 -52 68 -84 148 -100 308 -36 120 -380 -52 120", "success", 1),
    (GCM, OPENSSH, "-324 52 -52 68 -84 148 -84", "failure", 1),
    (ETM, OPENSSH, "-340 68 -68 84 -100 164 -116 324 -52 152 -280 -216", "success", 1),
    (ETM, OPENSSH, "-340 68 -68 84 -200 164 -100", "failure", 1),  # a banner shares the first answer's segment
    (CBC, OPENSSH, "-312 40 -40 56 -72 136 -88 296 -24 112 -224 -160", "success", 1),
    (PLAIN, PARAMIKO, "-336 64 -64 96 -96", "failure", 1),
    (PLAIN, PARAMIKO, "-336 64 -64 96 -96 64 -64 96 -96 64 -64 96 -96", "failure", 3),
    (PLAIN, PARAMIKO, "-336 64 -64 96 -192 64 -64 96 -96 64 -64 96 -96", "failure", 3),  # a banner, too
    (PLAIN, PARAMIKO, "-336 64 -64 240 -48 80 -272 -64 64 -112 48 -176 48", "success", 1),
]
UNKNOWN = [
    (PLAIN, PARAMIKO, "-336 64 -64 240 -144 80 -272 -64 64 -112 48 -176 48"),  # banner and success in one segment
    (CHACHA, OPENSSH, "-316 44 -44 60 -76"),  # the client left when it had heard which methods there are
    (CHACHA, OPENSSH, "-316 44"),
    (CHACHA, OPENSSH, "60 -76 140 -76"),  # the beginning was not captured
    (CHACHA, OPENSSH, "-316 44 -44 60 -76" + " 140 -200" * 40),
    (CHACHA, OPENSSH, ""),
]


def sizes(text: str) -> list[tuple[bool, int]]:
    """(from the server?, bytes) of numbers, negative ones from the server."""
    return [(number < 0, abs(number)) for number in map(int, text.split())][:64]


def record(kind: int, content: bytes) -> bytes:
    """A record as the kernel writes it."""
    return struct.pack(">BH", kind, len(content)) + content


def kexinit(*lists: bytes) -> bytes:
    """SSH_MSG_KEXINIT with these eight lists."""
    return b"\x14" + bytes(16) + b"".join(struct.pack(">I", len(names)) + names for names in lists) + bytes(4)


CLIENT = kexinit(b"kex-a,kex-b,ext-info-c", b"ed,rsa", b"aes128-ctr", b"aes256-ctr", b"hmac-sha2-256", b"mac-s", b"none", b"no,zlib")  # fmt: skip  # noqa: E501
SERVER = kexinit(b"kex-b,kex-a", b"rsa", b"aes128-ctr", b"x,aes256-ctr", b"hmac-sha2-256", b"mac-s", b"none", b"zlib")


@pytest.mark.parametrize(("agreed", "client", "seen", "outcome", "attempts"), SESSIONS)
def test_what_the_servers_log_said(
    agreed: tuple[bytes, bytes], client: str, seen: str, outcome: str, attempts: int
) -> None:
    assert judge(sizes(seen), Lengths(*agreed), client) == Verdict(outcome, attempts)


@pytest.mark.parametrize(("agreed", "client", "seen"), UNKNOWN)
def test_nobody_can_tell(agreed: tuple[bytes, bytes], client: str, seen: str) -> None:
    assert judge(sizes(seen), Lengths(*agreed), client).outcome == "unknown"


def test_an_unknown_mac_is_judged_by_differences() -> None:
    lengths = Lengths(b"aes128-ctr", b"mac-of-the-future")
    assert lengths.of(17) is None
    assert judge(sizes("70 -60 90 -80 140 -80"), lengths, OPENSSH) == Verdict("failure", 1)
    assert judge(sizes("70 -60 90 -80 140 -44"), lengths, OPENSSH) == Verdict("success", 1)


def test_fingerprints_and_what_was_agreed_on() -> None:
    blob = record(1, b"SSH-2.0-Client_1\r\n") + record(2, b"SSH-2.0-Server") + record(3, CLIENT) + record(4, SERVER)
    values = next(iter(ssh.parse(blob, b""))).values
    assert values["client"] == "SSH-2.0-Client_1"
    assert values["server"] == "SSH-2.0-Server"
    assert values["hassh"] == "4d4f59ce402a847b1b4181f955ea66e5"  # md5sum of the four lists
    assert values["hassh_server"] == "289e834c2c0ac5b13fa4d363587a1ea2"
    assert (values["key_exchange"], values["host_key"], values["cipher"]) == ("kex-a", "rsa", "aes128-ctr")
    assert (values["authentication"], values["attempts"]) == ("unknown", None)


def test_half_a_connection_is_a_row_and_nonsense_is_malformed() -> None:
    values = next(iter(ssh.parse(record(2, b"SSH-2.0-Only\x1b[31m") + record(4, SERVER[:-9]), b""))).values
    assert values["server"] == "SSH-2.0-Only\\x1b[31m"
    assert not values["hassh_server"]
    with pytest.raises(Malformed):
        ssh.parse(record(3, b"\x15" + CLIENT[1:]), b"")


def test_real_guessing_is_failure_as_zeek_judges(captures: Path) -> None:
    rows = [
        next(iter(ssh.parse(ssh_records(stream), b""))).values
        for stream in streams(captures / "zeek__ssh_sshguess.pcap")
    ]
    assert Counter(row["authentication"] for row in rows) == {"failure": 11}
    assert sorted(row["attempts"] for row in rows if isinstance(row["attempts"], int)) == [2] * 7 + [3] * 2 + [4] * 2
    assert {row["client"] for row in rows} == {"SSH-2.0-OpenSSH_6.2"}


def test_hassh_as_suricata_says(captures: Path, manifest: Sequence[Mapping[str, Any]]) -> None:
    name = "suricata-verify__ssh-hassh_input.pcap"
    facts = next(entry["peer_facts"]["test_yaml"] for entry in manifest if entry["file"] == name)
    stream = next(stream for stream in streams(captures / name) if stream.server[1] == 22)
    values = next(iter(ssh.parse(ssh_records(stream), b""))).values
    assert f'ssh.client.hassh.hash: "{values["hassh"]}"' in facts
    assert f'ssh.server.hassh.hash: "{values["hassh_server"]}"' in facts
    assert (values["authentication"], values["attempts"]) == ("unknown", 0)
