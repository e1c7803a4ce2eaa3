"""Tables of what Windows networks speak: SMB, DCE/RPC, NTLM, Kerberos, remote desktop, LDAP."""

from __future__ import annotations

from secwatch.core.columns import Column, Kind, Table
from secwatch.core.tables.connections import BY_TRANSPORT, TCP, TRANSPORT, ends

SMB = Table(
    "smb",
    "time",
    (
        Column("time", Kind.TIME, "time of the request, or of the response when no request was seen", "ts"),
        *ends(TCP),
        Column("version", Kind.UINT8, "1 or 2 (SMB 2 and 3)"),
        Column("command", Kind.TEXT, "NEGOTIATE, SESSION_SETUP, TREE_CONNECT, CREATE, TRANSACTION2, …", "command"),
        Column("subcommand", Kind.TEXT, "of a transaction of SMB 1: SESSION_SETUP, PEEK_NMPIPE, … or its number"),
        Column("status", Kind.TEXT, "NT status of the response, by name or hexadecimal", "status"),
        Column("dialect", Kind.TEXT, "dialect the server chose: 2.1, 3.1.1, NT LM 0.12"),
        Column("signing", Kind.TEXT, "required or optional, as the server states when it negotiates"),
        Column("session_id", Kind.TEXT, "session (of SMB 1 the user identifier), hexadecimal"),
        Column("multiplex_id", Kind.UINT16, "identifier of the message, of SMB 1", nullable=True),
        Column("tree_id", Kind.UINT32, "tree, or the one a TREE_CONNECT was given", "tree.tid", nullable=True),
        Column("tree", Kind.TEXT, r"share of the tree, \\server\ADMIN$; NULL: its TREE_CONNECT was not seen", "tree"),
        Column("share_type", Kind.TEXT, "disk, pipe or printer, as the server states", "share_type"),
        Column("name", Kind.TEXT, "file or pipe, relative to the share", "path"),
        Column("new_name", Kind.TEXT, "name a file is given by renaming it"),
        Column("pipe", Kind.TEXT, "name of the pipe, when it is one"),
        Column(
            "action", Kind.TEXT, "opened, created, overwritten, superseded; rename, delete; guest, anonymous", "action"
        ),
        Column("disposition", Kind.TEXT, "what a CREATE asks for: open, create, overwrite or create, …"),
        Column("access", Kind.TEXTS, "what a CREATE wants: read, write, execute, delete, permissions, all, maximum"),
        Column("delete_on_close", Kind.BOOLEAN, "whether a CREATE asks to delete the file at its end", nullable=True),
        Column("file_size", Kind.UINT64, "size of the file as the server states it", "size", nullable=True),
        Column(
            "data_bytes", Kind.UINT32, "data an SMB 1 transaction or a compressed message says it has", nullable=True
        ),
    ),
)

DCE_RPC = Table(
    "dce_rpc",
    "time",
    (
        Column("time", Kind.TIME, "time of the bind or request", "ts"),
        *ends(TCP),
        Column("pipe", Kind.TEXT, "named pipe it came through; NULL over TCP", "named_pipe"),
        Column(
            "message",
            Kind.TEXT,
            "bind, alter_context, request; an answer that came apart: response, fault, bind_ack, …",
        ),
        Column("interface", Kind.TEXT, "identifier (UUID) of the interface; NULL when its bind was not seen"),
        Column("endpoint", Kind.TEXT, "name of the interface where it is known: svcctl, drsuapi, …", "endpoint"),
        Column("operation_number", Kind.UINT16, "number of the operation of a request", nullable=True),
        Column("operation", Kind.TEXT, "name of the operation where it is known", "operation"),
        Column("protection", Kind.TEXT, "level of authentication: none, connect, call, packet, integrity, privacy"),
        Column(
            "texts", Kind.TEXTS, "texts among the arguments of a request that is not encrypted: names, paths, commands"
        ),
        Column("zero_credential", Kind.BOOLEAN, "of Netlogon: a credential of zeros (CVE-2020-1472)", nullable=True),
        Column("result", Kind.TEXT, "accepted, rejected, response, fault status; NULL without an answer"),
        Column("returned", Kind.TEXT, "last number of a short response, as a rule its error code, by name"),
        Column("request_bytes", Kind.UINT32, "stub data of the request, bytes", nullable=True),
        Column("response_bytes", Kind.UINT32, "stub data of the response, bytes", nullable=True),
    ),
)

NTLM = Table(
    "ntlm",
    "time",
    (
        Column("time", Kind.TIME, "time of the message with the user", "ts"),
        *ends(BY_TRANSPORT),
        TRANSPORT,
        Column("carrier", Kind.TEXT, "smb, dce_rpc, http, ldap: the protocol it came in"),
        Column("user", Kind.TEXT, "user name; NULL for an anonymous log-in, or when it was not captured", "username"),
        Column("domain", Kind.TEXT, "domain of the user", "domainname"),
        Column("workstation", Kind.TEXT, "name the client gives itself", "hostname"),
        Column("server", Kind.TEXT, "name of the server from its challenge", "server_nb_computer_name"),
        Column("server_domain", Kind.TEXT, "domain of the server from its challenge"),
        Column("target", Kind.TEXT, "service the client means to talk to: cifs/server"),
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
        *ends(BY_TRANSPORT),
        TRANSPORT,
        Column("request_type", Kind.TEXT, "AS, TGS or AP", "request_type"),
        Column("client", Kind.TEXT, "client principal name", "client"),
        Column("realm", Kind.TEXT, "realm"),
        Column("service", Kind.TEXT, "service principal name", "service"),
        Column("encryption_types", Kind.TEXTS, "encryption types the client offers, by name or number"),
        Column("pre_authentication", Kind.TEXTS, "pre-authentication data of the request, by name or number"),
        Column("options", Kind.TEXTS, "options of the request: forwardable, forwarded, proxiable, renewable, …"),
        Column("ticket_encryption", Kind.TEXT, "encryption type of the ticket", "cipher"),
        Column("reply_encryption", Kind.TEXT, "encryption type of the part for the client, of its key"),
        Column("error", Kind.TEXT, "error of the reply, by name or number; NULL for success", "error_msg"),
        Column("succeeded", Kind.BOOLEAN, "whether the reply gave a ticket", "success", nullable=True),
    ),
)

RDP = Table(
    "rdp",
    "time",
    (
        Column("time", Kind.TIME, "time of the connection request", "ts"),
        *ends(TCP),
        Column("message", Kind.TEXT, "connection request, or client data: what an unencrypted client then tells"),
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
        *ends(BY_TRANSPORT),
        TRANSPORT,
        Column("message_id", Kind.UINT32, "identifier of the request", "message_id", nullable=True),
        Column("operation", Kind.TEXT, "bind, search, modify, add, delete, rename, compare, extended, …", "opcode"),
        Column("name", Kind.TEXT, "who binds, or the object that is searched, changed, …", "object"),
        Column("new_name", Kind.TEXT, "name that a rename gives, and where it moves the object"),
        Column("authentication", Kind.TEXT, "of a bind: anonymous, simple, sicily, or the SASL mechanism"),
        Column("scope", Kind.TEXT, "of a search: base, one, sub"),
        Column("filter", Kind.TEXT, "of a search: the filter, RFC 4515", "filter"),
        Column("attributes", Kind.TEXTS, "of a search: attributes asked for; of a change: those changed", "attributes"),
        Column("result", Kind.TEXT, "result of the response, by name or number", "result"),
        Column("message", Kind.TEXT, "diagnostic message of the response", "diagnostic_message"),
        Column("entries", Kind.UINT32, "entries seen between a search and its end", "result_count", nullable=True),
    ),
)
