"""What packs hold: read from directories, checkouts, zips and tars, honest and hostile."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from secwatch.core.errors import Refused, SecwatchError, UnreadableInput
from secwatch.scan import pack_sources
from secwatch.scan.git_checkout import checkout_of
from secwatch.scan.licences import guess
from secwatch.scan.pack_sources import take
from secwatch.scan.packs import name_for
from tests.scan.packed import FILES, GOOD, MIT, OTHER, directory_of, member_of, tar_of, zip_of


@pytest.fixture(params=["directory", "zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same pack in every form that can be imported."""
    form = str(request.param)
    if form == "directory":
        return directory_of(tmp_path / "rules-main", FILES)
    if form == "zip":
        return zip_of(tmp_path / "rules-main.zip", FILES)
    mode = "w:" + form[4:] if "." in form else "w"
    return tar_of(
        tmp_path / f"rules-main.{form}", {f"rules-main/{name}": text for name, text in FILES.items()}, mode=mode
    )


def test_every_form_holds_the_same(pack: Path) -> None:
    taken = take(pack)
    assert sorted(taken.files) == ["a/marker.yar", "b/other.yara", "c/bad.yar"]
    assert sorted(taken.texts) == ["LICENSE"]
    assert name_for(pack, None) == "rules-main"
    assert taken.left_out == []


def test_what_is_hidden_or_a_sample_is_no_rule(tmp_path: Path) -> None:
    files = {".git/x.yar": GOOD, "samples/x.yar": GOOD, ".x.yar": GOOD, "x.yar": GOOD}
    assert list(take(directory_of(tmp_path / "d", files)).files) == ["x.yar"]
    assert list(take(zip_of(tmp_path / "d.zip", files, "")).files) == ["x.yar"]


HOSTILE = ["../x.yar", "/etc/x.yar", "a/../../x.yar", "a\\..\\x.yar"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_out_refuses_the_whole(name: str, tmp_path: Path) -> None:
    for path in (zip_of(tmp_path / "a.zip", {"b.yar": GOOD, name: GOOD}, ""), tar_of(tmp_path / "a.tar", {name: GOOD})):
        with pytest.raises(Refused, match="member with the name"):
            take(path)


def test_a_name_held_twice_refuses_the_whole(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="twice"):
        take(tar_of(tmp_path / "a.tar", {"x.yar": GOOD, "./x.yar": OTHER}))


def test_links_devices_and_odd_names_are_left_out(tmp_path: Path) -> None:
    extra = (
        member_of("link.yar", tarfile.SYMTYPE, "/etc/passwd"),
        member_of("hard.yar", tarfile.LNKTYPE, "x.yar"),
        member_of("pipe.yar", tarfile.FIFOTYPE),
        member_of("disk.yar", tarfile.BLKTYPE),
    )
    odd = {"x.yar": GOOD, "e\x1bscape.yar": GOOD, "/".join("d" * 17) + "/deep.yar": GOOD, "n" * 250 + ".yar": GOOD}
    taken = take(tar_of(tmp_path / "a.tar", odd, *extra))
    assert list(taken.files) == ["x.yar"]
    assert len(taken.left_out) == 7
    assert dict(taken.left_out)["link.yar"] == "a link"

    link = zipfile.ZipInfo("link.yar")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("x.yar", GOOD)
    assert take(tmp_path / "a.zip").left_out == [("link.yar", "a link")]

    directory = directory_of(tmp_path / "d", {"x.yar": GOOD})
    (directory / "link.yar").symlink_to("/etc/passwd")
    os.mkfifo(directory / "pipe.yar")
    assert dict(take(directory).left_out) == {"link.yar": "a link", "pipe.yar": "not a regular file"}


def test_bombs_and_what_goes_beyond_a_bound_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = {"x.yar": "/" * (12 << 20)}
    for path in (
        zip_of(tmp_path / "b.zip", bomb),
        tar_of(tmp_path / "b.tgz", bomb),
        tar_of(tmp_path / "c.tgz", {"x": bomb["x.yar"]}),
    ):
        with pytest.raises(Refused, match="times its size"):
            take(path)
    monkeypatch.setattr(pack_sources, "MAX_FILES", 3)
    with pytest.raises(UnreadableInput, match="more than 3 members"):
        take(tar_of(tmp_path / "many.tar", {f"{number}.txt": "" for number in range(4)}))
    monkeypatch.setattr(pack_sources, "MAX_ZIP_DIRECTORY_BYTES", 100)
    with pytest.raises(UnreadableInput, match="far too many"):
        take(zip_of(tmp_path / "many.zip", {"one.yar": GOOD, "two.yar": GOOD}))
    monkeypatch.setattr(pack_sources, "MAX_PACK_BYTES", 100)
    with pytest.raises(UnreadableInput, match="MiB of rules"):
        take(tar_of(tmp_path / "large.tar", {"x.yar": GOOD}))


def _damaged() -> Iterator[tuple[str, bytes]]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.yar", GOOD)
    whole = stream.getvalue()
    yield "cut.zip", whole[:-30]
    yield "content.zip", whole.replace(b"SECWATCH", b"SECWATCX")
    yield "words.tar", b"these are only words" * 100
    yield "empty.tar", b""
    yield "cut.tgz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xed\xc1\x01"


@pytest.mark.parametrize(("name", "content"), list(_damaged()), ids=[name for name, _ in _damaged()])
def test_what_is_damaged_is_said_to_be(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableInput, match="was not imported"):
        take(tmp_path / name)


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_zip_spoilt_anywhere_never_ends_in_a_traceback(cut: int, tmp_path: Path) -> None:
    whole = bytearray(zip_of(tmp_path / "a.zip", {"x.yar": GOOD, "y.yar": OTHER}).read_bytes())
    whole[cut % len(whole)] ^= 0xFF
    (tmp_path / "b.zip").write_bytes(whole)
    try:
        take(tmp_path / "b.zip")
    except SecwatchError as error:
        assert error.message


def test_a_checkout_says_where_it_comes_from_without_secrets(tmp_path: Path) -> None:
    directory = directory_of(tmp_path / "city-rules", {"x.yar": GOOD})

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
        command = ["git", "-C", str(directory), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    assert checkout_of(tmp_path) is None
    git("remote", "add", "origin", "https://bob:token@git.example.org/city/rules.git")
    git("add", ".")
    git("commit", "-q", "-m", "rules")
    taken = take(directory)
    assert (taken.kind, taken.source) == ("git", "https://git.example.org/city/rules.git")
    assert taken.version == git("rev-parse", "HEAD")
    git("pack-refs", "--all")
    assert take(directory).version == taken.version
    git("worktree", "add", "-q", str(tmp_path / "second"))
    assert take(tmp_path / "second").version == taken.version


def test_licences_are_known_by_their_sentences() -> None:
    assert guess([MIT.encode()]) == "MIT"
    assert guess([b"\n Apache License\n   Version 2.0, January 2004", MIT.encode(), MIT.encode()]) == "Apache-2.0, MIT"
    assert guess([b"all rights reserved"]) == ""
