"""DCE/RPC, NTLM, Kerberos, remote desktop and LDAP: what detections of attacks on a domain need from each."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable

import pytest

from secwatch.sensor.protocols import kerberos, ntlm, numbers, rdp
from secwatch.sensor.protocols.dce_rpc import Association
from secwatch.sensor.protocols.interfaces import _known, interface
from secwatch.sensor.protocols.ldap import LdapConversation
from secwatch.sensor.protocols.row import Malformed, Row
from tests.sensor.protocols import windows_messages as made


def one(rows: Iterable[Row]) -> Row:
    """The only row."""
    found = list(rows)
    assert len(found) == 1
    return found[0]


def bound(*interfaces: str, level: int = 0) -> Association:
    """A connection that has bound these interfaces."""
    talk = Association()
    token = b"\0" * 16 if level else b""
    rows = list(talk.parse(made.bind(*interfaces, token=token, level=level), made.bind_ack(*[0] * len(interfaces))))
    assert [row.values["result"] for row in rows] == ["accepted"] * len(interfaces)
    return talk


@pytest.mark.parametrize(("credential", "zero"), [(bytes(8), True), (b"\1" + bytes(7), False)])
@pytest.mark.parametrize("server", [made.text("DC1"), b""])
def test_credentials_of_zeros(credential: bytes, zero: bool, server: bytes) -> None:
    """Netlogon's challenge and authentication, with and without the name of the server."""
    talk = bound(made.NETLOGON)
    pointer = struct.pack("<I", 0x20000 if server else 0)
    row = one(talk.parse(made.request(4, pointer + server + made.text("WS") + credential), b""))
    assert (row.values["operation"], row.values["zero_credential"]) == ("NetrServerReqChallenge", zero)
    account = struct.pack("<III", 5, 0, 5) + "DC1$\0".encode("utf-16-le") + struct.pack("<H", 6)
    for operation in (5, 15, 26):
        stub = pointer + server + account + made.text("DC1")[: 12 + 8] + credential + b"\xff\xff\x2f\x21"
        answer = made.response(bytes(16) + struct.pack("<I", 0xC0000022))
        row = one(talk.parse(made.request(operation, stub), answer))
        assert row.values["zero_credential"] is zero
        assert row.values["returned"] == "STATUS_ACCESS_DENIED"
    assert one(talk.parse(made.request(26, stub[:40]), b"")).values["zero_credential"] is None


def test_forced_authentication_names_its_target() -> None:
    talk = bound(made.EFSRPC)
    row = one(talk.parse(made.request(0, made.text(r"\\10.0.0.9\share\x") + bytes(4)), b""))
    assert (row.values["endpoint"], row.values["operation"]) == ("efsrpc", "EfsRpcOpenFileRaw")
    assert row.values["texts"] == [r"\\10.0.0.9\share\x"]


def test_replication_of_secrets_is_named_though_it_is_encrypted() -> None:
    talk = bound(made.DRSUAPI, level=6)
    stub = made.text("not to be read as text")
    row = one(talk.parse(made.request(3, stub, token=bytes(16), level=6), made.response(stub)))
    values = row.values
    assert (values["endpoint"], values["operation"], values["operation_number"]) == (
        "drsuapi",
        "IDL_DRSGetNCChanges",
        3,
    )
    assert values["protection"] == "privacy"
    assert "texts" not in values and "returned" not in values
    assert values["request_bytes"] == len(stub)


def test_one_row_for_each_interface_and_rejections() -> None:
    talk = Association("lsarpc")
    rows = list(talk.parse(made.bind(made.EFSRPC, made.EFSRPC, made.SVCCTL), made.bind_ack(2, 0, 2)))
    assert [(row.values["endpoint"], row.values["result"]) for row in rows] == [
        ("efsrpc", "accepted"),
        ("svcctl", "rejected"),
    ]
    assert {row.values["pipe"] for row in rows} == {"lsarpc"}
    refused = one(talk.parse(made.bind(made.SVCCTL), made.call(13, b"\2\0")))
    assert refused.values["result"] == "rejected"


def test_faults_and_what_is_not_known() -> None:
    talk = bound(made.SVCCTL)
    fault = made.call(3, bytes(8) + struct.pack("<I", 5))
    assert one(talk.parse(made.request(12, b""), fault)).values["result"] == "nca_s_fault_access_denied"
    unknown = one(Association().parse(made.request(77, b"", context=9), b"")).values
    assert unknown["operation_number"] == 77
    assert not unknown["interface"] and not unknown["endpoint"] and not unknown["operation"]


def test_a_log_in_within_calls() -> None:
    talk = Association()
    talk_bind = made.bind(made.SVCCTL, token=b"NTLMSSP\0\1\0\0\0", level=2)
    list(talk.parse(talk_bind, made.bind_ack(0, token=made.challenge("DC1", "city.test"))))
    third = made.call(16, bytes(4), token=made.authenticate("eve", "CITY", "X", bytes(24)), level=2)
    row = one(talk.parse(third, b""))
    assert row.table == "ntlm"
    assert (row.values["user"], row.values["server"], row.values["version"]) == ("eve", "DC1", 1)
    assert "result" not in row.values


def test_what_an_interface_needs_has_its_name() -> None:
    for endpoint, number, operation in (
        ("ITaskSchedulerService", 1, "SchRpcRegisterTask"),
        ("atsvc", 0, "NetrJobAdd"),
        ("spoolss", 65, "RpcRemoteFindFirstPrinterChangeNotificationEx"),
        ("samr", 13, "SamrEnumerateUsersInDomain"),
        ("lsarpc", 15, "LsarLookupSids"),
        ("netdfs", 13, "NetrDfsRemoveStdRoot"),
        ("srvsvc", 15, "NetrShareEnum"),
        ("IWbemServices", 24, "ExecMethod"),
    ):
        found = {known.operations.get(number) for known in _known().values() if known.name == endpoint}
        assert found == {operation}
    assert interface("00000000-0000-0000-0000-000000000000").name == ""


def test_ntlm_in_http() -> None:
    token = made.authenticate("alice", "CITY", "PC7", b"")
    for scheme in (b"NTLM ", b"Negotiate "):
        assert ntlm.from_http(scheme + base64.b64encode(token)) == token
    assert ntlm.from_http(b"Basic " + base64.b64encode(token)) == b""
    assert ntlm.from_http(b"NTLM ???") == b""
    row = one(ntlm.rows("http", token, made.challenge("WEB", "city.test"), None))
    assert (row.values["user"], row.values["server"], row.values.get("version")) == ("alice", "WEB", None)


def test_kerberoasting() -> None:
    """A ticket for a service, by RC4 though the client offers better."""
    asked = made.ticket_request(0x6C, "", ("MSSQLSvc", "db:1433"), (18, 23), 1)
    row = one(
        kerberos.parse(
            struct.pack(">I", len(asked)) + asked, made.ticket_reply(0x6D, "eve", ("MSSQLSvc", "db:1433"), 23, 18)
        )
    )
    values = row.values
    assert (values["request_type"], values["client"], values["service"]) == ("TGS", "eve", "MSSQLSvc/db:1433")
    assert (values["ticket_encryption"], values["reply_encryption"]) == ("rc4-hmac", "aes256-cts-hmac-sha1-96")
    assert values["encryption_types"] == ["aes256-cts-hmac-sha1-96", "rc4-hmac"]
    assert (values["pre_authentication"], values["options"]) == (["tgs-req"], ["forwardable"])
    assert values["succeeded"] is True and "error" not in values


def test_roasting_without_pre_authentication_and_spraying() -> None:
    asked = made.ticket_request(0x6A, "roast", ("krbtgt", "CITY.TEST"), (23,), 128)
    values = one(kerberos.parse(asked, made.ticket_reply(0x6B, "roast", ("krbtgt", "CITY.TEST"), 18, 23))).values
    assert (values["request_type"], values["client"], values["pre_authentication"]) == ("AS", "roast", ["pac-request"])
    assert (values["reply_encryption"], values["succeeded"]) == ("rc4-hmac", True)
    for code, name in ((24, "KDC_ERR_PREAUTH_FAILED"), (6, "KDC_ERR_C_PRINCIPAL_UNKNOWN"), (200, "200")):
        values = one(kerberos.parse(asked, made.kerberos_error(code))).values
        assert (values["client"], values["error"], values["succeeded"]) == ("roast", name, False)
    assert one(kerberos.parse(asked, b"")).values.get("succeeded") is None
    lonely = one(kerberos.parse(b"", made.kerberos_error(24))).values
    assert (lonely["realm"], lonely["service"]) == ("CITY.TEST", "krbtgt/CITY.TEST")


def test_a_kerberos_message_cut_at_any_byte_says_what_is_there() -> None:
    whole = made.ticket_request(0x6C, "eve", ("cifs", "s"), (18, 23), 1)
    said = 0
    for size in range(1, len(whole)):
        try:
            said += bool(one(kerberos.parse(whole[:size], b"")).values.get("service"))
        except Malformed:
            continue
    assert 10 < said < len(whole) / 2


def test_remote_desktop() -> None:
    asked = made.connection_request("leader", 3)
    values = one(rdp.parse(asked, made.connection_confirm(2, 2))).values
    assert (values["cookie"], values["requested_protocols"]) == ("leader", ["tls", "credssp"])
    assert (values["selected_protocol"], values["result"]) == ("credssp", "confirmed")
    assert one(rdp.parse(asked, made.connection_confirm(3, 5))).values["result"] == "credssp required"
    values = one(rdp.parse(made.connection_request("", 0), b"")).values
    assert values["requested_protocols"] == ["standard"] and not values.get("cookie")
    with pytest.raises(Malformed):
        list(rdp.parse(b"GET / HTTP/1.1\r\n", b""))


PERSONS = made.der(0xA3, made.der(4, b"objectClass"), made.der(4, b"per(son)*"))
SERVICES = made.der(0x87, b"servicePrincipalName")
RULE = made.der(
    0xA9, made.der(0x81, b"1.2.840.113556.1.4.803"), made.der(0x82, b"userAccountControl"), made.der(0x83, b"2")
)
SHOWN_SERVICES, SHOWN_RULE = "(servicePrincipalName=*)", "(userAccountControl:1.2.840.113556.1.4.803:=2)"
PARTS = made.der(
    0xA4, made.der(4, b"cn"), made.der(0x30, made.der(0x80, b"a"), made.der(0x81, b"b"), made.der(0x82, b"c"))
)
BEGINS = made.der(0xA4, made.der(4, b"cn"), made.der(0x30, made.der(0x80, b"adm")))
IDENTIFIER = made.der(0xA3, made.der(4, b"objectSid"), made.der(4, b"\x01\x05\x00\xff"))


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        (PERSONS, r"(objectClass=per\28son\29\2a)"),
        (SERVICES, "(servicePrincipalName=*)"),
        (made.der(0xA0, SERVICES, made.der(0xA2, RULE)), f"(&{SHOWN_SERVICES}(!{SHOWN_RULE}))"),
        (made.der(0xA1, PARTS, BEGINS), "(|(cn=a*b*c)(cn=adm*))"),
        (IDENTIFIER, r"(objectSid=\01\05\00\ff)"),
    ],
)  # fmt: skip
def test_a_search_and_its_filter(element: bytes, shown: str) -> None:
    """RFC 4515; entries that were only counted, between a search and its end."""
    talk = LdapConversation()
    talk.counted = 2
    asked = made.ldap(7, made.ldap_search("DC=city,DC=test", element, "cn", "memberOf"))
    row = one(talk.parse(asked, made.ldap(7, made.ldap_result(0x65, 4))))
    values = row.values
    assert (values["operation"], values["name"], values["scope"]) == ("search", "DC=city,DC=test", "sub")
    assert (values["filter"], values["attributes"]) == (shown, ["cn", "memberOf"])
    assert (values["entries"], values["result"]) == (2, "sizeLimitExceeded")


def test_an_answer_by_datagram_holds_entry_and_end() -> None:
    answer = made.ldap(3, made.der(0x64, made.der(4), made.der(0x30))) + made.ldap(3, made.ldap_result(0x65, 0))
    row = one(LdapConversation().parse(made.ldap(3, made.ldap_search("", SERVICES)), answer))
    assert (row.values["entries"], row.values["result"]) == (1, "success")


def test_binds() -> None:
    """Passwords are never kept."""
    simple = made.ldap(1, made.der(0x60, made.integer(3), made.der(4, b"cn=admin"), made.der(0x80, b"hunter2")))
    row = one(LdapConversation().parse(simple, made.ldap(1, made.ldap_result(0x61, 49, "data 52e"))))
    assert (row.values["name"], row.values["authentication"], row.values["result"]) == (
        "cn=admin",
        "simple",
        "invalidCredentials",
    )
    assert row.values["message"] == "data 52e"
    assert "hunter2" not in repr(row)
    talk = LdapConversation()

    def bind(token: bytes) -> bytes:
        return made.ldap(
            2,
            made.der(
                0x60, made.integer(3), made.der(4), made.der(0xA3, made.der(4, b"GSS-SPNEGO"), made.der(4, token))
            ),
        )

    asked = made.ldap(
        2,
        made.der(
            0x61, made.der(10, b"\x0e"), made.der(4), made.der(4), made.der(0x87, made.challenge("DC1", "city.test"))
        ),
    )
    list(talk.parse(bind(b"NTLMSSP\0\1\0\0\0"), asked))
    rows = list(
        talk.parse(bind(made.authenticate("eve", "CITY", "X", bytes(99))), made.ldap(2, made.ldap_result(0x61, 0)))
    )
    assert [row.table for row in rows] == ["ldap", "ntlm"]
    assert (rows[1].values["user"], rows[1].values["carrier"], rows[1].values["result"]) == ("eve", "ldap", "success")
    assert rows[1].values["server"] == "DC1"


@pytest.mark.parametrize("token", [b"\1\0\0\0" + bytes(12), bytes.fromhex("050404ff000c000c") + bytes(8 + 12)])
def test_a_signed_buffer_is_read(token: bytes) -> None:
    message = made.ldap(4, made.der(0x4A, b"cn=grp"))
    row = one(LdapConversation().parse(struct.pack(">I", len(token) + len(message)) + token + message, b""))
    assert (row.values["operation"], row.values["name"]) == ("delete", "cn=grp")


def test_changes() -> None:
    talk = LdapConversation()
    changed = made.der(0x30, made.der(10, b"\2"), made.der(0x30, made.der(4, b"servicePrincipalName"), made.der(0x31)))
    row = one(talk.parse(made.ldap(1, made.der(0x66, made.der(4, b"cn=x"), made.der(0x30, changed))), b""))
    assert (row.values["operation"], row.values["name"]) == ("modify", "cn=x")
    assert row.values["attributes"] == ["servicePrincipalName"]
    row = one(
        talk.parse(made.ldap(2, made.der(0x6C, made.der(4, b"cn=x"), made.der(4, b"cn=y"), made.der(1, b"\xff"))), b"")
    )
    assert (row.values["operation"], row.values["new_name"]) == ("rename", "cn=y")


def test_a_filter_that_nests_too_deeply_is_malformed() -> None:
    element = SERVICES
    for _ in range(200):
        element = made.der(0xA2, element)
    with pytest.raises(Malformed):
        list(LdapConversation().parse(made.ldap(1, made.ldap_search("", element)), b""))


def test_numbers_have_the_names_their_documents_give() -> None:
    assert numbers.nt_status(0xC000006D) == "STATUS_LOGON_FAILURE"
    assert numbers.nt_status(0xC0000234) == "STATUS_ACCOUNT_LOCKED_OUT"
    assert numbers.kerberos_error(25) == "KDC_ERR_PREAUTH_REQUIRED"
    assert numbers.kerberos_error(37) == "KRB_AP_ERR_SKEW"
    assert numbers.encryption_type(-128) == "rc4-md4"
    assert numbers.ldap_result(49) == "invalidCredentials"
    assert numbers.windows_error(5) == "ERROR_ACCESS_DENIED"
