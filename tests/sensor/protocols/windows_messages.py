"""Messages of Windows protocols as tests need them, built by hand from the documents that define them."""

from __future__ import annotations

import struct
import uuid

EFSRPC = "c681d488-d850-11d0-8c52-00c04fd90f7e"
NETLOGON = "12345678-1234-abcd-ef00-01234567cffb"
DRSUAPI = "e3514235-4b06-11d1-ab04-00c04fc2dcd2"
SVCCTL = "367abb81-9844-35f1-ad32-98f038001003"


def netbios(message: bytes) -> bytes:
    """The message behind its length."""
    return struct.pack(">I", len(message)) + message


def smb2(
    command: int,
    body: bytes,
    *,
    response: bool = False,
    status: int = 0,
    message: int = 5,
    tree: int = 3,
    session: int = 7,
    following: int = 0,
) -> bytes:
    """A command of SMB 2, [MS-SMB2] 2.2.1.2."""
    head = struct.pack(
        "<4sHHIHHIIQIIQ", b"\xfeSMB", 64, 1, status, command, 1, int(response), following, message, 0, tree, session
    )
    return head + bytes(16) + body


def smb1(
    command: int,
    words: bytes,
    data: bytes = b"",
    *,
    response: bool = False,
    status: int = 0,
    tree: int = 3,
    user: int = 7,
) -> bytes:
    """A message of SMB 1 with UTF-16 texts, [MS-CIFS] 2.2.3.1."""
    flags = struct.pack("<BH", 0x80 if response else 0, 0xC001)
    head = (
        b"\xffSMB" + struct.pack("<BI", command, status) + flags + bytes(12) + struct.pack("<HHHH", tree, 1, user, 65)
    )
    return head + bytes([len(words) // 2]) + words + struct.pack("<H", len(data)) + data


def tree_connect(share: str) -> bytes:
    """The body of a TREE_CONNECT request of SMB 2."""
    name = share.encode("utf-16-le")
    return struct.pack("<HHHH", 9, 0, 72, len(name)) + name


def create(name: str, *, access: int = 0x12019F, disposition: int = 5, options: int = 0) -> bytes:
    """The body of a CREATE request of SMB 2."""
    text = name.encode("utf-16-le")
    fixed = struct.pack("<HBBIQQIIIIIHHII", 57, 0, 0, 2, 0, 0, access, 0, 7, disposition, options, 120, len(text), 0, 0)
    return fixed + text


def created(action: int, size: int, file: bytes) -> bytes:
    """The body of a CREATE response of SMB 2."""
    return struct.pack("<HBBI", 89, 0, 0, action) + bytes(32) + struct.pack("<QQII", 0, size, 0, 0) + file + bytes(8)


def call(kind: int, body: bytes, *, number: int = 2, token: bytes = b"", level: int = 0, flags: int = 3) -> bytes:
    """A message of DCE/RPC, [C706] section 12.6.3; `token` is its authentication of this level, by NTLM."""
    trailer = struct.pack("<BBBBI", 10, level, 0, 0, 0) + token if token else b""
    head = struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, 16 + len(body) + len(trailer), len(token), number)
    return head + body + trailer


def bind(*interfaces: str, **more: object) -> bytes:
    """A bind to interfaces, contexts numbered from 0."""
    contexts = b"".join(
        struct.pack("<HBB", place, 1, 0) + uuid.UUID(name).bytes_le + bytes(4) + bytes(20)
        for place, name in enumerate(interfaces)
    )
    body = struct.pack("<HHIBBH", 4280, 4280, 0, len(interfaces), 0, 0) + contexts
    return call(11, body, **more)  # type: ignore[arg-type]


def bind_ack(*results: int, token: bytes = b"") -> bytes:
    """The answer to a bind: a result per context."""
    address = b"\\PIPE\\x\0"
    body = struct.pack("<HHIH", 4280, 4280, 1, len(address)) + address
    body += bytes(-(16 + len(body)) % 4) + struct.pack("<BBH", len(results), 0, 0)
    return call(
        12, body + b"".join(struct.pack("<HH", result, 0) + bytes(20) for result in results), token=token, level=2
    )


def request(operation: int, stub: bytes, *, context: int = 0, token: bytes = b"", level: int = 0) -> bytes:
    """A call of an operation."""
    return call(0, struct.pack("<IHH", len(stub), context, operation) + stub, token=token, level=level)


def response(stub: bytes) -> bytes:
    """The answer to a call."""
    return call(2, struct.pack("<IHH", len(stub), 0, 0) + stub)


def text(value: str) -> bytes:
    """A text among the arguments of a call, with its zero."""
    letters = (value + "\0").encode("utf-16-le")
    counts = struct.pack("<III", len(value) + 1, 0, len(value) + 1)
    return counts + letters + bytes(-len(letters) % 4)


def challenge(server: str, domain: str) -> bytes:
    """What a server asks in NTLM, [MS-NLMP] 2.2.1.2."""
    pairs = b"".join(
        struct.pack("<HH", kind, 2 * len(value)) + value.encode("utf-16-le")
        for kind, value in ((1, server), (4, domain))
    )
    pairs += bytes(4)
    return (
        b"NTLMSSP\0" + struct.pack("<IHHIIQQHHI", 2, 0, 0, 56, 1, 0, 0, len(pairs), len(pairs), 56) + bytes(8) + pairs
    )


def authenticate(user: str, domain: str, workstation: str, answer: bytes) -> bytes:
    """What a client answers in NTLM, [MS-NLMP] 2.2.1.3."""
    parts = [b"", answer, *(value.encode("utf-16-le") for value in (domain, user, workstation)), b""]
    head, data = b"NTLMSSP\0" + struct.pack("<I", 3), b""
    for part in parts:
        head += struct.pack("<HHI", len(part), len(part), 64 + len(data))
        data += part
    return head + struct.pack("<I", 1) + data


def der(tag: int, *parts: bytes) -> bytes:
    """An element of BER with a length as short as it can be."""
    contents = b"".join(parts)
    size = len(contents)
    length = bytes([size]) if size < 128 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + length + contents


def integer(value: int) -> bytes:
    """An INTEGER."""
    return der(2, value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True))


def explicit(number: int, *parts: bytes) -> bytes:
    """An element within a context tag."""
    return der(0xA0 | number, *parts)


def principal(*names: str) -> bytes:
    """A principal's name of Kerberos."""
    return der(0x30, explicit(0, integer(1)), explicit(1, der(0x30, *(der(0x1B, name.encode()) for name in names))))


def ticket_request(tag: int, client: str, service: tuple[str, ...], types: tuple[int, ...], *padata: int) -> bytes:
    """A request to a key distribution centre, RFC 4120 section 5.4.1."""
    kinds = der(0x30, *(der(0x30, explicit(1, integer(kind)), explicit(2, der(4, b"x"))) for kind in padata))
    body = der(
        0x30,
        explicit(0, der(3, b"\0\x40\0\0\0")),
        *([explicit(1, principal(client))] if client else []),
        explicit(2, der(0x1B, b"CITY.TEST")),
        explicit(3, principal(*service)),
        explicit(8, der(0x30, *map(integer, types))),
    )
    fields = [
        explicit(1, integer(5)),
        explicit(2, integer(tag & 0x1F)),
        *([explicit(3, kinds)] if padata else []),
        explicit(4, body),
    ]
    return der(tag, der(0x30, *fields))


def ticket_reply(tag: int, client: str, service: tuple[str, ...], ticket: int, part: int) -> bytes:
    """A reply with a ticket, RFC 4120 section 5.4.2."""

    def encrypted(kind: int) -> bytes:
        return der(0x30, explicit(0, integer(kind)), explicit(2, der(4, bytes(200))))

    given = der(
        0x61,
        der(
            0x30,
            explicit(0, integer(5)),
            explicit(1, der(0x1B, b"CITY.TEST")),
            explicit(2, principal(*service)),
            explicit(3, encrypted(ticket)),
        ),
    )
    fields = [
        explicit(0, integer(5)),
        explicit(1, integer(tag & 0x1F)),
        explicit(3, der(0x1B, b"CITY.TEST")),
        explicit(4, principal(client)),
        explicit(5, given),
        explicit(6, encrypted(part)),
    ]
    return der(tag, der(0x30, *fields))


def kerberos_error(code: int) -> bytes:
    """A refusal, RFC 4120 section 5.9.1."""
    return der(
        0x7E,
        der(
            0x30,
            explicit(0, integer(5)),
            explicit(1, integer(30)),
            explicit(6, integer(code)),
            explicit(9, der(0x1B, b"CITY.TEST")),
            explicit(10, principal("krbtgt", "CITY.TEST")),
        ),
    )


def ldap(number: int, *operation: bytes) -> bytes:
    """A message of LDAP."""
    return der(0x30, integer(number), *operation)


def ldap_result(tag: int, code: int, words: str = "") -> bytes:
    """The end of an operation."""
    return der(tag, der(10, bytes([code])), der(4), der(4, words.encode()))


def ldap_search(base: str, search_filter: bytes, *attributes: str) -> bytes:
    """A search of a subtree."""
    names = der(0x30, *(der(4, name.encode()) for name in attributes))
    return der(
        0x63,
        der(4, base.encode()),
        der(10, b"\2"),
        der(10, b"\0"),
        integer(0),
        integer(0),
        der(1, b"\0"),
        search_filter,
        names,
    )


def connection_request(cookie: str, protocols: int) -> bytes:
    """What a client of remote desktop begins with, [MS-RDPBCGR] 2.2.1.1."""
    options = (f"Cookie: mstshash={cookie}\r\n".encode() if cookie else b"") + struct.pack("<BBHI", 1, 0, 8, protocols)
    return struct.pack(">BBHBBHHB", 3, 0, 11 + len(options), 6 + len(options), 0xE0, 0, 0, 0) + options


def connection_confirm(kind: int, number: int) -> bytes:
    """What a server of remote desktop answers: 2 with the protocol, 3 with the reason of its refusal."""
    return struct.pack(">BBHBBHHB", 3, 0, 19, 14, 0xD0, 0, 0, 0) + struct.pack("<BBHI", kind, 0, 8, number)
