"""Which parser reads the messages of which service."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from secwatch.sensor.protocols import dhcp, ftp, kerberos, quic, rdp, smtp, ssh, stratum
from secwatch.sensor.protocols.dce_rpc import Association
from secwatch.sensor.protocols.ldap import LdapConversation
from secwatch.sensor.protocols.row import Conversation, Parse
from secwatch.sensor.protocols.smb import SmbConversation

# By the name of the service (kernels.state.SERVICES). STATELESS parsers are asked once per distinct content.
STATELESS: Mapping[str, Parse] = {
    "ssh": ssh.parse,
    "stratum": stratum.parse,
    "dhcp": dhcp.parse,
    "kerberos": kerberos.parse,
    "rdp": rdp.parse,
}
REMEMBERING: Mapping[str, Callable[[], Conversation]] = {
    "ftp": ftp.Conversation,
    "smtp": smtp.Conversation,
    "quic": quic.Conversation,
    "smb": SmbConversation,
    "dce_rpc": Association,
    "ldap": LdapConversation,
}
COUNTING = frozenset({"ldap"})  # whose parsers are told how many messages of an exchange were only counted
