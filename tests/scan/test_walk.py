"""The walk through trees made to mislead it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secwatch.scan.exclude import Excludes
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.scan_walk import scan as scan_walk
from secwatch.scan.scanner import Limits
from secwatch.scan.verdicts import Examined, Reason, Tally, Verdict
from secwatch.scan.walk import MAX_OPEN_ANCESTORS, Policy, Walk
from tests.conftest import skip_unless_others_can_run
from tests.scan.conftest import MARKER

Scan = Callable[..., tuple[dict[str, Examined], Tally]]


def test_links_pipes_sockets_and_loops_are_left_out_and_counted(scan: Scan, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "inside").mkdir(parents=True)
    (tree / "inside" / "page").write_bytes(MARKER)
    (tree / "inside" / "loop").symlink_to("..")
    (tree / "inside" / "self").symlink_to("self")
    (tree / "zero").symlink_to("/dev/zero")
    (tree / "outside").symlink_to(tmp_path)
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
        found, tally = scan(tree)
    assert found[str(tree / "inside" / "page")].verdict is Verdict.MATCH
    assert tally.files == 1
    assert tally.directories == 2
    assert tally.skipped == {Reason.SYMLINK: 4, Reason.SPECIAL: 2}
    assert tally.complete


def test_names_may_be_anything(scan: Scan, tmp_path: Path) -> None:
    names = [b"line\nbreak", b"\x1b[31mred", b"not-utf8-\xff\xfe", "页面.php".encode(), b" ", b"-rf", b"[markup]"]
    for name in names:
        (tmp_path / "tree").mkdir(exist_ok=True)
        Path(os.fsdecode(os.fsencode(tmp_path / "tree") + b"/" + name)).write_bytes(MARKER)
    found, tally = scan(tmp_path / "tree")
    assert {os.fsencode(path).rpartition(b"/")[2] for path in found} == set(names)
    assert tally.verdicts == {Verdict.MATCH: len(names)}


def test_a_named_link_is_followed(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "page").write_bytes(MARKER)
    (tmp_path / "link").symlink_to("real")
    found, _ = scan(tmp_path / "link")
    assert list(found) == [str(tmp_path / "real" / "page")]


def test_what_is_named_twice_or_within_another_is_scanned_once(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "page").write_bytes(MARKER)
    (tmp_path / "a" / "other").write_bytes(b"")
    found, tally = scan(tmp_path / "a" / "b" / "page", tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a")
    assert len(found) == tally.files == 2


def test_a_file_of_two_names_counts_once_whatever_the_threads(scan: Scan, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(60):
        (tree / f"{number:02}").mkdir(parents=True)
    (tree / "00" / "first").write_bytes(MARKER)
    for number in range(1, 60):
        os.link(tree / "00" / "first", tree / f"{number:02}" / "again")
    for threads in (1, 4):
        found, tally = scan(tree, threads=threads)
        assert [path for path, item in found.items() if item.hits] == [str(tree / "00" / "first")]
        assert tally.skipped == {Reason.HARD_LINK: 59}
        assert tally.bytes == len(MARKER)


def test_what_is_found_does_not_depend_on_the_threads(scan: Scan, tmp_path: Path) -> None:
    for number in range(40):
        directory = tmp_path / "tree" / f"d{number % 7}" / f"e{number}"
        directory.mkdir(parents=True)
        (directory / "page").write_bytes(MARKER * (1 + number % 3 * 10_000))
    found = [scan(tmp_path / "tree", threads=threads)[0] for threads in (1, 2, 8)]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 40


def test_missing_and_special_names_among_others_are_problems(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"clean")
    os.mkfifo(tmp_path / "pipe")
    found, tally = scan(tmp_path / "page", tmp_path / "missing", tmp_path / "pipe", Path("/dev/zero"))
    assert found[str(tmp_path / "missing")].reason is Reason.MISSING
    assert found["/dev/zero"].reason is Reason.SPECIAL
    assert tally.verdicts == {Verdict.CLEAN: 1, Verdict.ERROR: 1, Verdict.SKIPPED: 2}
    assert not tally.complete
    assert tally.unread == 3


@contextmanager
def _without_privileges() -> Iterator[Path]:
    """A directory that an unprivileged user can reach; root may read everything, so it steps down."""
    directory = Path(mkdtemp(prefix="secwatch-test-"))
    directory.chmod(0o755)
    root = os.geteuid() == 0
    try:
        yield directory
    finally:
        if root:
            os.seteuid(0)
        for path in directory.rglob("*"):
            path.chmod(0o700)
        shutil.rmtree(directory)


def test_what_may_not_be_read_is_an_error_and_never_clean(book: Callable[..., Rulebook]) -> None:
    if os.geteuid() == 0:
        skip_unless_others_can_run()
    made, tally = book(marker="rule marker { condition: false }"), Tally()
    with _without_privileges() as tree:
        (tree / "secret").write_bytes(MARKER)
        (tree / "locked").mkdir()
        (tree / "locked" / "page").write_bytes(MARKER)
        (tree / "open").write_bytes(b"clean")
        (tree / "secret").chmod(0)
        (tree / "locked").chmod(0)
        if os.geteuid() == 0:
            os.seteuid(65534)
        results = [item for batch in scan_walk(Walk([str(tree)], Policy()), made, Limits(), 2, tally) for item in batch]
    found = {item.path: item for item in results}
    assert found[str(tree / "secret")].reason is Reason.PERMISSION
    assert found[str(tree / "locked")].reason is Reason.DIRECTORY
    assert tally.verdicts == {Verdict.ERROR: 2, Verdict.CLEAN: 1}
    assert tally.files == 2
    assert not tally.complete


def _dig(base: Path, depth: int, *, beside: bool) -> None:
    """Make directories one in the other, deeper than any path may be long, and a marker at the bottom."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        if beside:
            os.mkdir("z", dir_fd=descriptor)
        os.mkdir("deep-deep-deep", dir_fd=descriptor)
        inner = os.open("deep-deep-deep", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    bottom = os.open("page", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(bottom, MARKER)
    os.close(bottom)
    os.close(descriptor)


def _fill_in(base: Path) -> None:
    """Remove what `_dig` made, from the top: Python's own removal recurses too deeply for it."""
    for number in range(2_000):
        deep = base / "deep-deep-deep"
        if not deep.exists():
            break
        if (deep / "deep-deep-deep").exists():
            (deep / "deep-deep-deep").rename(base / "next")
        shutil.rmtree(deep)
        if (base / "next").exists():
            (base / "next").rename(deep)
        assert number < 1_999


def test_a_chain_of_directories_longer_than_any_path_is_walked_to_its_end(scan: Scan, tmp_path: Path) -> None:
    _dig(tmp_path, 700, beside=False)
    try:
        found, tally = scan(tmp_path)
        assert tally.verdicts[Verdict.MATCH] == 1
        assert max(map(len, found)) > os.pathconf("/", "PC_PATH_MAX")
    finally:
        _fill_in(tmp_path)


def test_a_tree_deeper_than_our_descriptors_reach_is_said(scan: Scan, tmp_path: Path) -> None:
    _dig(tmp_path, MAX_OPEN_ANCESTORS + 5, beside=True)
    try:
        _, tally = scan(tmp_path)
        assert tally.reasons[Reason.TOO_DEEP] == 2
        assert not tally.complete
        assert tally.directories > MAX_OPEN_ANCESTORS
    finally:
        _fill_in(tmp_path)


def test_no_descriptor_stays_open(scan: Scan, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / "tree" / str(number)).mkdir(parents=True)
        (tmp_path / "tree" / str(number) / "page").write_bytes(MARKER)
    scan(tmp_path / "tree")
    before = len(list(Path("/proc/self/fd").iterdir()))
    scan(tmp_path / "tree")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_excluded_paths_are_counted_and_named_ones_win_over_them(scan: Scan, tmp_path: Path) -> None:
    for name in ("keep", "cache", "deep/cache", "images"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "page.iso").write_bytes(MARKER)
        (tmp_path / name / "page").write_bytes(MARKER)
    found, tally = scan(tmp_path, exclude=["cache", "*.iso", str(tmp_path / "images")])
    hits = {path for path, item in found.items() if item.hits}
    assert hits == {str(tmp_path / "keep" / "page")}
    assert tally.skipped[Reason.EXCLUDED] == 4
    found, _ = scan(tmp_path / "images", exclude=[str(tmp_path / "images"), "*.iso"])
    assert {path for path, item in found.items() if item.hits} == {str(tmp_path / "images" / "page")}


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("/proc", ["/proc"], ["/proc2", "/a/proc"]),
        ("/proc/", ["/proc"], ["/procedure"]),
        ("cache", ["/cache", "/a/b/cache"], ["/a/cached", "/cache/x"]),
        ("*.iso", ["/a/x.iso", "/.iso"], ["/x.iso/y"]),
        ("/srv/*/tmp", ["/srv/a/tmp"], ["/srv/a/b/tmp", "/srv/tmp"]),
        ("/srv/**/tmp", ["/srv/tmp", "/srv/a/b/tmp"], ["/srv/tmp2"]),
        ("a/b", ["/a/b", "/x/a/b"], ["/ba/b"]),
        ("[ab]?.log", ["/a1.log", "/x/b2.log"], ["/c1.log", "/a.log"]),
        ("[!a].log", ["/b.log"], ["/a.log", "//.log"]),
        ("[z-a]", ["/[z-a]"], ["/z"]),
        ("a+b(c).txt", ["/a+b(c).txt"], ["/aab(c).txt"]),
        ("line\nbreak", ["/line\nbreak"], ["/line"]),
    ],
)
def test_patterns_of_what_is_left_out(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    excludes = Excludes([pattern])
    assert [path for path in covered if not excludes.covers(path)] == []
    assert [path for path in not_covered if excludes.covers(path)] == []


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=()), max_size=20), st.text(max_size=20))
def test_no_pattern_fails(pattern: str, path: str) -> None:
    Excludes([pattern, "x"]).covers(f"/{path}")


@given(st.text("ab.[]-!\\^*?", min_size=1, max_size=8))
def test_a_plain_name_covers_itself(name: str) -> None:
    if not any(character in name for character in "*?["):
        assert Excludes([name]).covers(f"/srv/{name}")
