"""The real captures: what their own projects say about them, the sensor must see."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from secwatch.sensor.reader import SensorSettings
from tests.sensor.reading import Reading, Row, accounted, read, tag

Manifest = Sequence[Mapping[str, Any]]


@pytest.fixture(scope="module")
def readings(captures: Path, manifest: Manifest) -> dict[str, Reading]:
    """Every capture, read once."""
    return {entry["file"]: read(captures / entry["file"]) for entry in manifest}


def _ends(flow: Row) -> frozenset[tuple[str, int]]:
    return frozenset(
        {(flow["source_address"], flow["source_port"]), (flow["destination_address"], flow["destination_port"])}
    )


def test_every_packet_is_counted_and_accounted_for(readings: dict[str, Reading], manifest: Manifest) -> None:
    assert len(manifest) >= 40
    for entry in manifest:
        reading = readings[entry["file"]]
        expected = entry["measured"]["n"]
        if "fuzz" in entry["file"]:
            expected = 1  # its second record claims 1.4 GB: the project's own count goes on into the damage
            assert reading.counters.malformed["corrupt_record"] == 1
        assert reading.counters.packets == expected, entry["file"]
        assert accounted(reading), entry["file"]
        assert reading.counters.flows == len(reading.flows)


# What was measured there is the tunnel; our flows are what is inside it (test_flows_equal_zeeks_log).
TUNNEL = "zeek__tunnels_vxlan.pcap"


def test_flows_have_the_measured_number_of_distinct_ends(readings: dict[str, Reading], manifest: Manifest) -> None:
    for entry in manifest:
        if entry["file"] == TUNNEL:
            continue
        flows = [flow for flow in readings[entry["file"]].flows if flow["transport"] in ("tcp", "udp")]
        distinct = {(flow["transport"], _ends(flow)) for flow in flows}
        assert len(distinct) == entry["measured"]["flows"], entry["file"]


def test_transports_have_the_measured_number_of_packets(readings: dict[str, Reading], manifest: Manifest) -> None:
    for entry in manifest:
        if entry["label"] == "malformed" or entry["file"] == TUNNEL:
            continue
        for transport in ("tcp", "udp", "icmp"):
            flows = [flow for flow in readings[entry["file"]].flows if flow["transport"] == transport]
            packets = sum(flow["source_packets"] + flow["destination_packets"] for flow in flows)
            if transport in entry["measured"]:
                assert packets == entry["measured"][transport], (entry["file"], transport)


def test_identity_is_the_tag_of_the_file(readings: dict[str, Reading], captures: Path, manifest: Manifest) -> None:
    for entry in manifest:
        content = (captures / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert readings[entry["file"]].identity == tag(content)


def test_community_ids_are_those_of_the_specification(readings: dict[str, Reading], manifest: Manifest) -> None:
    checked = 0
    for entry in manifest:
        for expected in entry.get("peer_facts", {}).get("community_id_seed0", ()):
            addresses = {ipaddress.ip_address(expected["saddr"]), ipaddress.ip_address(expected["daddr"])}
            found = {
                flow["community_id"]
                for flow in readings[entry["file"]].flows
                if {ipaddress.ip_address(flow["source_address"]), ipaddress.ip_address(flow["destination_address"])}
                == addresses
            }
            assert expected["communityid"] in found, (entry["file"], expected)
            checked += 1
    assert checked >= 20


def test_client_hellos_have_the_published_fingerprint(readings: dict[str, Reading]) -> None:
    (row,) = readings["suricata-verify__ja4-tls_input.pcap"].tls
    assert row["ja4"] == "t12i1810s1_27d4652c4487_06a4338d0495"
    assert row["application_protocols"] == ["spdy/3.1", "http/1.1"]
    assert (row["version"], row["cipher"]) == ("TLSv12", "0xc02f")
    assert row["ja3"] == "308b0bd904abbef5e0034a1ff7a78920"  # as tshark 4.0 computes it, and the next
    curl = readings["StratosphereLinuxIPS__dataset_test-cc_test-cc-capture-2.pcap"].tls
    assert {row["ja3"] for row in curl} == {"f436b9416f37d134cadd04886327d3e8"}


def test_servers_choose_the_versions_zeek_saw(readings: dict[str, Reading]) -> None:
    rows = readings["zeek__tls_tls-expired-cert.pcap"].tls
    chosen = {row["destination_address"]: (row["version"], row["cipher"]) for row in rows}
    assert chosen == {"87.98.220.10": ("TLSv10", "0x0039"), "122.1.240.204": ("TLSv10", "0x0035")}
    (glupteba,) = readings["suricata-verify__tls_tls-glupteba_input.pcap"].tls
    assert glupteba["version"] == "TLSv10"
    names = {row["server_name"] for row in readings["StratosphereLinuxIPS__dataset_test-cc_test-cc-capture-2.pcap"].tls}
    assert names == {"testing.com"}


def test_tunnels_and_floods_show_in_names(readings: dict[str, Reading]) -> None:
    tunnel = readings["nDPI__default_pcap_dns-tunnel-iodine.pcap"].dns
    # tshark counts 222 names as well; the manifest's 181 are those that are ASCII.
    assert len({row["query"] for row in tunnel if row["query"].endswith("pirate.sea")}) == 222
    assert all(row["transaction_id"] for row in tunnel if row["round_trip_seconds"] is not None)
    exfiltration = readings["nDPI__default_pcap_dns_exfiltration.pcap"].dns
    assert len(exfiltration) == 150
    assert all(row["response_code"] for row in exfiltration)
    flood = readings["maltrail__dns_nxdomain_flood.pcap"].dns
    assert [row["response_code"] for row in flood] == ["NXDOMAIN"] * 25
    assert {row["destination_port"] for row in flood} == {53}, "the asker is the source, though only answers are there"
    assert readings["nDPI__default_pcap_malformed_dns.pcap"].counters.malformed["malformed_dns"] == 4


def test_web_requests_carry_their_attack(readings: dict[str, Reading]) -> None:
    dvwa = readings["zeek__http_cooper-grill-dvwa.pcapng"].http
    assert len(dvwa) == 3
    assert {row["host"] for row in dvwa} == {"192.168.111.154"}
    assert all("/dvwa/vulnerabilities/sqli/?id=" in row["uri"] and row["status_code"] == 200 for row in dvwa)
    (download,) = readings["nDPI__default_pcap_exe_download.pcap"].http
    assert download["content_type"] == "application/octet-stream" or download["uri"].endswith(".exe")
    log4shell = readings["nDPI__default_pcap_log4j-webapp-exploit.pcap"].http
    assert len(log4shell) == 3
    wikipedia = readings["zeek__wikipedia.pcap"].http
    assert {row["host"] for row in wikipedia} >= {"bits.wikimedia.org", "upload.wikimedia.org"}


def test_connection_states_of_scans(readings: dict[str, Reading]) -> None:
    scan = readings["nDPI__default_pcap_synscan.pcap"].flows
    assert {flow["source_address"] for flow in scan} == {"172.16.0.8"}
    assert sum(flow["connection_state"] == "S0" for flow in scan) > 1900
    xmas = [flow for flow in readings["maltrail__stealth_scan_xmas.pcap"].flows if flow["transport"] == "tcp"]
    assert all(flow["source_tcp_flags"] & 0x29 == 0x29 for flow in xmas)
    guesses = [flow for flow in readings["zeek__ssh_sshguess.pcap"].flows if flow["service"] == "ssh"]
    assert len(guesses) == 11
    assert {flow["destination_address"] for flow in guesses} == {"192.168.56.103"}


def test_flows_equal_zeeks_log(readings: dict[str, Reading], manifest: Manifest) -> None:
    (entry,) = [entry for entry in manifest if entry["file"] == TUNNEL]
    flows = {(flow["source_address"], flow["source_port"]): flow for flow in readings[TUNNEL].flows}
    opened = 0
    for expected in entry["peer_facts"]["conn.log"]:
        ends = expected["id.orig_h"], int(expected["id.orig_p"])
        if ends not in flows:
            opened += int(expected["orig_pkts"])  # Zeek logs the flow around the tunnel as well
            continue
        flow = flows[ends]
        assert flow["connection_state"] == expected["conn_state"]
        assert (flow["source_packets"], flow["destination_packets"]) == (
            int(expected["orig_pkts"]),
            int(expected["resp_pkts"]),
        )
        if expected["proto"] == "udp":  # ARP is inside, which makes no flow
            assert (flow["history"], flow["service"], flow["tunnel"]) == (expected["history"], "vxlan", "")
        else:
            assert (flow["tunnel"], flow["tunnel_id"]) == ("vxlan", 123)
        if "orig_bytes" in expected:
            assert flow["source_payload_bytes"] == int(expected["orig_bytes"])
            assert f"{(flow['last_seen'] - flow['first_seen']) / 1e6:.6f}" == expected["duration"]
    assert (opened, len(flows), len(readings[TUNNEL].icmp), len(readings[TUNNEL].arp)) == (8, 3, 8, 2)


def test_damage_has_a_cause(readings: dict[str, Reading]) -> None:
    assert readings["zeek__trunc_ip4-trunc.pcap"].counters.malformed == {"truncated_ipv4": 1}
    assert readings["zeek__trunc_ip6-ext-trunc.pcap"].counters.malformed == {"truncated_ipv6_extension": 1}
    assert readings["bro-simple-scan__445_scan.pcap"].counters.time_backwards == 9
    assert readings["zeek__arp-who-has.pcap"].counters.not_ip == 2


def test_two_readings_are_equal(captures: Path) -> None:
    path = captures / "zeek-asyncrat-detector__cd010953-5faf-4054-86be-58c020c3a532.pcap"
    first, second = read(path), read(path)
    assert first == second
    assert first.identity == tag(path.read_bytes())


def test_flows_only_gives_the_same_flows_and_nothing_else(
    readings: dict[str, Reading], captures: Path, manifest: Manifest
) -> None:
    def plain(reading: Reading) -> list[dict[str, Any]]:
        guessed = ("service", "service_seen")
        flows = [{name: value for name, value in flow.items() if name not in guessed} for flow in reading.flows]
        return sorted(flows, key=repr)

    for entry in manifest:
        reading = read(captures / entry["file"], SensorSettings(flows_only=True))
        assert plain(reading) == plain(readings[entry["file"]])
        assert not any(flow["service_seen"] for flow in reading.flows)
        assert not any(rows for table, rows in reading.tables.items() if table != "flows")
