"""Windows protocols from packets to rows, on captures of a Samba domain: what detections will ask for is there."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.sensor.reading import Reading, accounted, read

CAPTURES = ROOT / "tests" / "sensor" / "captures"
ROWS = {
    "smb1": {"smb": 45, "ntlm": 5, "dce_rpc": 14},
    "smb2": {"smb": 60, "ntlm": 8, "dce_rpc": 32},
    "kerberos": {"kerberos": 21, "smb": 10},
    "ldap": {"ldap": 39, "ntlm": 3, "kerberos": 14},
    "rdp": {"rdp": 4, "tls": 1},
    "attacks": {"smb": 65, "ntlm": 10, "dce_rpc": 116},
    "replication": {"dce_rpc": 19, "kerberos": 11, "ldap": 3},
}


@cache
def reading(name: str) -> Reading:
    """A capture, read once."""
    return read(CAPTURES / f"windows-{name}.pcap.zst")


def having(rows: list[dict[str, Any]], **values: Any) -> list[dict[str, Any]]:
    """The rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


@pytest.mark.parametrize("name", ROWS)
def test_every_packet_and_message_is_accounted_for(name: str) -> None:
    found = reading(name)
    assert accounted(found)
    rows = {table: len(rows) for table, rows in found.tables.items() if rows and table != "flows"}
    assert rows == ROWS[name]
    assert set(found.counters.malformed) == ({"messages_cut"} if name == "replication" else set())
    for rows_of_table in found.tables.values():
        for row in rows_of_table:
            assert (row["source_address"], row["destination_address"]) == ("10.9.0.7", "10.9.0.1")


def test_files_by_both_versions_of_smb() -> None:
    for name, share, file in (
        ("smb2", r"\\10.9.0.1\pub", "payload.exe"),
        ("smb1", r"\\10.9.0.1\PUB", r"\payload1.exe"),
    ):
        (row,) = having(reading(name).smb, command="CREATE", name=file, action="created")
        assert (row["tree"], row["status"], row["disposition"]) == (share, "STATUS_SUCCESS", "overwrite or create")
        assert row["access"] == ["read", "write"]
    (row,) = having(reading("smb2").smb, action="rename")
    assert (row["name"], row["new_name"]) == ("payload.exe", "other.exe")
    assert having(reading("smb2").smb, name="other.exe", delete_on_close=True)
    assert having(reading("smb1").smb, action="rename", name=r"\a.txt", new_name=r"\b.txt")
    assert having(reading("smb2").smb, dialect="3.1.1", signing="required")


def test_log_ins_of_ntlm() -> None:
    (wrong,) = having(reading("smb2").ntlm, user="alice")
    assert (wrong["result"], wrong["status"], wrong["domain"]) == ("failure", "STATUS_LOGON_FAILURE", "CITY")
    assert (wrong["server"], wrong["server_domain"], wrong["target"]) == ("DC1", "city.test", "cifs/10.9.0.1")
    versions = {(row["user"], row["version"], row["result"]) for row in reading("smb1").ntlm}
    assert versions == {("Administrator", 1, "success"), ("carol", 1, "failure"), ("Administrator", 2, "success")}
    assert {row["carrier"] for row in reading("ldap").ntlm} == {"ldap"}
    anonymous = having(reading("smb2").ntlm, user="", result="success")
    assert anonymous and anonymous[0]["version"] is None


def test_credentials_of_zeros_and_forced_authentication() -> None:
    calls = reading("attacks").dce_rpc
    tries = having(calls, operation="NetrServerAuthenticate3", zero_credential=True)
    assert len(tries) == 12
    assert {(row["returned"], row["endpoint"], row["pipe"]) for row in tries} == {
        ("STATUS_ACCESS_DENIED", "netlogon", "")
    }
    assert len(having(calls, operation="NetrServerReqChallenge", zero_credential=True)) == 12
    assert having(calls, endpoint="efsrpc", message="bind", pipe="lsarpc")
    forced = having(calls, operation="RpcRemoteFindFirstPrinterChangeNotificationEx", message="request")
    assert [row["texts"] for row in forced] == [[r"\\10.9.0.2"]] * 2
    assert having(calls, message="request", texts=[r"\\10.9.0.2\share\x"])


def test_a_service_and_accounts_through_pipes() -> None:
    for name, times in (("attacks", 2), ("smb1", 1)):
        services = having(reading(name).dce_rpc, operation="RCreateServiceW", message="request", endpoint="svcctl")
        assert [row["texts"] for row in services] == [["BTOBTO", "BTOBTO", "%COMSPEC% /Q /c echo dir"]] * times
        assert {row["pipe"] for row in services} == {"svcctl"}
    users = having(reading("smb2").dce_rpc, operation="SamrEnumerateUsersInDomain")
    assert [(row["message"], row["result"], row["returned"]) for row in users] == [("request", "response", "success")]
    assert having(reading("attacks").dce_rpc, operation="SamrEnumerateUsersInDomain", message="response")


def test_a_replicated_directory_though_it_is_encrypted_and_cut() -> None:
    calls = having(reading("replication").dce_rpc, operation="IDL_DRSGetNCChanges")
    assert len(calls) == 14
    assert {(row["endpoint"], row["protection"], row["result"]) for row in calls} == {
        ("drsuapi", "privacy", "response")
    }
    assert max(row["response_bytes"] for row in calls) > 800_000


def test_tickets_and_guesses() -> None:
    tickets = reading("kerberos").kerberos
    assert having(tickets, service="MSSQLSvc/db.city.test:1433", ticket_encryption="rc4-hmac", succeeded=True)
    assert {row["transport"] for row in tickets} == {"tcp", "udp"}
    unknown = {row["client"] for row in having(tickets, error="KDC_ERR_C_PRINCIPAL_UNKNOWN")}
    assert unknown == {"a1", "a2", "a3", "ghost"}
    assert {row["client"] for row in having(tickets, error="KDC_ERR_PREAUTH_FAILED")} == {"Administrator"}
    (shown,) = having(tickets, request_type="AP")
    assert (shown["service"], shown["destination_port"]) == ("cifs/dc1.city.test", 445)


def test_searches_and_changes() -> None:
    rows = reading("ldap").ldap
    searches = having(rows, operation="search", name="DC=city,DC=test")
    assert [(row["filter"], row["entries"]) for row in searches[:2]] == [
        ("(&(samAccountType=805306368)(servicePrincipalName=*)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))", 1),
        ("(objectClass=*)", 214),
    ]
    # without encryption by NTLM and by Kerberos, and signed by Kerberos
    assert len(having(searches, filter="(cn=roast)", entries=1)) == 3
    assert Counter(row["operation"] for row in rows if row["operation"] not in ("bind", "search")) == Counter(
        ("modify", "add", "rename", "delete", "compare", "extended")
    )
    assert {row["result"] for row in having(rows, authentication="simple")} == {"success", "invalidCredentials"}
    assert {row["entries"] for row in having(rows, transport="udp")} == {1}


def test_remote_desktop() -> None:
    rows = reading("rdp").rdp
    asked = {
        (row["cookie"], tuple(row["requested_protocols"]), row["selected_protocol"]) for row in rows if row["cookie"]
    }
    assert asked == {
        ("leader", ("standard",), "standard"),
        ("leader", ("tls",), "tls"),
        ("admin", ("tls", "credssp"), "tls"),
    }
    (told,) = having(rows, message="client data")
    assert (told["client_name"], told["keyboard_layout"]) == ("dc1", "00000409")
