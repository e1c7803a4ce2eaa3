"""tshark sees the same Windows messages in the captures of the tests: as many, of the same kinds and people."""

from __future__ import annotations

import subprocess
from collections import Counter
from functools import cache

import pytest

from secwatch.sensor.protocols.numbers import kerberos_error, nt_status
from tests.sensor.peers import tshark
from tests.sensor.test_windows import CAPTURES, reading

_LDAP = {0: "bind", 3: "search", 6: "modify", 8: "add", 10: "delete", 12: "rename", 14: "compare", 23: "extended"}
_SMB2 = {0: "NEGOTIATE", 1: "SESSION_SETUP", 3: "TREE_CONNECT", 4: "TREE_DISCONNECT", 5: "CREATE"}
_PENDING = 0x103


@cache
def fields(name: str, display: str, *names: str) -> list[list[list[str]]]:
    """The values of fields, packet by packet, of the packets that a filter shows."""
    assert tshark.version()
    command = ["tshark", "-n", "-r", str(CAPTURES / f"windows-{name}.pcap.zst"), "-Y", display, "-T", "fields"]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE", "-E", "aggregator=\x1f"]
    for field in names:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [[value.split("\x1f") if value else [] for value in line.split("\t")] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["smb1", "smb2", "attacks", "ldap"])
def test_log_ins_of_ntlm(name: str) -> None:
    theirs: Counter[tuple[str, ...]] = Counter()
    shown = ("ntlmssp.auth.username", "ntlmssp.auth.domain", "ntlmssp.auth.hostname")
    for packet in fields(name, "ntlmssp.messagetype == 3", *shown):
        theirs[tuple("" if value[:1] in ([], ["NULL"]) else value[0] for value in packet)] += 1
    ours = Counter((row["user"], row["domain"], row["workstation"]) for row in reading(name).ntlm if row["server"])
    assert ours == theirs and ours


@pytest.mark.parametrize("name", ["kerberos", "ldap", "replication"])
def test_kerberos_replies(name: str) -> None:
    theirs: Counter[str] = Counter()
    for kinds, errors in fields(name, "kerberos", "kerberos.msg_type", "kerberos.error_code"):
        if kinds[:1] == ["30"]:
            theirs[kerberos_error(int(errors[0]))] += 1
        elif kinds[:1] in (["11"], ["13"]):
            theirs["ticket"] += 1
    ours = Counter(row["error"] or "ticket" for row in reading(name).kerberos if row["succeeded"] is not None)
    assert ours == theirs and ours


def test_ldap_operations() -> None:
    theirs: Counter[str] = Counter()
    for operations in fields("ldap", "ldap || cldap", "ldap.protocolOp"):
        theirs.update(_LDAP[int(number)] for number in operations[0] if int(number) in _LDAP)
    ours = Counter(row["operation"] for row in reading("ldap").ldap)
    assert ours == theirs and ours


@pytest.mark.parametrize("name", ["smb2", "attacks"])
def test_answers_of_smb2(name: str) -> None:
    theirs: Counter[tuple[str, str]] = Counter()
    shown = ("smb2.cmd", "smb2.nt_status", "smb2.flags.response")
    for commands, states, responses in fields(name, "smb2.flags.response == 1", *shown):
        assert len(commands) == len(states) == len(responses)
        for command, state in zip(commands, states, strict=True):
            if int(command) in _SMB2 and int(state, 0) != _PENDING:
                theirs[_SMB2[int(command)], nt_status(int(state, 0))] += 1
    ours = Counter(
        (row["command"], row["status"])
        for row in reading(name).smb
        if row["version"] == 2 and row["command"] in _SMB2.values() and row["status"]
    )
    assert ours == theirs and ours


@pytest.mark.parametrize("name", ["smb1", "smb2", "attacks"])
def test_calls(name: str) -> None:
    theirs: Counter[int] = Counter()
    for packet in fields(name, "dcerpc.pkt_type == 0 && dcerpc.cn_flags.first_frag == 1", "dcerpc.opnum"):
        theirs.update(map(int, packet[0]))
    ours = Counter(row["operation_number"] for row in reading(name).dce_rpc if row["message"] == "request")
    assert ours == theirs and ours


def test_users_of_remote_desktop() -> None:
    theirs = Counter(packet[0][0] for packet in fields("rdp", "rdp.rt_cookie", "rdp.rt_cookie"))
    ours = Counter(f"Cookie: mstshash={row['cookie']}" for row in reading("rdp").rdp if row["cookie"])
    assert ours.total() == theirs.total() == 3
