"""The registry: files of every kind, one owner of each thing, all mistakes at once, nothing half-imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from secwatch.core.errors import UnreadableInput
from secwatch.core.model import Organisation, Text
from secwatch.system.registry import read

HEAD = "code,name,parent,importance,netblocks,domains,paths\n"


def _csv(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "registry.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_save(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """With or without a mark, in GB 18030, with semicolons, with empty rows at the end."""
    text = HEAD + "FIN,财政局,,3,10.0.0.0/8 fd00::/8,finance.example,\n,,,,,,\n"
    [found] = read(_csv(tmp_path, text.replace(",", delimiter), encoding))
    assert (found.code, found.name.zh, found.importance) == ("FIN", "财政局", 3)
    assert found.netblocks == ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("A,甲,,1,10.0.0.0/8,,\nB,乙,,1,10.0.0.0/8,,\n", "10.0.0.0/8 belongs to both A and B"),
        ("A,甲,,1,,x.example,\nB,乙,,1,,X.example.,\n", "x.example belongs to both A and B"),
        ("A,甲,,1,,,/srv/x\nB,乙,,1,,,/srv/x/\n", "/srv/x belongs to both A and B"),
        ("A,甲,B,1,,,\nB,乙,A,1,,,\n", "A: it stands above itself"),
        ("A,甲,NOBODY,1,,,\n", "A: its parent NOBODY is not known"),
        ("A,甲,,1,,,\nA,乙,,1,,,\n", "the code A is given twice"),
        ("A,甲,,²,,,\n", "importance"),
        ("A,甲,,4,,,\n", "importance"),
        ("A,甲,,1,10.0.0.1/8,,\n", "has host bits set"),
        ("A,甲,,1,,,relative/path\n", "does not start with /"),
        ("A b,甲,,1,,,\n", "code"),
        ("", "it names no organisation"),
    ],
)
def test_a_mistake_is_named_and_nothing_imported(tmp_path: Path, rows: str, sentence: str) -> None:
    """Whatever is wrong, the sentence says where."""
    with pytest.raises(UnreadableInput) as caught:
        read(_csv(tmp_path, HEAD + rows))
    assert sentence in caught.value.message


def test_paths_differ_by_case(tmp_path: Path) -> None:
    """/srv/Data and /srv/data are two directories."""
    assert len(read(_csv(tmp_path, HEAD + "A,甲,,1,,,/srv/Data\nB,乙,,1,,,/srv/data\n"))) == 2


def test_what_is_there_already_counts(tmp_path: Path) -> None:
    """Owners and parents are compared with the organisations that stay."""
    known = [
        Organisation("A", Text("甲", "A"), parent="B", netblocks=("10.0.0.0/8",)),
        Organisation("B", Text("乙", "B")),
    ]
    with pytest.raises(UnreadableInput, match="belongs to both A and C"):
        read(_csv(tmp_path, HEAD + "C,丙,,1,10.0.0.0/8,,\n"), known)
    with pytest.raises(UnreadableInput, match="stands above itself"):
        read(_csv(tmp_path, HEAD + "B,乙,A,1,,,\n"), known)
    assert read(_csv(tmp_path, HEAD + "A,甲,,1,10.0.0.0/8,,\n"), known)[0].parent is None


def test_nesting_without_end(tmp_path: Path) -> None:
    """A file made to exhaust the parser is a mistake like any other."""
    path = tmp_path / "deep.toml"
    path.write_text("a = " + "[" * 20_000 + "]" * 20_000)
    with pytest.raises(UnreadableInput, match="nested too deeply"):
        read(path)
