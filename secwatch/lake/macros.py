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
        "last_label(name)",
        "regexp_extract(name, '[^.]+$')",
        "the last label of a domain name, its top-level domain",
    ),
    Macro(
        "address_is_shared(address)",
        "regexp_matches(address, '^(22[4-9]|23[0-9])[.]|^ff[0-9a-f]{2}:|[.]255$')",
        "whether an address is a multicast one or looks like an IPv4 broadcast",
    ),
    Macro(
        "address_is_private(address)",
        "regexp_matches(address, '^(10|127)[.]|^192[.]168[.]|^169[.]254[.]|^172[.](1[6-9]|2[0-9]|3[01])[.]"
        "|^100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|^f[cd][0-9a-f]{2}:|^fe[89ab][0-9a-f]:|^::1$')",
        "whether an address is private, link-local, shared or loopback (RFC 1918, 3927, 4193, 6598)",
    ),
    Macro(
        "some_of(value)", "list_slice(list_sort(list(DISTINCT value)), 1, 20)", "the first 20 distinct values, sorted"
    ),
    Macro(
        "quartile(value, share)",
        "quantile_cont(value, share)",
        "the value below which that share lies (0.25, 0.5, 0.75)",
    ),
    Macro("median_deviation(value)", "mad(value)", "the median of the distances from the median"),
    Macro(
        "seconds_between(before, after)",
        "(epoch_us(after) - epoch_us(before)) / 1e6",
        "seconds from one moment to another",
    ),
)
