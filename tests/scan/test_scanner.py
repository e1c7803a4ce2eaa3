"""One file, one verdict: also when the file changes under the scan, is too big, or the engine gives up."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.scan import scanner as scanner_module
from secwatch.scan.opening import read_all
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.scanner import Limits, Scanner
from secwatch.scan.verdicts import Examined, Reason, Tally, Verdict
from secwatch.scan.walk import Batch
from tests.scan.conftest import MARKER, RULE, scanner_of

Scan = Callable[..., tuple[dict[str, Examined], Tally]]


def _examine(scanner: Scanner, path: Path) -> Examined:
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    (examined,) = scanner.examine_batch(Batch(parent, str(path.parent), [path.name]))
    return examined


@pytest.mark.parametrize("change", ["grow", "cut", "rewrite"])
@pytest.mark.parametrize("marked", [True, False])
def test_a_file_that_changes_while_it_is_read_is_never_clean(
    change: str, marked: bool, book: Callable[..., Rulebook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes((MARKER if marked else b"x" * 20) + b"." * 5000)
    os.utime(path, (1, 1))

    def read_and_change(descriptor: int, expected: int, limit: int) -> bytes:
        if change == "cut":
            os.truncate(path, 4000)
        content = read_all(descriptor, expected, limit)
        if change == "grow":
            with path.open("ab") as stream:
                stream.write(b"more")
        elif change == "rewrite":
            path.write_bytes(b"y" * 5020)
        return content

    monkeypatch.setattr(scanner_module, "read_all", read_and_change)
    examined = _examine(scanner_of(book(marker=RULE)), path)
    assert examined.verdict is (Verdict.MATCH if marked else Verdict.PARTIAL)
    assert examined.reason is Reason.CHANGED


def test_a_file_that_grows_without_end_is_read_to_a_bound(
    book: Callable[..., Rulebook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100)

    def read_growing(descriptor: int, expected: int, limit: int) -> bytes:
        path.write_bytes(b"x" * (limit * 3))
        return read_all(descriptor, expected, limit)

    monkeypatch.setattr(scanner_module, "read_all", read_growing)
    examined = _examine(scanner_of(book(marker=RULE)), path)
    assert examined.verdict is Verdict.PARTIAL
    assert examined.size == scanner_module.SMALL_BYTES + 1


def test_files_of_the_kernel_that_say_they_are_empty_are_read(scan: Scan) -> None:
    found, tally = scan(Path("/proc/self/status"), rule='rule status { strings: $a = "VmPeak" condition: $a }')
    assert [item.verdict for item in found.values()] == [Verdict.MATCH]
    assert tally.bytes > 0


def test_what_is_over_the_limit_is_skipped_without_being_read(scan: Scan, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    sparse.touch()
    os.truncate(sparse, 3 << 30)
    (tmp_path / "small").write_bytes(MARKER)
    found, tally = scan(sparse, tmp_path / "small", limits=Limits(max_bytes=len(MARKER)))
    assert found[str(sparse)].reason is Reason.SIZE
    assert found[str(tmp_path / "small")].verdict is Verdict.MATCH
    assert not tally.complete, "it was named, and not read"


def test_an_engine_that_takes_too_long_is_a_timeout(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "slow.txt").write_bytes(b"x")
    (tmp_path / "fast.txt").write_bytes(b"x")
    rule = (
        'rule slow { condition: filename == "slow.txt" and '
        "for all i in (1..1000000000) : (for all j in (1..1000000000) : (i + j > 0)) }"
    )
    found, tally = scan(tmp_path, rule=rule, limits=Limits(timeout_seconds=1))
    assert found[str(tmp_path / "slow.txt")].verdict is Verdict.TIMEOUT
    assert found[str(tmp_path / "fast.txt")].verdict is Verdict.CLEAN
    assert not tally.complete


def test_a_name_that_turned_into_a_link_or_went_away(book: Callable[..., Rulebook], tmp_path: Path) -> None:
    """What the walk took for a file is looked at again when it is opened."""
    (tmp_path / "elsewhere").write_bytes(MARKER)
    (tmp_path / "link").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "pipe")
    scanner = scanner_of(book(marker=RULE))
    assert _examine(scanner, tmp_path / "link").verdict is Verdict.ERROR
    assert _examine(scanner, tmp_path / "pipe").reason is Reason.SPECIAL
    assert _examine(scanner, tmp_path / "gone").reason is Reason.VANISHED


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, (1 << 20) + 1])
def test_every_byte_of_a_file_is_scanned(size: int, scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "end").write_bytes(b"." * size + MARKER)
    (tmp_path / "tree" / "plain").write_bytes(b"." * size)
    found, tally = scan(tmp_path / "tree")
    assert found[str(tmp_path / "tree" / "end")].verdict is Verdict.MATCH
    assert found[str(tmp_path / "tree" / "plain")].verdict is Verdict.CLEAN
    assert tally.bytes == 2 * size + len(MARKER)


def test_a_match_carries_the_hash_of_what_was_scanned(scan: Scan, tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "page").write_bytes(MARKER)
    found, _ = scan(tmp_path / "page")
    assert found[str(tmp_path / "page")].sha256 == hashlib.sha256(MARKER).hexdigest()


def test_contents_at_hand_can_be_scanned(book: Callable[..., Rulebook]) -> None:
    scanner = scanner_of(book(marker=RULE))
    assert scanner.examine_content("backup/page", MARKER).verdict is Verdict.MATCH
    assert scanner.examine_content("backup/page", b"").verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ('extension == ".php"', "a.b.php"),
        ('filename == "a.php" and filepath contains "/tree/"', "a.php"),
        ('filetype == "ELF"', "elf"),
        ('md5 == "098f6bcd4621d373cade4e832627b4f6"', "md5"),
        ('owner == "{owner}"', "owned"),
    ],
)
def test_rules_may_ask_about_the_file(condition: str, name: str, scan: Scan, tmp_path: Path) -> None:
    from secwatch.scan.externals import user_name

    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / name).write_bytes({"elf": b"\x7fELF\x02", "md5": b"test"}.get(name, b""))
    condition = condition.format(owner=user_name(os.geteuid()))
    found, _ = scan(tree, rule=f"rule asks {{ condition: {condition} }}")
    assert found[str(tree / name)].verdict is Verdict.MATCH
    other, _ = scan(tree, rule=f"rule asks {{ condition: not ({condition}) }}")
    assert other[str(tree / name)].verdict is Verdict.CLEAN


def test_memory_for_contents_is_bounded_and_nobody_waits_for_ever() -> None:
    memory = scanner_module._Memory(10 << 20)
    held, most, lock = 0, 0, threading.Lock()

    def work(size: int) -> None:
        nonlocal held, most
        with memory.hold(size):
            with lock:
                held += size
                most = max(most, held)
            with lock:
                held -= size

    sizes = [4 << 20, 10 << 20, 11 << 20, 3 << 20, 100] * 8
    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert most <= (11 << 20) + 100 * 8
