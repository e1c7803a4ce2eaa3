"""Names for the numbers of protocols: transports, services, DNS types and codes, TLS versions.

Sources: the IANA registries "DNS Parameters" and "Service Name and Transport Protocol Port
Number"; spelling of TLS versions as in Zeek.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secwatch.sensor.kernels.state import NONE16
from secwatch.sensor.kernels.state import SERVICES as _SEEN_SERVICES

_TRANSPORTS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}

# Guessed from the port of the server, only for protocols that no kernel recognises by content
# (or a guess would hide that port 443 speaks something else), and only if there was payload.
_TCP_GUESSES = {
    21: "ftp", 23: "telnet", 25: "smtp", 88: "kerberos", 110: "pop3", 111: "rpc", 135: "dce_rpc",
    139: "netbios", 143: "imap", 179: "bgp", 389: "ldap", 445: "smb", 465: "smtp", 502: "modbus",
    554: "rtsp", 587: "smtp", 873: "rsync", 1433: "mssql", 1521: "oracle", 1883: "mqtt", 3306: "mysql",
    3389: "rdp", 5060: "sip", 5432: "postgresql", 5900: "vnc", 6379: "redis", 20000: "dnp3",
}  # fmt: skip
_UDP_GUESSES = {
    67: "dhcp", 68: "dhcp", 69: "tftp", 88: "kerberos", 123: "ntp", 137: "netbios", 138: "netbios",
    161: "snmp", 162: "snmp", 389: "ldap", 443: "quic", 500: "ike", 514: "syslog", 547: "dhcp",
    1812: "radius", 1813: "radius", 1900: "ssdp", 3389: "rdp", 4500: "ike", 4789: "vxlan", 5060: "sip",
}  # fmt: skip

SERVICES: tuple[str, ...] = (
    *_SEEN_SERVICES,
    *sorted({*_TCP_GUESSES.values(), *_UDP_GUESSES.values()} - set(_SEEN_SERVICES)),
)


def _by_port(guesses: dict[int, str]) -> NDArray[np.uint8]:
    ports = np.zeros(65536, np.uint8)
    for port, service in guesses.items():
        ports[port] = SERVICES.index(service)
    return ports


_TCP_PORTS, _UDP_PORTS = _by_port(_TCP_GUESSES), _by_port(_UDP_GUESSES)


def services(records: NDArray[Any], payload: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the index into SERVICES for flow records: what was seen, else the guess by port."""
    port = records["destination_port"]
    guess = np.where(records["protocol"] == 6, _TCP_PORTS[port], 0)
    guess = np.where(records["protocol"] == 17, _UDP_PORTS[port], guess)
    chosen: NDArray[np.uint8] = np.where((records["service"] == 0) & payload, guess, records["service"])
    return chosen


def transport(protocol: int) -> str:
    """Return tcp, udp, icmp, icmp6, or ip-N."""
    return _TRANSPORTS.get(protocol, f"ip-{protocol}")


_QUERY_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT",
    17: "RP", 18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 32: "NB", 33: "SRV",
    35: "NAPTR", 36: "KX", 37: "CERT", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP",
    45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM",
    52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC",
    63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64", 249: "TKEY",
    250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}  # fmt: skip

_RESPONSE_CODES = (
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
)  # fmt: skip


def query_type(code: int) -> str:
    """Return A, AAAA, TXT, … or TYPEn (RFC 3597)."""
    return _QUERY_TYPES.get(code, f"TYPE{code}") if code else ""


def response_code(code: int) -> str:
    """Return NOERROR, NXDOMAIN, … or RCODEn; nothing if there was no answer."""
    if code == NONE16:
        return ""
    return _RESPONSE_CODES[code] if code < len(_RESPONSE_CODES) else f"RCODE{code}"


_TLS_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv10", 0x0302: "TLSv11", 0x0303: "TLSv12", 0x0304: "TLSv13"}


def tls_version(version: int) -> str:
    """Return TLSv13, … in Zeek's spelling; nothing if no server answered."""
    if version in (NONE16, 0):
        return ""
    if version >> 8 == 0x7F:
        return f"TLSv13-draft{version & 0xFF}"
    return _TLS_VERSIONS.get(version, f"unknown-{version:04x}")


def cipher(code: int) -> str:
    """Return the cipher suite in hexadecimal; nothing for -1, no answer."""
    return f"0x{code:04x}" if code >= 0 else ""


def http_version(number: int) -> str:
    """Return 1.0 or 1.1 for 10 or 11, nothing for 0: the message did not say."""
    return f"{number // 10}.{number % 10}" if number else ""
