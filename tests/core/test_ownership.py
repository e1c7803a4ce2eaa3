"""Who owns what: the longest match wins, and nothing hostile breaks the look-up."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secwatch.core.model import Organisation, Text
from secwatch.core.ownership import Ownership


def _organisation(code: str, **owned: tuple[str, ...]) -> Organisation:
    return Organisation(code, Text(code, code), **owned)  # type: ignore[arg-type]


OWNERSHIP = Ownership(
    [
        _organisation("CITY", netblocks=("10.0.0.0/8", "2001:db8::/32"), domains=("city.example",), paths=("/srv",)),
        _organisation("FIN", netblocks=("10.1.0.0/16", "2001:db8:1::/48"), domains=("finance.city.example",)),
        _organisation("TAX", netblocks=("10.1.2.3/32",), hosts=("TAX-01.", "tax.city.example"), paths=("/srv/tax/",)),
    ]
)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("10.9.9.9", "CITY"),
        ("10.1.9.9", "FIN"),
        ("10.1.2.3", "TAX"),
        ("2001:db8:2::1", "CITY"),
        ("2001:db8:1::1", "FIN"),
        ("192.0.2.1", None),
        ("a.city.example", "CITY"),
        ("A.Finance.City.Example.", "FIN"),
        ("tax-01", "TAX"),
        ("xcity.example", None),
        ("example", None),
        ("/srv/health/a", "CITY"),
        ("/srv/tax/2026/a", "TAX"),
        ("/srv/taxes", "CITY"),
        ("/etc/passwd", None),
        ("", None),
        (None, None),
    ],
)
def test_the_longest_match_owns(text: str | None, owner: str | None) -> None:
    """A /32 before a /16 before a /8, a host before its domain, a directory before its parent."""
    assert OWNERSHIP.of(text) == owner


@given(st.text(max_size=80))
def test_any_text_may_be_asked(text: str) -> None:
    """Names come from packets: no text raises."""
    OWNERSHIP.of(text)


blocks = st.builds(
    lambda address, prefix: str(ip_network((address, prefix), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(st.lists(blocks, unique=True, max_size=12), st.integers(0, 2**32 - 1))
def test_it_agrees_with_trying_every_block(netblocks: list[str], value: int) -> None:
    """The prefix table gives what a slow search gives."""
    ownership = Ownership([_organisation(block, netblocks=(block,)) for block in netblocks])
    address = ip_address(value)
    holding = [block for block in netblocks if address in ip_network(block)]
    expected = max(holding, key=lambda block: ip_network(block).prefixlen) if holding else None
    assert ownership.of_address(str(address)) == expected
