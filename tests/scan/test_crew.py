"""A file that ends the scanning process costs its own verdict only; every other is scanned, and told once."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secwatch.core.errors import SecwatchError
from secwatch.scan import crew as crew_module
from secwatch.scan.crew import Crew
from secwatch.scan.links import once
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.scanner import Limits
from secwatch.scan.verdicts import Examined, Reason, Verdict
from secwatch.scan.walk import Batch, Policy, Walk
from tests.conftest import ROOT
from tests.scan.conftest import MARKER, RULE

MORTAL = "tests.fakes.scanning.mortal"
Make = Callable[..., Rulebook]
Scan = Callable[..., list[Examined]]


@pytest.fixture
def made(book: Make) -> Rulebook:
    """A book that finds the marker."""
    return book(marker=RULE)


@pytest.fixture
def mortal(made: Rulebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Scan a tree with a child that dies of what files ask for; gives what was found, each path once."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SECWATCH_FAKE", str(tmp_path / "mark"))

    def run(tree: Path, limits: Limits | None = None, threads: int = 2) -> list[Examined]:
        found = list(_scan(Crew(made, limits or Limits(), threads, MORTAL), tree))
        counts = Counter(item.path for item in found)
        assert set(counts.values()) <= {1}, "each path is told once"
        assert set(counts) == {str(path) for path in tree.rglob("*") if path.is_file()}, "and none is lost"
        for number in (tmp_path / "pids").read_text().split():
            assert not Path(f"/proc/{number}").exists(), "no child is left"
        return found

    return run


def _scan(crew: Crew, tree: Path) -> Iterator[Examined]:
    with crew:
        for item in once(Walk([str(tree)], Policy()), 1 << 40):
            if isinstance(item, Batch):
                crew.submit(item)
                while found := crew.collect(wait=crew.full):
                    yield from found
            else:
                yield item
        while found := crew.collect(wait=True):
            yield from found


def _tree(base: Path, **plays: str) -> Path:
    """Make a tree of 200 files, some of which hold the marker, and one for each play that is named."""
    tree = base / "tree"
    for number in range(200):
        directory = tree / f"{number % 8}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file{number:03}").write_bytes(MARKER if number % 10 == 0 else b"nothing")
    for name, play in plays.items():
        (tree / "3" / name).write_bytes(f"PLAY {play}".encode())
    return tree


def _expect(found: list[Examined], **guilty: tuple[Verdict, Reason | None]) -> None:
    named = {Path(item.path).name: item for item in found}
    assert {name: (named[name].verdict, named[name].reason) for name in guilty} == guilty
    others = Counter(item.verdict for name, item in named.items() if name not in guilty)
    assert others == {Verdict.MATCH: 20, Verdict.CLEAN: 180}


@pytest.mark.parametrize("threads", [1, 8])
def test_two_files_kill_the_child_and_only_they_are_errors(threads: int, mortal: Scan, tmp_path: Path) -> None:
    tree = _tree(tmp_path, one="kill", two="close", well="nothing")
    crashed = (Verdict.ERROR, Reason.CRASHED)
    _expect(mortal(tree, threads=threads), one=crashed, two=crashed, well=(Verdict.CLEAN, None))


def test_a_file_that_killed_only_once_gets_its_verdict(mortal: Scan, tmp_path: Path) -> None:
    """As one that was cut off while it was mapped."""
    _expect(mortal(_tree(tmp_path, unlucky="once")), unlucky=(Verdict.CLEAN, None))


def test_a_file_that_eats_memory(mortal: Scan, tmp_path: Path) -> None:
    found = mortal(_tree(tmp_path, hungry="eat"), Limits(memory_bytes=150 << 20))
    _expect(found, hungry=(Verdict.ERROR, Reason.MEMORY))


def test_a_file_at_which_the_child_stands_still(mortal: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "STILL_SECONDS", -0.5)
    found = mortal(_tree(tmp_path, still="still"), Limits(1 << 20, timeout_seconds=1))
    _expect(found, still=(Verdict.TIMEOUT, None))


def test_a_panic_is_an_error_of_the_engine_and_the_child_is_renewed(mortal: Scan, tmp_path: Path) -> None:
    _expect(mortal(_tree(tmp_path, panic="panic")), panic=(Verdict.ERROR, Reason.ENGINE))


def test_a_child_is_renewed_after_so_many_files(mortal: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "RENEW_FILES", 64)
    _expect(mortal(_tree(tmp_path)))
    assert len((tmp_path / "pids").read_text().split()) >= 3


def test_too_many_deaths_end_the_scan(mortal: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "MAX_DEATHS", 2)
    with pytest.raises(SecwatchError, match=r"ended 3 times.*SIGSEGV"):
        mortal(_tree(tmp_path, a="kill", b="kill"), threads=1)


def test_a_child_that_cannot_start_is_said(made: Rulebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SECWATCH_FAKE", "end")
    crew = Crew(made, Limits(), 2, "tests.fakes.scanning.mute")
    with pytest.raises(SecwatchError, match="before it began: no such library"):
        list(_scan(crew, _tree(tmp_path)))


def test_large_files_are_mapped_and_no_process_holds_them(book: Make, tmp_path: Path) -> None:
    """Three gigabytes of nothing, and sixty megabytes with a marker at the end."""
    (tmp_path / "tree").mkdir()
    for name, size in (("huge", 3 << 30), ("large", 60 << 20)):
        (tmp_path / "tree" / name).touch()
        os.truncate(tmp_path / "tree" / name, size)
    with (tmp_path / "tree" / "large").open("ab") as stream:
        stream.write(MARKER)
    made = book(marker=RULE)
    crew, most = Crew(made, Limits(max_bytes=4 << 30), 2), 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.02):
            watched = crew._watched
            most = max(most, watched.child.memory_bytes() if watched else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    found = {Path(item.path).name: item for item in _scan(crew, tmp_path / "tree")}
    ended.set()
    watcher.join()
    assert (found["huge"].verdict, found["huge"].size) == (Verdict.CLEAN, 3 << 30)
    large = found["large"]
    assert (large.verdict, large.hits[0].snippets[0].offset) == (Verdict.MATCH, 60 << 20)
    assert large.sha256 == hashlib.sha256((tmp_path / "tree" / "large").read_bytes()).hexdigest()
    assert 0 < most < 150 << 20


def test_a_mapped_file_that_is_cut_off_is_never_clean(made: Rulebook, tmp_path: Path) -> None:
    """Under boreal the process dies of it (SIGBUS); whatever happens, the file is told, and nothing else suffers."""
    (tmp_path / "tree").mkdir()
    large = tmp_path / "tree" / "large"
    large.write_bytes(b"." * (200 << 20))
    (tmp_path / "tree" / "page").write_bytes(MARKER)
    crew = Crew(made, Limits(), 2)
    ended = threading.Event()

    def cut() -> None:
        while not ended.is_set():
            if crew._watched and any(crew._watched.slots.values()):
                os.truncate(large, 4096)
                return

    cutter = threading.Thread(target=cut)
    cutter.start()
    found = {Path(item.path).name: item for item in _scan(crew, tmp_path / "tree")}
    ended.set()
    cutter.join()
    assert found["page"].verdict is Verdict.MATCH
    # Cut before it was opened, or after its process had died of it, it is an ordinary small file.
    assert found["large"].verdict is not Verdict.CLEAN or found["large"].size == 4096


def test_a_parent_that_is_killed_takes_its_child_along(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from secwatch.scan import rulebook, sources\n"
        "from secwatch.scan.crew import Crew\n"
        "from secwatch.scan.scanner import Limits\n"
        "files = sources.read([sources.Origin('test', Path(sys.argv[1]))])\n"
        "crew = Crew(rulebook.load(files), Limits(), 1)\n"
        "print(crew._start().child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "marker.yar").write_text(RULE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = Path(f"/proc/{int(parent.stdout.readline())}")
        assert child.exists()
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists() or "zombie" in (child / "status").read_text()
