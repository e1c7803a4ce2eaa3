"""What is compared: each subject as facts of ours and facts of theirs, ready to be subtracted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.sensor.peers import connections, internet, logins, windows
from tests.sensor.peers.connections import Facts
from tests.sensor.peers.tshark import Packet
from tests.sensor.reading import Reading


@dataclass(frozen=True)
class Subject:
    """One thing both programs say of a capture."""

    ours: Callable[[Reading], Facts]
    theirs: Callable[[Sequence[Packet]], Facts]


TSHARK: Mapping[str, Subject] = {
    "packets": Subject(connections.our_packets, connections.their_packets),
    "conversations": Subject(connections.our_conversations, connections.their_conversations),
    "states": Subject(connections.our_states, connections.their_states),
    "dns": Subject(internet.our_dns, internet.their_dns),
    "client hellos": Subject(internet.our_client_hellos, internet.their_client_hellos),
    "server hellos": Subject(internet.our_server_hellos, internet.their_server_hellos),
    "http requests": Subject(internet.our_requests, internet.their_requests),
    "http answers": Subject(internet.our_answers, internet.their_answers),
    "certificates": Subject(logins.our_certificates, logins.their_certificates),
    "ssh": Subject(logins.our_ssh, logins.their_ssh),
    "ftp": Subject(logins.our_ftp, logins.their_ftp),
    "smtp": Subject(logins.our_smtp, logins.their_smtp),
    "dhcp": Subject(logins.our_dhcp, logins.their_dhcp),
    "smb": Subject(windows.our_smb, windows.their_smb),
    "ntlm": Subject(windows.our_ntlm, windows.their_ntlm),
    "kerberos": Subject(windows.our_kerberos, windows.their_kerberos),
    "ldap": Subject(windows.our_ldap, windows.their_ldap),
    "arp": Subject(logins.our_arp, logins.their_arp),
    "icmp": Subject(logins.our_icmp, logins.their_icmp),
}
