"""Interfaces that go down, leave, come back, get other names: live capture goes on, and says so."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.captures import write_frames
from tests.pipeline.wires import Live, Wires, skip_unless_networks_can_be_made, wires
from tests.sensor.frames import SYN, ethernet, ipv4, segment, udp

SEEN = 2.3  # seconds within which a change is looked at


@pytest.fixture
def own() -> Iterator[Wires]:
    """Wires that a test may cut."""
    skip_unless_networks_can_be_made()
    from secwatch.sensor import kernels

    kernels.warm()
    with wires() as made:
        yield made


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A capture with one packet."""
    return write_frames(tmp_path / "one.pcap", [segment(SYN)])


def test_down_up_gone_and_made_anew(own: Wires, workspace: Path, one: Path) -> None:
    live = Live(own, workspace, "-i", "a1", "--json").ready()
    own.send(one)
    own.ip("link", "set", "a1", "down")
    time.sleep(SEEN)
    own.ip("link", "set", "a1", "up")
    time.sleep(SEEN)
    own.send(one)
    own.ip("link", "delete", "a0")
    time.sleep(SEEN)
    own.pair("a")
    time.sleep(3)
    own.send(one)
    ended = live.end()
    assert ended.json["packets"] == 3, ended.stderr
    said = [line for line in ended.stderr.splitlines() if "interface a1" in line]
    words = [word for line in said for word in ("down", "up again", "gone") if word in line]
    if words[2:4] == ["down", "gone"]:
        del words[2]  # Linux takes an interface down before it deletes it; whoever looks just then sees that
    assert words == ["down", "up again", "gone", "up again"], ended.stderr


@pytest.mark.parametrize("noticed", [True, False])
def test_away_in_another_namespace_and_back_with_the_same_number(
    own: Wires, workspace: Path, one: Path, noticed: bool
) -> None:
    with wires() as other:
        other.ip("link", "delete", "a0")
        number = own.number("a1")
        # Linux forgets that it was told to discover no neighbours there.
        live = Live(own, workspace, "-i", "a1", "--json", "--filter", "tcp").ready()
        own.send(one)
        own.ip("link", "set", "a1", "netns", other.name)
        if noticed:
            time.sleep(SEEN)
        other.ip("link", "set", "a1", "netns", own.name)
        own.ip("link", "set", "a1", "up")
        assert own.number("a1") == number
        time.sleep(SEEN)
        own.send(one)
        ended = live.end()
    assert ended.json["packets"] == 2, ended.stderr
    lacked = "a1 has gone" in ended.stderr or "a1 is down" in ended.stderr
    assert lacked == ("a1 is up again" in ended.stderr)
    assert "a1 has gone" in ended.stderr or not noticed


def test_deleted_and_made_anew_with_the_same_number(own: Wires, workspace: Path, one: Path) -> None:
    numbers = own.number("a0"), own.number("a1")
    live = Live(own, workspace, "-i", "a1", "--json").ready()
    own.ip("link", "delete", "a0")
    time.sleep(SEEN)
    own.pair("a", numbers)
    assert own.number("a1") == numbers[1]
    time.sleep(SEEN)
    own.send(one)
    ended = live.end()
    assert ended.json["packets"] == 1, ended.stderr


def test_another_name_is_said_and_the_old_one_taken_again(own: Wires, workspace: Path, one: Path) -> None:
    live = Live(own, workspace, "-i", "a1", "--json").ready()
    own.ip("link", "set", "a1", "name", "mirror9")
    time.sleep(SEEN)
    own.send(one)
    own.ip("link", "set", "b1", "name", "a1")  # who asks for a1 gets what has that name
    time.sleep(SEEN)
    own.send(one, "b0")
    ended = live.end()
    assert ended.json["packets"] == 2, ended.stderr
    assert "interface a1 goes on under another name (renamed to mirror9)" in ended.stderr
    assert "gone" not in ended.stderr


@pytest.mark.parametrize("loopback", ["up", "down"])
def test_a_filter_for_tags_on_an_interface_that_is_down_at_first(
    own: Wires, workspace: Path, tmp_path: Path, loopback: str
) -> None:
    tagged = [ethernet(ipv4(udp(b"x", (40000, 9)), 17), tags=[(0x8100, tag)]) for tag in (7, 8, 7)]
    path = write_frames(tmp_path / "tagged.pcap", tagged)
    own.ip("link", "set", "a1", "down")
    own.ip("link", "set", "lo", loopback)
    live = Live(own, workspace, "-i", "a1", "--json", "--filter", "vlan 7")
    if loopback == "down":
        ended = live.end(None)
        assert ended.code == 1
        assert "while both a1 and lo are down" in ended.stderr
        assert "ip link set lo up" in ended.stderr
        return
    live.ready()
    own.ip("link", "set", "a1", "up")
    time.sleep(SEEN)
    own.send(path)
    ended = live.end()
    assert ended.json["packets"] == 2, ended.stderr


def test_the_same_filter_for_an_interface_that_is_up_down_or_the_loopback(own: Wires) -> None:
    programs = set()
    for name, condition in (("a1", "up"), ("a1", "down"), ("lo", "up")):
        own.ip("link", "set", name, condition)
        programs.add(own.run([sys.executable, "-c", _COMPILE, name]))
    assert len(programs) == 1


_COMPILE = (
    "import sys; from secwatch.sensor.packet_filter import compile_filter\n"
    "for text in ('vlan 7 and tcp', 'inbound and port 53', 'not vlan', 'ether multicast'):\n"
    "    print(compile_filter(text, sys.argv[1], ethernet=True).hex())"
)
