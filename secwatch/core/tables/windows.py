"""Tables of what Windows networks speak: SMB, DCE/RPC, NTLM, Kerberos, remote desktop, LDAP."""

from __future__ import annotations

from secwatch.core.columns import Column, Kind, Table
from secwatch.core.tables.connections import ENDS, TRANSPORT

SMB = Table(
    "smb",
    "time",
    (
        Column("time", Kind.TIME, "time of the request, or of the response when no request was seen", "ts"),
        *ENDS,
        Column("version", Kind.UINT8, "1 or 2 (SMB 2 and 3)"),
        Column("command", Kind.TEXT, "NEGOTIATE, SESSION_SETUP, TREE_CONNECT, CREATE, …", "command"),
        Column("status", Kind.TEXT, "NT status of the response, by name or hexadecimal", "status"),
        Column("dialect", Kind.TEXT, "dialect the server chose: 2.1, 3.1.1, NT LM 0.12"),
        Column("session_id", Kind.TEXT, "session, hexadecimal"),
        Column("tree_id", Kind.UINT32, "tree of the request, or the one a TREE_CONNECT was given", "tree.tid"),
        Column("tree", Kind.TEXT, r"share of the tree, \\server\ADMIN$; NULL: its TREE_CONNECT was not seen", "tree"),
        Column("name", Kind.TEXT, "file or pipe, relative to the share; of SMB 1 also the service asked for", "path"),
        Column("pipe", Kind.TEXT, "name of the pipe, when it is one"),
        Column("action", Kind.TEXT, "what CREATE did or asked for: opened, created, overwritten, …"),
        Column("file_size", Kind.UINT64, "size of the file as the server states it", "size", nullable=True),
    ),
)

DCE_RPC = Table(
    "dce_rpc",
    "time",
    (
        Column("time", Kind.TIME, "time of the bind or request", "ts"),
        *ENDS,
        Column("pipe", Kind.TEXT, "named pipe it came through; NULL over TCP", "named_pipe"),
        Column("message", Kind.TEXT, "bind, alter_context, request"),
        Column("interface", Kind.TEXT, "identifier (UUID) of the interface; NULL when its bind was not seen"),
        Column("endpoint", Kind.TEXT, "name of the interface where it is known: svcctl, drsuapi, …", "endpoint"),
        Column("operation_number", Kind.UINT16, "number of the operation of a request", nullable=True),
        Column("operation", Kind.TEXT, "name of the operation where it is known", "operation"),
        Column("result", Kind.TEXT, "accepted, rejected, response, fault status; NULL without an answer"),
        Column("request_bytes", Kind.UINT32, "stub data of the request, bytes", nullable=True),
        Column("response_bytes", Kind.UINT32, "stub data of the response, bytes", nullable=True),
    ),
)

NTLM = Table(
    "ntlm",
    "time",
    (
        Column("time", Kind.TIME, "time of the message with the user", "ts"),
        *ENDS,
        Column("carrier", Kind.TEXT, "smb, dce_rpc, http, ldap: the protocol it came in"),
        Column("user", Kind.TEXT, "user name; empty for an anonymous log-in", "username"),
        Column("domain", Kind.TEXT, "domain of the user", "domainname"),
        Column("workstation", Kind.TEXT, "name the client gives itself", "hostname"),
        Column("server", Kind.TEXT, "name of the server from its challenge", "server_nb_computer_name"),
        Column("server_domain", Kind.TEXT, "domain of the server from its challenge", "server_dns_computer_name"),
        Column("version", Kind.UINT8, "1 or 2: which NTLM the response is", nullable=True),
        Column("result", Kind.TEXT, "success, failure, or NULL when no answer was seen", "success"),
        Column("status", Kind.TEXT, "status of the carrier's answer"),
    ),
)

KERBEROS = Table(
    "kerberos",
    "time",
    (
        Column("time", Kind.TIME, "time of the request, or of the reply when no request was seen", "ts"),
        *ENDS,
        TRANSPORT,
        Column("request_type", Kind.TEXT, "AS, TGS or AP", "request_type"),
        Column("client", Kind.TEXT, "client principal name", "client"),
        Column("realm", Kind.TEXT, "realm"),
        Column("service", Kind.TEXT, "service principal name", "service"),
        Column("encryption_types", Kind.TEXTS, "encryption types the client offers, by name or number"),
        Column("pre_authentication", Kind.TEXTS, "pre-authentication data of the request, by name or number"),
        Column("ticket_encryption", Kind.TEXT, "encryption type of the ticket", "cipher"),
        Column("error", Kind.TEXT, "error of the reply, by name or number; NULL for success", "error_msg"),
        Column("succeeded", Kind.BOOLEAN, "whether the reply gave a ticket", "success", nullable=True),
    ),
)

RDP = Table(
    "rdp",
    "time",
    (
        Column("time", Kind.TIME, "time of the connection request", "ts"),
        *ENDS,
        Column("cookie", Kind.TEXT, "user or routing token of the connection request", "cookie"),
        Column("requested_protocols", Kind.TEXTS, "security the client offers: standard, tls, credssp, …"),
        Column("selected_protocol", Kind.TEXT, "security the server chose", "security_protocol"),
        Column("result", Kind.TEXT, "confirmed, or the reason of the refusal", "result"),
        Column("client_name", Kind.TEXT, "name of the client, where it is not encrypted", "client_name"),
        Column("client_build", Kind.UINT32, "build of the client, if not encrypted", "client_build", nullable=True),
        Column("keyboard_layout", Kind.TEXT, "keyboard layout, hexadecimal", "keyboard_layout"),
    ),
)

LDAP = Table(
    "ldap",
    "time",
    (
        Column("time", Kind.TIME, "time of the request, or of the response when no request was seen", "ts"),
        *ENDS,
        TRANSPORT,
        Column("message_id", Kind.UINT32, "identifier of the request", "message_id"),
        Column("operation", Kind.TEXT, "bind, search, modify, add, delete, rename, compare, extended, …", "opcode"),
        Column("name", Kind.TEXT, "who binds, or the object that is searched, changed, …", "object"),
        Column("authentication", Kind.TEXT, "of a bind: simple, or the SASL mechanism"),
        Column("scope", Kind.TEXT, "of a search: base, one, sub"),
        Column("filter", Kind.TEXT, "of a search: the filter, RFC 4515", "filter"),
        Column("attributes", Kind.TEXTS, "of a search: attributes asked for; of a change: those changed", "attributes"),
        Column("result", Kind.TEXT, "result of the response, by name or number", "result"),
        Column("message", Kind.TEXT, "diagnostic message of the response", "diagnostic_message"),
        Column("entries", Kind.UINT32, "entries seen between a search and its end", "result_count", nullable=True),
    ),
)
