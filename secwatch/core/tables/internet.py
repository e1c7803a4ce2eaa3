"""Tables of protocols that every network speaks: DNS, TLS, QUIC, HTTP, SSH, FTP, SMTP, and Stratum of the miners."""

from __future__ import annotations

from secwatch.core.columns import Column, Kind, Table
from secwatch.core.tables.connections import BY_TRANSPORT, TCP, UDP, ends

DNS = Table(
    "dns",
    "time",
    (
        Column("time", Kind.TIME, "time of the query, or of the answer when no query was seen", "ts"),
        *ends(BY_TRANSPORT),
        Column("transport", Kind.TEXT, "udp or tcp; port 5353 is multicast DNS, 5355 LLMNR", "proto"),
        Column("transaction_id", Kind.UINT16, "identifier of the query", "trans_id"),
        Column("query", Kind.TEXT, "name asked for, lower case, without the last dot", "query"),
        Column("query_type", Kind.TEXT, "A, AAAA, TXT, … or TYPEn", "qtype_name"),
        Column("response_code", Kind.TEXT, "NOERROR, NXDOMAIN, …; NULL without an answer", "rcode_name"),
        Column("answers", Kind.TEXTS, "answers in words, as Zeek writes them", "answers"),
        Column("answer_ttls", Kind.NUMBERS, "time to live of each answer, s", "TTLs"),
        Column("round_trip_seconds", Kind.DOUBLE, "from query to answer", "rtt", nullable=True),
    ),
)

TLS = Table(
    "tls",
    "time",
    (
        Column("time", Kind.TIME, "time of the ClientHello, or of the ServerHello when that is all", "ts"),
        *ends(TCP),
        Column("version", Kind.TEXT, "TLSv12, TLSv13, … as the server chose", "version"),
        Column("client_version", Kind.TEXT, "highest version the client offered"),
        Column("cipher", Kind.TEXT, "cipher suite the server chose, hexadecimal (0x1301)", "cipher"),
        Column("server_name", Kind.TEXT, "server name indication", "server_name"),
        Column("application_protocols", Kind.TEXTS, "ALPN names the client offered"),
        Column("application_protocol", Kind.TEXT, "ALPN name the server chose, if not encrypted", "next_protocol"),
        Column("ja3", Kind.TEXT, "JA3 of the ClientHello"),
        Column("ja3s", Kind.TEXT, "JA3S of the ServerHello"),
        Column("ja4", Kind.TEXT, "JA4 of the ClientHello"),
        Column("certificate_subject", Kind.TEXT, "subject of the server's certificate, RFC 4514", "subject"),
        Column("certificate_issuer", Kind.TEXT, "issuer of the server's certificate, RFC 4514", "issuer"),
        Column("certificate_names", Kind.TEXTS, "alternative names (DNS, IP) of the certificate", "san.dns"),
        Column("certificate_serial", Kind.TEXT, "serial number, hexadecimal"),
        Column("certificate_not_before", Kind.TIME, "valid from", nullable=True),
        Column("certificate_not_after", Kind.TIME, "valid to", nullable=True),
        Column("certificate_key_type", Kind.TEXT, "rsa, ecdsa, ed25519, …"),
        Column("certificate_key_bits", Kind.UINT16, "size of the key, bits", nullable=True),
        Column("certificate_signature", Kind.TEXT, "hash of its signature: sha256, sha1, md5, …"),
        Column("certificate_self_signed", Kind.BOOLEAN, "whether it is signed with its own key", nullable=True),
        Column("certificate_sha256", Kind.TEXT, "SHA-256 of the certificate, hexadecimal"),
        Column("certificate_chain_length", Kind.UINT8, "certificates the server sent", nullable=True),
    ),
)

QUIC = Table(
    "quic",
    "time",
    (
        Column("time", Kind.TIME, "time of the Initial packet that made the ClientHello whole", "ts"),
        *ends(UDP),
        Column("version", Kind.TEXT, "1, 2, draft-29, …", "version"),
        Column("server_name", Kind.TEXT, "server name indication of the decrypted ClientHello", "server_name"),
        Column("application_protocols", Kind.TEXTS, "ALPN names the client offered"),
        Column("ja3", Kind.TEXT, "JA3 of the ClientHello"),
        Column("ja4", Kind.TEXT, "JA4 of the ClientHello, first letter q"),
    ),
)

HTTP = Table(
    "http",
    "time",
    (
        Column("time", Kind.TIME, "time of the request, or of the answer when no request was seen", "ts"),
        *ends(TCP),
        Column("method", Kind.TEXT, "GET, POST, …", "method"),
        Column("host", Kind.TEXT, "Host header", "host"),
        Column("uri", Kind.TEXT, "request target as sent", "uri"),
        Column("version", Kind.TEXT, "1.0 or 1.1, of the request, or of the answer alone", "version"),
        Column("user_agent", Kind.TEXT, "User-Agent header", "user_agent"),
        Column("referrer", Kind.TEXT, "Referer header", "referrer"),
        Column("status_code", Kind.UINT16, "status of the answer", "status_code", nullable=True),
        Column("content_type", Kind.TEXT, "Content-Type header of the answer"),
        Column("request_length", Kind.UINT64, "Content-Length of the request", nullable=True),
        Column("response_length", Kind.UINT64, "Content-Length of the answer", nullable=True),
        Column("request_header_names", Kind.TEXTS, "header names of the request as sent, in order"),
        Column("request_header_values", Kind.TEXTS, "their values, the first 256 bytes of each; credentials left out"),
        Column("response_header_names", Kind.TEXTS, "header names of the answer as sent, in order"),
        Column("response_header_values", Kind.TEXTS, "their values, the first 256 bytes of each"),
        Column("request_body", Kind.TEXT, "first 1 KiB of the request's body as sent"),
        Column("response_body", Kind.TEXT, "first 1 KiB of the answer's body as sent"),
    ),
)

SSH = Table(
    "ssh",
    "time",
    (
        Column("time", Kind.TIME, "time of the first banner", "ts"),
        *ends(TCP),
        Column("client", Kind.TEXT, "banner of the client", "client"),
        Column("server", Kind.TEXT, "banner of the server", "server"),
        Column("hassh", Kind.TEXT, "HASSH of the client's key exchange"),
        Column("hassh_server", Kind.TEXT, "HASSH of the server's key exchange"),
        Column("key_exchange", Kind.TEXT, "key exchange algorithm agreed on", "kex_alg"),
        Column("host_key", Kind.TEXT, "host key algorithm agreed on", "host_key_alg"),
        Column("cipher", Kind.TEXT, "cipher agreed on, client to server", "cipher_alg"),
        Column("authentication", Kind.TEXT, "success, failure or unknown, by the sizes of messages", "auth_success"),
        Column("attempts", Kind.UINT16, "log-ins tried, by the sizes of messages", "auth_attempts", nullable=True),
    ),
)

FTP = Table(
    "ftp",
    "time",
    (
        Column("time", Kind.TIME, "time of the command, or of the reply when no command was seen", "ts"),
        *ends(TCP),
        Column("command", Kind.TEXT, "USER, PASS, RETR, … in capitals", "command"),
        Column("argument", Kind.TEXT, "its argument; a password is left out", "arg"),
        Column("user", Kind.TEXT, "user name the server was told last", "user"),
        Column("reply_code", Kind.UINT16, "code of the reply", "reply_code", nullable=True),
        Column("reply", Kind.TEXT, "text of the reply", "reply_msg"),
    ),
)

SMTP = Table(
    "smtp",
    "time",
    (
        Column("time", Kind.TIME, "time of the command, or of the reply when no command was seen", "ts"),
        *ends(TCP),
        Column("command", Kind.TEXT, "EHLO, MAIL, AUTH, … in capitals; a point for the end of a mail's data"),
        Column("argument", Kind.TEXT, "its argument; a password is left out"),
        Column("reply_code", Kind.UINT16, "code of the reply", nullable=True),
        Column("reply", Kind.TEXT, "text of the reply", "last_reply"),
        Column("user", Kind.TEXT, "user name of a log-in"),
        Column("mechanism", Kind.TEXT, "mechanism of a log-in: LOGIN, PLAIN, …"),
    ),
)

STRATUM = Table(
    "stratum",
    "time",
    (
        Column("time", Kind.TIME, "time of the message", "ts"),
        *ends(TCP),
        Column("method", Kind.TEXT, "mining.subscribe, login, job, …; NULL for an answer alone"),
        Column("user", Kind.TEXT, "worker or wallet"),
        Column("agent", Kind.TEXT, "name and version of the miner"),
        Column("algorithms", Kind.TEXTS, "algorithms the miner offers"),
        Column("accepted", Kind.BOOLEAN, "whether the answer is a success", nullable=True),
        Column("error", Kind.TEXT, "what the answer says is wrong"),
    ),
)
