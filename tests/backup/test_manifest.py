"""Walking, describing and comparing trees: every difference is found, no link is followed, no name is too strange."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup import capture, manifest
from backup.comparison import Comparison, compare
from backup.manifest import ManifestDamaged, ManifestWriter
from backup.removal import remove_tree
from backup.thresholds import Thresholds, thresholds
from backup.tree import MAX_DEPTH, walk


def _describe(
    roots: list[Path], directory: Path, *, limits: Thresholds | None = None, known: capture.Hashes | None = None
) -> tuple[manifest.Manifest, capture.Captured]:
    """Take a manifest of the roots as a backup run does."""
    known = known or {}
    before = capture.look(roots, True, known)
    sampling = capture.Sampling("sample", limits or thresholds(), b"s" * 32)
    with ManifestWriter(directory, roots) as writer:
        captured = capture.describe(writer, roots, True, before, known, sampling, None)
        digest = writer.keep("0" * 64)
    found = manifest.read(manifest.place(directory, "0" * 64), digest)
    assert found is not None
    return found, captured


def _copy(source: Path, target: Path) -> Path:
    """Copy a tree to below target, as a restore does."""
    import subprocess

    place = Path(f"{target}{source}")
    place.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(source), str(place)], check=True)
    return place


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small tree with one of each kind."""
    root = tmp_path / "source"
    (root / "directory" / "inner").mkdir(parents=True)
    (root / "directory" / "inner" / "file").write_text("content")
    (root / "directory.txt").write_text("sorts between the directory and its entries for whom compares texts")
    (root / "empty").write_text("")
    (root / "link").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    return root


def test_an_equal_tree_has_no_difference(source: Path, tmp_path: Path) -> None:
    """Every entry is compared, every byte read."""
    found, captured = _describe([source], tmp_path / "m")
    _copy(source, tmp_path / "restored")
    result = compare(found, tmp_path / "restored")
    assert (result.difference_count, result.extra, result.entries) == (0, 0, 8)
    assert (result.files_read, captured.files_hashed) == (3, 3)


def _touch_like(path: Path, change: Callable[[], object]) -> None:
    found = path.lstat()
    change()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def _rewrite(path: Path) -> None:
    """Other bytes, same size, same time."""
    _touch_like(path, lambda: path.write_bytes(bytes(path.stat().st_size)))


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("content", lambda root: _rewrite(root / "directory/inner/file")),
        ("size", lambda root: (root / "empty").write_text("x")),
        ("missing", lambda root: (root / "pipe").unlink()),
        ("mode", lambda root: (root / "empty").chmod(0o4755)),
        ("time", lambda root: os.utime(root / "empty", ns=(1, 1))),
        ("target", lambda root: ((root / "link").unlink(), (root / "link").symlink_to("/etc/shadow"))),
        ("kind", lambda root: ((root / "pipe").unlink(), (root / "pipe").write_text(""))),
    ],
)
def test_each_kind_of_difference_is_found(
    source: Path, tmp_path: Path, what: str, change: Callable[[Path], object]
) -> None:
    """One change, one name for it."""
    found, _ = _describe([source], tmp_path / "m")
    change(_copy(source, tmp_path / "restored"))
    assert what in {difference.what for difference in compare(found, tmp_path / "restored").differences}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner_is_a_difference(source: Path, tmp_path: Path) -> None:
    """Owners count where they can be restored."""
    found, _ = _describe([source], tmp_path / "m")
    os.lchown(_copy(source, tmp_path / "restored") / "link", 1, 1)
    assert [difference.what for difference in compare(found, tmp_path / "restored").differences] == ["owner"]


def test_links_in_place_of_directories_are_never_entered(source: Path, tmp_path: Path) -> None:
    """A restored tree whose directories, even those above the root, are links elsewhere shows missing entries."""
    found, _ = _describe([source], tmp_path / "m")
    outside = tmp_path / "outside"
    _copy(source, outside)
    restored = tmp_path / "restored"
    restored.mkdir()
    top = source.parts[1]
    (restored / top).symlink_to(outside / top)
    assert compare(found, restored).difference_count >= 8


def test_what_changed_meanwhile_is_left_out(source: Path, tmp_path: Path) -> None:
    """A file that changed after the first look is named and not compared."""
    before = capture.look([source], True, {})
    (source / "empty").write_text("changed while the backup ran")
    sampling = capture.Sampling("sample", thresholds(), b"s" * 32)
    with ManifestWriter(tmp_path / "m", [source]) as writer:
        captured = capture.describe(writer, [source], True, before, {}, sampling, None)
        found = manifest.read(manifest.place(tmp_path / "m", "a"), writer.keep("a"))
    assert found is not None
    assert captured.changed == 1
    _copy(source, tmp_path / "restored")
    result: Comparison = compare(found, tmp_path / "restored")
    assert (result.difference_count, result.unknown) == (0, 1)


def test_the_covered_part_grows(tmp_path: Path) -> None:
    """Beyond the bound a sample is hashed; what is known is kept, so that later runs cover the rest."""
    root = tmp_path / "many"
    root.mkdir()
    for number in range(200):
        (root / f"{number}").write_bytes(bytes(1000))
    limits = replace(thresholds(), sample_bytes=50_000, window_bytes=100_000)
    covered = []
    known: capture.Hashes = {}
    for turn in range(6):
        before = capture.look([root], True, known)
        sampling = capture.Sampling("sample", limits, secrets.token_bytes(32))
        with ManifestWriter(tmp_path / "m", [root]) as writer:
            covered.append(capture.describe(writer, [root], True, before, known, sampling, None).files_hashed)
            found = manifest.read(manifest.place(tmp_path / "m", f"{turn}"), writer.keep(f"{turn}"))
        known = capture.known_hashes(found)
    assert 20 <= covered[0] <= 50
    assert covered == sorted(covered)
    assert covered[-1] == 200


def test_a_large_file_is_covered_by_a_window(tmp_path: Path) -> None:
    """A file beyond what may be read in a run is not passed over: a part of it is compared."""
    root = tmp_path / "large"
    root.mkdir()
    (root / "dump").write_bytes(os.urandom(400_000))
    limits = replace(thresholds(), sample_bytes=100_000, window_bytes=50_000)
    found, captured = _describe([root], tmp_path / "m", limits=limits)
    assert captured.bytes_hashed == 50_000
    copy = _copy(root, tmp_path / "restored")
    assert compare(found, tmp_path / "restored").difference_count == 0
    _touch_like(copy / "dump", lambda: (copy / "dump").write_bytes(bytes(400_000)))
    assert compare(found, tmp_path / "restored").difference_count == 1


_NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b".."))


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(names=st.lists(_NAMES, min_size=1, max_size=8, unique=True), content=st.binary(max_size=50))
def test_any_name_survives(names: list[bytes], content: bytes) -> None:
    """Names of any bytes go through the manifest unharmed and keep the order of the walk."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "root"
        for number, name in enumerate(names):
            directory = root / os.fsdecode(name)
            directory.mkdir(parents=True)
            (directory / os.fsdecode(names[-1 - number])).write_bytes(content)
        found, captured = _describe([root], Path(place) / "m")
        _copy(root, Path(place) / "restored")
        result = compare(found, Path(place) / "restored")
        assert (result.difference_count, result.extra) == (0, 0)
        assert result.entries == captured.entries == 1 + 2 * len(names)


@settings(max_examples=60, deadline=None)
@given(name=st.binary(min_size=1, max_size=20))
def test_names_in_restics_listing(name: bytes) -> None:
    """restic (Go) writes each byte that is no UTF-8 as U+FFFD; we name a path likewise."""
    go = "".join(_go_runes(name))
    assert capture.name_in_listing(os.fsdecode(name)) == capture.name_in_listing(go)


def _go_runes(name: bytes) -> list[str]:
    runes = []
    while name:
        for width in (1, 2, 3, 4):
            try:
                runes.append(name[:width].decode())
                name = name[width:]
                break
            except UnicodeDecodeError:
                continue
        else:
            runes.append("\ufffd")
            name = name[1:]
    return runes


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_harmed_manifest_is_known(source: Path, tmp_path: Path, harm: str) -> None:
    """By its recorded SHA-256, and by itself even where that is forged."""
    found, _ = _describe([source], tmp_path / "m")
    data = found.path.read_bytes()
    digest = manifest.file_sha256(found.path)
    found.path.write_bytes({"cut": data[:-9], "flip": data[:-20] + bytes(20), "empty": b""}[harm])
    with pytest.raises(ManifestDamaged):
        manifest.read(found.path, digest)
    with pytest.raises(ManifestDamaged):
        forged = manifest.read(found.path, manifest.file_sha256(found.path))
        list(forged or [])


def test_a_tree_nested_beyond_reason(tmp_path: Path) -> None:
    """It is reported, not followed into a stack overflow, and it can be removed."""
    root = tmp_path / "deep"
    root.mkdir()
    place = os.open(root, os.O_RDONLY)
    for _ in range(MAX_DEPTH + 50):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    said: list[str] = []
    nodes = list(walk(root, one_file_system=True, on_unreadable=lambda path, reason: said.append(reason)))
    assert len(nodes) == MAX_DEPTH + 1
    assert said == [f"nested deeper than {MAX_DEPTH} directories"]
    remove_tree(root)
    assert not root.exists()


def test_removing_follows_no_link(tmp_path: Path) -> None:
    """What a link points to stays."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(kept)
    (tree / "closed").mkdir(mode=0o500)
    remove_tree(tree)
    assert (kept / "file").exists()
    assert not tree.exists()
