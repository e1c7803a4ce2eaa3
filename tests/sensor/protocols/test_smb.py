"""SMB of both versions: what a connection names is remembered, calls through pipes and log-ins come out."""

from __future__ import annotations

import struct

import pytest

from secwatch.sensor.protocols.row import Malformed, Row
from secwatch.sensor.protocols.smb import SmbConversation
from tests.sensor.protocols import windows_messages as made

FILE, PIPE = b"F" * 16, b"P" * 16


def exchange(talk: SmbConversation, request: bytes, response: bytes = b"") -> list[Row]:
    """The rows of an exchange of messages, which get their lengths here."""
    return list(talk.parse(made.netbios(request) if request else b"", made.netbios(response) if response else b""))


def connected(share: str) -> SmbConversation:
    """A connection with a tree, number 3."""
    talk = SmbConversation()
    asked = made.smb2(3, made.tree_connect(share))
    (row,) = exchange(talk, asked, made.smb2(3, struct.pack("<HBBIII", 16, 1, 0, 0, 0, 0), response=True))
    assert (row.values["command"], row.values["tree"], row.values["status"]) == (
        "TREE_CONNECT",
        share,
        "STATUS_SUCCESS",
    )
    return talk


def test_a_program_copied_to_admin() -> None:
    """What a copy to ADMIN$ leaves: the share, the name, that it was written and created."""
    talk = connected(r"\\10.0.0.5\ADMIN$")
    asked = made.smb2(5, made.create("PSEXESVC.exe"))
    (row,) = exchange(talk, asked, made.smb2(5, made.created(2, 0, FILE), response=True))
    values = row.values
    assert (values["tree"], values["name"], values["action"]) == (r"\\10.0.0.5\ADMIN$", "PSEXESVC.exe", "created")
    assert values["disposition"] == "overwrite or create"
    assert values["access"] == ["read", "write"]
    assert values["pipe"] is None
    renamed = "svc.exe".encode("utf-16-le")
    body = struct.pack("<HBBIHHI", 33, 1, 10, 20 + len(renamed), 96, 0, 0) + FILE
    body += bytes(16) + struct.pack("<I", len(renamed)) + renamed
    (row,) = exchange(talk, made.smb2(17, body), made.smb2(17, b"\2\0", response=True))
    assert (row.values["action"], row.values["name"], row.values["new_name"]) == ("rename", "PSEXESVC.exe", "svc.exe")


def test_a_file_that_is_asked_after_gives_no_row() -> None:
    talk = connected(r"\\s\share")
    body = struct.pack("<HBBIHHI", 33, 1, 4, 8, 96, 0, 0) + FILE + bytes(40)  # times of a file
    assert exchange(talk, made.smb2(17, body), made.smb2(17, b"\2\0", response=True)) == []


def test_refused_with_its_status() -> None:
    talk = connected(r"\\s\C$")
    (row,) = exchange(talk, made.smb2(5, made.create("x")), made.smb2(5, bytes(9), response=True, status=0xC0000022))
    assert row.values["status"] == "STATUS_ACCESS_DENIED"
    assert "action" not in row.values
    (row,) = exchange(talk, b"", made.smb2(5, bytes(9), response=True, status=0xC0990001))
    assert row.values["status"] == "0xC0990001"


def open_pipe(talk: SmbConversation, name: str) -> None:
    """Open a named pipe."""
    asked = made.smb2(5, made.create(name))
    (row,) = exchange(talk, asked, made.smb2(5, made.created(1, 0, PIPE), response=True))
    assert (row.values["pipe"], row.values["action"]) == (name, "opened")


def transceive(call: bytes, *, response: bool = False) -> bytes:
    """A command that carries a call through the pipe, with its answer in the response."""
    if response:
        return made.smb2(
            11,
            struct.pack("<HHI", 49, 0, 0x11C017) + PIPE + struct.pack("<IIIIII", 112, 0, 112, len(call), 0, 0) + call,
            response=True,
        )
    return made.smb2(
        11,
        struct.pack("<HHI", 57, 0, 0x11C017)
        + PIPE
        + struct.pack("<IIIIIIII", 120, len(call), 0, 0, 0, 4096, 1, 0)
        + call,
    )


def written(call: bytes) -> bytes:
    return made.smb2(9, struct.pack("<HHIQ", 49, 112, len(call), 0) + PIPE + bytes(16) + call)


def test_a_service_made_through_the_pipe_in_one_exchange_or_two() -> None:
    """Windows and Samba call in one exchange, attack tools write and then read: both name the service."""
    stub = bytes(20) + made.text("EVIL") + bytes(4) + made.text("Evil service") + bytes(16) + made.text("C:\\evil.exe")
    for in_one in (True, False):
        talk = connected(r"\\s\IPC$")
        open_pipe(talk, "svcctl")
        if in_one:
            (row,) = exchange(talk, transceive(made.bind(made.SVCCTL)), transceive(made.bind_ack(0), response=True))
            assert row.values["result"] == "accepted"
            calls = exchange(
                talk, transceive(made.request(12, stub)), transceive(made.response(bytes(28)), response=True)
            )
        else:
            exchange(talk, written(made.bind(made.SVCCTL)))
            calls = exchange(talk, written(made.request(12, stub)))
            answer = made.response(bytes(28))
            read = made.smb2(8, struct.pack("<HBBIII", 17, 80, 0, len(answer), 0, 0) + answer, response=True)
            (late,) = exchange(talk, read)
            assert (late.values["message"], late.values["operation"]) == ("response", "RCreateServiceW")
            assert late.values["returned"] == "success"
        (row,) = calls
        assert row.table == "dce_rpc"
        assert (row.values["pipe"], row.values["endpoint"], row.values["operation"]) == (
            "svcctl",
            "svcctl",
            "RCreateServiceW",
        )
        assert row.values["texts"] == ["EVIL", "Evil service", "C:\\evil.exe"]


def test_reading_and_writing_files_gives_no_row() -> None:
    talk = connected(r"\\s\share")
    assert exchange(talk, written(b"MZ" + bytes(100))) == []
    assert exchange(talk, made.smb2(8, struct.pack("<HBBIII", 17, 80, 0, 4, 0, 0) + b"text", response=True)) == []


def test_several_commands_in_one_message() -> None:
    talk = connected(r"\\s\share")
    first = made.smb2(5, made.create("a.txt"))
    first += bytes(-len(first) % 8)
    first = first[:20] + struct.pack("<I", len(first)) + first[24:]
    delete = struct.pack("<HBBIHHI", 33, 1, 13, 1, 96, 0, 0) + b"\xff" * 16 + b"\1"
    reply = made.smb2(5, made.created(1, 9, FILE), response=True)
    reply = reply[:20] + struct.pack("<I", len(reply)) + reply[24:]
    rows = exchange(talk, first + made.smb2(17, delete), reply + made.smb2(17, b"\2\0", response=True))
    assert [(row.values["command"], row.values["name"], row.values["action"]) for row in rows] == [
        ("CREATE", "a.txt", "opened"),
        ("SET_INFO", "a.txt", "delete"),
    ]


@pytest.mark.parametrize(("status", "result"), [(0, "success"), (0xC000006D, "failure"), (None, None)])
def test_a_log_in_by_ntlm(status: int | None, result: str | None) -> None:
    talk = SmbConversation()

    def setup(token: bytes) -> bytes:
        return made.smb2(1, struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(token), 0) + token)

    asked = made.challenge("DC1", "city.test")
    reply = made.smb2(1, struct.pack("<HHHH", 9, 0, 72, len(asked)) + asked, response=True, status=0xC0000016)
    exchange(talk, setup(b"NTLMSSP\0\1\0\0\0"), reply)
    token = made.authenticate("alice", "CITY", "PC7", bytes(60))
    end = made.smb2(1, struct.pack("<HHHH", 9, 0, 72, 0), response=True, status=status) if status is not None else b""
    rows = exchange(talk, setup(token), end)
    values = rows[1].values
    assert rows[1].table == "ntlm"
    assert (values["user"], values["domain"], values["workstation"]) == ("alice", "CITY", "PC7")
    assert (values["server"], values["server_domain"], values["version"]) == ("DC1", "city.test", 2)
    assert values.get("result") == result


def test_a_log_in_of_version_1_without_ntlm_messages() -> None:
    texts = b"".join(text.encode("utf-16-le") + b"\0\0" for text in ("bob", "CITY", "Unix", "Samba"))
    words = struct.pack("<BBHHHHIHHII", 0xFF, 0, 0, 4096, 2, 1, 0, 24, 24, 0, 0xD4)
    asked = made.smb1(0x73, words, bytes(48) + b"\0" + texts)
    rows = exchange(SmbConversation(), asked, made.smb1(0x73, b"", response=True, status=0xC000006A))
    assert [row.table for row in rows] == ["smb", "ntlm"]
    assert (rows[1].values["user"], rows[1].values["domain"], rows[1].values["version"]) == ("bob", "CITY", 1)
    assert (rows[1].values["result"], rows[1].values["status"]) == ("failure", "STATUS_WRONG_PASSWORD")


def test_signs_of_attacks_on_version_1() -> None:
    """A ping of an implant: a SESSION_SETUP of TRANSACTION2 that nothing sends; a scan: PEEK_NMPIPE; huge sizes."""
    talk = SmbConversation()
    words = struct.pack("<HHHHBBHIHHHHHBBH", 15, 0, 1, 0, 0, 0, 0, 0, 0, 15, 66, 0, 78, 1, 0, 14)
    (row,) = exchange(talk, made.smb1(0x32, words, bytes(15)), made.smb1(0x32, b"", response=True, status=0xC0000002))
    assert (row.values["subcommand"], row.values["status"]) == ("SESSION_SETUP", "STATUS_NOT_IMPLEMENTED")
    assert row.values["multiplex_id"] == 65
    words = struct.pack("<HHHHBBHIHHHHHBBHH", 0, 0, 65535, 65535, 0, 0, 0, 0, 0, 0, 66, 0, 78, 2, 0, 0x23, 0)
    name = "\\PIPE\\".encode("utf-16-le") + b"\0\0"
    reply = made.smb1(0x25, b"", response=True, status=0xC0000205)
    (row,) = exchange(talk, made.smb1(0x25, words, b"\0" + name), reply)
    assert (row.values["subcommand"], row.values["status"]) == ("PEEK_NMPIPE", "STATUS_INSUFF_SERVER_RESOURCES")
    assert row.values["name"] == "\\PIPE\\"
    words = struct.pack("<BHIIIIIIIIBH", 1, 0, 30, 66512, 30, 0, 30, 75, 976, 104, 1, 0) + b"\0\0"
    (row,) = exchange(talk, made.smb1(0xA0, words[:38] + b"\0\0"))
    assert (row.values["command"], row.values["data_bytes"]) == ("NT_TRANSACT", 66512)


def test_a_file_of_version_1() -> None:
    talk = SmbConversation()
    share = r"\\s\ADMIN$".encode("utf-16-le") + b"\0\0"
    asked = made.smb1(0x75, struct.pack("<BBHHH", 0xFF, 0, 0, 8, 1), b"\0" + share + b"?????\0")
    exchange(talk, asked, made.smb1(0x75, struct.pack("<BBHHHH", 0xFF, 0, 0, 1, 0, 0), b"A:\0", response=True))
    name = "\\evil.exe".encode("utf-16-le")
    words = struct.pack("<BBHBHIIIQIIIIIB", 0xFF, 0, 0, 0, len(name), 0, 0, 0x40000000, 0, 0, 7, 2, 0x1000, 2, 0)
    reply = struct.pack("<BBHBHI", 0xFF, 0, 0, 0, 0x4000, 2) + bytes(44) + struct.pack("<Q", 9) + bytes(5)
    (row,) = exchange(talk, made.smb1(0xA2, words, b"\0" + name + b"\0\0"), made.smb1(0xA2, reply, response=True))
    values = row.values
    assert (values["tree"], values["name"], values["action"]) == (r"\\s\ADMIN$", "\\evil.exe", "created")
    assert (values["disposition"], values["delete_on_close"], values["access"]) == ("create", True, ["write"])


def test_a_negotiation_that_begins_with_version_1() -> None:
    offered = b"\2NT LM 0.12\0\2SMB 2.???\0"
    body = struct.pack("<HHH", 65, 3, 0x311) + bytes(58)
    rows = exchange(SmbConversation(), made.smb1(0x72, b"", offered), made.smb2(0, body, response=True, message=0))
    assert [row.values["version"] for row in rows] == [1, 2]
    assert (rows[1].values["dialect"], rows[1].values["signing"]) == ("3.1.1", "required")


def test_what_is_remembered_is_bounded() -> None:
    talk = connected(r"\\s\IPC$")
    for number in range(500):
        file = struct.pack("<QQ", number, 1)
        exchange(talk, made.smb2(5, made.create("p" * 200)), made.smb2(5, made.created(1, 0, file), response=True))
        exchange(talk, made.smb2(3, made.tree_connect("t" * 2000)), made.smb2(3, bytes(16), response=True, tree=number))
    memory = talk._second._memory
    assert len(memory._files) <= 64 and len(memory._trees) <= 64 and len(memory._pipes) <= 64
    assert max(len(name) for name in memory._trees.values()) <= 260


def test_a_compressed_message_with_a_size_that_overflows() -> None:
    """CVE-2020-0796."""
    (row,) = exchange(SmbConversation(), b"\xfcSMB" + struct.pack("<IHHI", 0xFFFFFFFF, 1, 0, 0x10))
    assert (row.values["command"], row.values["data_bytes"]) == ("COMPRESSED", 0xFFFFFFFF)


def test_what_is_not_smb_is_malformed() -> None:
    for data in (b"nothing of it" * 9, b"\xfeSMB", b"\xffSMB" + bytes(9)):
        with pytest.raises(Malformed):
            exchange(SmbConversation(), data)
