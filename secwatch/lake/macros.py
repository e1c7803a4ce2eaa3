"""Functions that detections may use beyond plain SQL: named once here, so that another engine can define them too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Macro:
    """A function in SQL: `signature` as it is called, `body` as DuckDB computes it, `meaning` for people."""

    signature: str
    body: str
    meaning: str


# Second levels that registries sell names below (co.uk, com.cn, gov.cn): the public suffix list's
# common ones under country codes, https://publicsuffix.org/list/ (section ICANN).
_SECOND_LEVELS = "ac|co|com|edu|gob|gov|go|mil|ne|net|nom|or|org"

MACROS = (
    Macro("first_label(name)", "split_part(name, '.', 1)", "the first label of a domain name"),
    Macro(
        "registered_domain(name)",
        f"CASE WHEN regexp_matches(name, '(^|[.])({_SECOND_LEVELS})[.][a-z]{{2}}$')"
        " THEN regexp_extract(name, '([^.]+[.])?[^.]+[.][^.]+$')"
        " ELSE regexp_extract(name, '([^.]+[.])?[^.]+$') END",
        "the part of a name that somebody registered: example.com, example.co.uk, example.gov.cn",
    ),
    Macro(
        "text_entropy(text)",
        "list_aggregate(string_split(text, ''), 'entropy')",
        "Shannon entropy of the characters of a text, in bits a character",
    ),
    Macro(
        "address_is_multicast(address)",
        "(address LIKE '22_.%' OR address LIKE '23_.%' OR address LIKE 'ff__:%' OR address LIKE '%.255')",
        "whether an address is a multicast or an IPv4 broadcast one",
    ),
)
