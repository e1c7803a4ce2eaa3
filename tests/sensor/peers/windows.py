"""Facts on SMB, NTLM, Kerberos and LDAP, from our rows and from tshark's packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.sensor.peers.connections import Facts
from tests.sensor.peers.internet import ends, sent
from tests.sensor.peers.tshark import Packet
from tests.sensor.reading import Reading

# [MS-CIFS] 2.2.2.1; reads, writes and closes make no rows.
_SMB1 = {0x71: "TREE_DISCONNECT", 0x72: "NEGOTIATE", 0x73: "SESSION_SETUP", 0x75: "TREE_CONNECT", 0xA2: "CREATE"}
_STATUS = {0: "STATUS_SUCCESS", 0xC0000016: "STATUS_MORE_PROCESSING_REQUIRED"}  # [MS-ERREF] 2.3.1
_TICKETS = {23: "rc4-hmac", 18: "aes256-cts-hmac-sha1-96"}  # IANA, Kerberos Encryption Type Numbers
_REPLIES = {11: "AS", 13: "TGS"}
_OPERATIONS = {0: "bind", 3: "search"}


def our_smb(reading: Reading) -> Facts:
    """Each SMB command that is answered: status, share, file."""
    facts: Facts = Counter()
    for row in reading.smb:
        tree = row["tree"] if row["command"] in ("TREE_CONNECT", "CREATE") else ""
        facts[f"{ends(row)}: {row['multiplex_id']} {row['command']} {row['status']} {tree} {row['name']}".rstrip()] += 1
    return facts


def their_smb(packets: Sequence[Packet]) -> Facts:
    """The same from tshark's answers."""
    facts: Facts = Counter()
    for packet in packets:
        command = packet.number("smb.cmd")
        if packet.first("smb.flags.response") != "1" or command not in _SMB1 or not packet.first("tcp.stream"):
            continue
        status = _STATUS[packet.number("smb.nt_status")]
        tree = packet.first("smb.path") if command in (0x75, 0xA2) else ""
        text = f"{packet.number('smb.mid')} {_SMB1[command]} {status} {tree} {packet.first('smb.file')}"
        facts[f"{sent(packet, False)}: {text}".rstrip()] += 1
    return facts


def our_ntlm(reading: Reading) -> Facts:
    """Each log-in by NTLM: user, domain, workstation."""
    return Counter(f"{ends(row)}: {row['user']} {row['domain']} {row['workstation']}" for row in reading.ntlm)


def their_ntlm(packets: Sequence[Packet]) -> Facts:
    """The same from tshark, which writes NULL for what is empty."""
    facts: Facts = Counter()
    for packet in packets:
        if packet.number("ntlmssp.messagetype") == 3:
            values = [packet.first(f"ntlmssp.auth.{name}") for name in ("username", "domain", "hostname")]
            facts[f"{sent(packet, True)}: {' '.join('' if value == 'NULL' else value for value in values)}"] += 1
    return facts


def our_kerberos(reading: Reading) -> Facts:
    """Each ticket that was given: to whom, for what, how encrypted."""
    return Counter(
        f"{ends(row)}: {row['request_type']} {row['client']} {row['realm']} {row['service']} "
        f"{row['ticket_encryption']} {row['reply_encryption']}"
        for row in reading.kerberos
        if row["succeeded"]
    )


def their_kerberos(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    facts: Facts = Counter()
    for packet in packets:
        kind = packet.number("kerberos.msg_type")
        if kind in _REPLIES:
            client, service = packet.first("kerberos.CNameString"), "/".join(packet.all("kerberos.SNameString"))
            ticket, reply = (_TICKETS[int(number)] for number in packet.all("kerberos.etype"))
            text = f"{_REPLIES[kind]} {client} {packet.first('kerberos.realm')} {service} {ticket} {reply}"
            facts[f"{sent(packet, False)}: {text}"] += 1
    return facts


def our_ldap(reading: Reading) -> Facts:
    """Each LDAP request: number, operation, object."""
    return Counter(
        f"{ends(row)}: {row['message_id']} {row['operation']} {row['name']}".rstrip() for row in reading.ldap
    )


def their_ldap(packets: Sequence[Packet]) -> Facts:
    """The same from tshark."""
    return Counter(_their_ldap(packets))


def _their_ldap(packets: Sequence[Packet]) -> Iterator[str]:
    for packet in packets:
        numbers = zip(packet.all("ldap.protocolOp"), packet.all("ldap.messageID"), strict=True)
        for operation, number in numbers:
            if int(operation) in _OPERATIONS:
                what = packet.first("ldap.baseObject") if int(operation) == 3 else packet.first("ldap.name")
                yield f"{sent(packet, True)}: {number} {_OPERATIONS[int(operation)]} {what}".rstrip()
