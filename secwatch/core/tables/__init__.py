"""The tables of the lake: every column of flows and protocol events, by name, kind and meaning.

Names follow the logs of Zeek in whole words; `Column.zeek` gives the counterpart. Times are UTC,
microseconds since 1970. The client (who opened the connection) is the source. One row of a
protocol's table is one transaction, as in Zeek: request and answer together.
"""

from __future__ import annotations

from collections.abc import Mapping

from secwatch.core.columns import Table
from secwatch.core.tables.connections import ARP, DHCP, FLOWS, ICMP
from secwatch.core.tables.internet import DNS, FTP, HTTP, QUIC, SMTP, SSH, STRATUM, TLS
from secwatch.core.tables.windows import DCE_RPC, KERBEROS, LDAP, NTLM, RDP, SMB

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        *(FLOWS, DNS, TLS, QUIC, HTTP, SSH, FTP, SMTP, STRATUM),
        *(SMB, DCE_RPC, NTLM, KERBEROS, RDP, LDAP),
        *(DHCP, ARP, ICMP),
    )
}
