"""Tables of what moves on the network itself: flows, ICMP, ARP, DHCP."""

from __future__ import annotations

from secwatch.core.columns import Column, Kind, Table


def ends(protocol: str) -> tuple[Column, ...]:
    """Return the columns for the ends of a flow; `protocol` is its IP protocol number in SQL."""
    identity = f"community_id(source_address, source_port, destination_address, destination_port, {protocol})"
    return (
        Column(
            "community_id",
            Kind.TEXT,
            "Community ID version 1 of the flow; computed when it is asked for",
            "community_id",
            computed=identity,
        ),
        Column("source_address", Kind.TEXT, "address of the client", "id.orig_h"),
        Column("source_port", Kind.UINT16, "port of the client; ICMP: the type", "id.orig_p"),
        Column("destination_address", Kind.TEXT, "address of the server", "id.resp_h"),
        Column("destination_port", Kind.UINT16, "port of the server; ICMP: the code", "id.resp_p"),
    )


TCP, UDP, BY_TRANSPORT = "6", "17", "protocol_number(transport)"
TRANSPORT = Column("transport", Kind.TEXT, "tcp or udp", "proto")

FLOWS = Table(
    "flows",
    "last_seen",
    (
        Column("first_seen", Kind.TIME, "time of the first packet", "ts"),
        Column("last_seen", Kind.TIME, "time of the last packet so far"),
        *ends("ip_protocol"),
        Column("transport", Kind.TEXT, "tcp, udp, icmp, icmp6, or ip-N", "proto"),
        Column("ip_protocol", Kind.UINT8, "IP protocol number", "ip_proto"),
        Column("service", Kind.TEXT, "application seen or guessed: dns, tls, http, ssh, …", "service"),
        Column("service_seen", Kind.BOOLEAN, "whether the contents showed the service; else the port suggests it"),
        Column("connection_state", Kind.TEXT, "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH", "conn_state"),
        Column("history", Kind.TEXT, "letters for what happened, client in capitals", "history"),
        Column("source_packets", Kind.UINT64, "packets from the client", "orig_pkts"),
        Column("source_bytes", Kind.UINT64, "IP bytes from the client", "orig_ip_bytes"),
        Column("source_payload_bytes", Kind.UINT64, "transport payload bytes from the client"),
        Column("destination_packets", Kind.UINT64, "packets from the server", "resp_pkts"),
        Column("destination_bytes", Kind.UINT64, "IP bytes from the server", "resp_ip_bytes"),
        Column("destination_payload_bytes", Kind.UINT64, "transport payload bytes from the server"),
        Column("source_tcp_flags", Kind.UINT8, "all TCP flags the client sent, or-ed"),
        Column("destination_tcp_flags", Kind.UINT8, "all TCP flags the server sent, or-ed"),
        Column(
            "source_retransmissions",
            Kind.UINT32,
            "segments of the client whose payload was there before; of UDP, mirrored copies of DNS and the like",
        ),
        Column(
            "destination_retransmissions",
            Kind.UINT32,
            "segments of the server whose payload was there before; of UDP, mirrored copies of DNS and the like",
        ),
        Column("source_first_payload_bytes", Kind.UINT16, "payload of the client's first packet that had one"),
        Column("destination_first_payload_bytes", Kind.UINT16, "payload of the server's first packet that had one"),
        Column("source_ttl", Kind.UINT8, "time to live, or hop limit, of the client's first packet; 0: none seen"),
        Column("destination_ttl", Kind.UINT8, "time to live, or hop limit, of the server's first packet; 0: none seen"),
        Column("vlan", Kind.UINT16, "innermost VLAN identifier, 0 for none", "vlan"),
        Column("outer_vlan", Kind.UINT16, "outermost VLAN identifier where there are two (QinQ), 0 for none"),
        Column("tunnel", Kind.TEXT, "innermost tunnel: gre, erspan, ip-in-ip, vxlan, geneve, pppoe, mpls"),
        Column("tunnel_id", Kind.UINT32, "network identifier, key, session or label of that tunnel, 0 for none"),
        Column("export_reason", Kind.TEXT, "end, idle, active, evicted, flush"),
    ),
)

ICMP = Table(
    "icmp",
    "time",
    (
        Column("time", Kind.TIME, "time of the packet", "ts"),
        *ends(BY_TRANSPORT),
        Column("from_source", Kind.BOOLEAN, "whether the source of the flow sent this packet"),
        Column("transport", Kind.TEXT, "icmp or icmp6"),
        Column("type", Kind.UINT8, "ICMP type"),
        Column("code", Kind.UINT8, "ICMP code"),
        Column("identifier", Kind.UINT16, "identifier of an echo or timestamp message, else 0"),
        Column("sequence", Kind.UINT16, "sequence number of an echo or timestamp message, else 0"),
        Column("payload_bytes", Kind.UINT16, "bytes behind the ICMP header"),
        Column("payload_hash", Kind.TEXT, "FNV-1a (64 bits) of the captured payload: equal payloads agree"),
        Column("original_protocol", Kind.UINT8, "of an error: IP protocol of the packet it answers", nullable=True),
        Column("original_destination_address", Kind.TEXT, "of an error: where that packet went"),
        Column("original_destination_port", Kind.UINT16, "of an error: to which port", nullable=True),
    ),
)

ARP = Table(
    "arp",
    "time",
    (
        Column("time", Kind.TIME, "time of the packet", "ts"),
        Column("operation", Kind.UINT16, "1 request, 2 reply"),
        Column("source_address", Kind.TEXT, "IPv4 address the sender claims; 0.0.0.0: a probe"),
        Column("source_hardware", Kind.TEXT, "hardware address the sender claims"),
        Column("destination_address", Kind.TEXT, "IPv4 address asked for or told"),
        Column("destination_hardware", Kind.TEXT, "hardware address of the target as stated"),
        Column("link_source", Kind.TEXT, "hardware address the frame came from"),
        Column("vlan", Kind.UINT16, "innermost VLAN identifier, 0 for none"),
    ),
)

DHCP = Table(
    "dhcp",
    "time",
    (
        Column("time", Kind.TIME, "time of the message", "ts"),
        *ends(UDP),
        Column("message_type", Kind.TEXT, "DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM", "msg_types"),
        Column("transaction_id", Kind.UINT32, "identifier of the exchange"),
        Column("client_hardware", Kind.TEXT, "hardware address of the client", "mac"),
        Column("client_address", Kind.TEXT, "address the client has", "client_addr"),
        Column("requested_address", Kind.TEXT, "address the client asks for", "requested_addr"),
        Column("assigned_address", Kind.TEXT, "address the server gives", "assigned_addr"),
        Column("relay_address", Kind.TEXT, "address of the relay that passed the message on"),
        Column("server_identifier", Kind.TEXT, "address of the server (option 54)", "server_addr"),
        Column("routers", Kind.TEXTS, "gateways the server gives (option 3)"),
        Column("name_servers", Kind.TEXTS, "DNS servers the server gives (option 6)"),
        Column("host_name", Kind.TEXT, "name the client gives itself", "host_name"),
        Column("client_fqdn", Kind.TEXT, "full name the client gives itself (option 81)", "client_fqdn"),
        Column("domain", Kind.TEXT, "domain name (option 15)", "domain"),
        Column("vendor_class", Kind.TEXT, "vendor class identifier (option 60)"),
        Column("parameters", Kind.NUMBERS, "options the client asks for, in its order (option 55)"),
        Column("lease_seconds", Kind.UINT32, "lease time, s", "lease_time", nullable=True),
        Column("message", Kind.TEXT, "what is wrong, in words (option 56)", "server_message"),
    ),
)
