"""What restic says, made of it: a result class, one sentence without secrets, a version. No process runs here."""

from __future__ import annotations

import pytest

from backup.features import parse_version
from backup.model import Result
from backup.restic.failures import classify, redact, sentence


def test_sentences_count_only_where_codes_are_missing() -> None:
    """A file name in a newer restic's message cannot pass for a lock; an unknown code is never success."""
    old, new = (0, 14, 0), (0, 18, 0)
    words = "Fatal: wrong password or no key found"
    assert classify(old, 1, words) is Result.AUTH
    assert classify(new, 1, words) is Result.UNKNOWN
    assert classify(new, 12, "") is Result.AUTH
    assert classify(old, 12, "") is Result.UNKNOWN
    assert classify(new, 11, "") is Result.LOCKED
    assert classify(new, 99, "") is Result.UNKNOWN
    assert classify(old, -9, "") is Result.INTERRUPTED
    assert classify(old, 1, "server response: 403 Forbidden") is Result.REFUSED


def test_words_of_restic_become_one_sentence() -> None:
    """The fatal line, without its prefix, in lower case, without credentials."""
    assert (
        sentence("noise\nFatal: Fatal: Unable to reach rest:http://a:b@c/\n\n") == "unable to reach rest:http://***@c/"
    )
    assert sentence("") == "it gave no reason"
    stack = "config file has zero size\nmain.open\n\tgithub.com/restic/restic/cmd/restic/global.go:760\nmain.main.func1"
    assert sentence(stack) == "config file has zero size"


def test_no_part_of_a_password_is_shown() -> None:
    """Whatever signs are in it, and however Go cuts it up."""
    location = "rest:https://dep001:pa/ss@wo%20rd@centre.example/x"
    for said in (
        f"unable to open {location}: 500",
        'parse "https://dep001:pa/ss@wo%20rd@centre.example/x": invalid port ":pa" after host',
        "the server refused pa/ss@wo rd",
    ):
        shown = redact(said, location)
        assert "***" in shown
        assert not any(part in shown for part in ("pa/", "ss@", "wo%20", "wo rd", '":pa"'))
    assert redact("https://u:p@h/x") == "https://***@h/x"
    assert "u:p" not in redact("https://u:p@h/x and sftp://u@h/")


@pytest.mark.parametrize(
    "text",
    [
        "Fatal: config or key 4ae9 is damaged: ciphertext verification failed",
        "Fatal: Unmarshal: unexpected end of JSON input",
        "Fatal: load <index/c84aae6da8>: invalid data returned",
        "id f1614d7a not found in repository",
        "config file has zero size, invalid repository?",
        "Load(<data/535533a5e2>, 248, 321) returned error, retrying after 1s: open /r/53: no such file or directory",
    ],
)
def test_words_of_damage(text: str) -> None:
    """Those of 0.14 and 0.19 are all one class."""
    assert classify((0, 14, 0), 1, text) is classify((0, 19, 0), 1, text) is Result.DAMAGED


def test_versions_of_restic() -> None:
    """Read from its own answer, and from nothing else's."""
    assert parse_version("restic 0.19.1-dev (compiled manually)") == (0, 19, 1)
    assert parse_version("tar (GNU tar) 1.34") is None
