"""Rule packs: imported, used, updated, switched off and removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.core.errors import UsageProblem
from secwatch.scan.packs import name_for
from tests.conftest import Run
from tests.scan.conftest import MARKER
from tests.scan.packed import BROKEN, FILES, GOOD, MIT, OTHER, directory_of, zip_of

Secwatch = Callable[..., Run]


@pytest.mark.parametrize("name", ["own", "secwatch", "given", "A", "a/b", "..", "", "a" * 42])
def test_names_that_no_pack_can_have(name: str) -> None:
    with pytest.raises(UsageProblem, match="cannot be the name"):
        name_for(Path("x"), name)


def test_a_pack_is_imported_used_updated_and_removed(secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Run:
        return secwatch("-w", workspace, *map(str, arguments))

    pack = zip_of(tmp_path / "city.zip", FILES)
    page = tmp_path / "page.php"
    page.write_bytes(MARKER)
    tried = run("rules", "import", pack, "-n", "--json")
    assert (tried.code, tried.json["rules"], run("rules", "packs", "--json").json["items"]) == (3, 2, [])

    made = run("rules", "import", pack, "--json")
    assert made.code == 3
    assert (made.json["files"], made.json["rules"], made.json["licence"], made.json["kind"]) == (2, 2, "MIT", "zip")
    assert made.json["broken"] == [{"file": "city/c/bad.yar", "line": 3, "message": 'undefined identifier "nosuch"'}]
    assert [item["rule"] for item in made.json["clashes"]] == ["marker"]
    assert run("rules", "import", pack).code == 2

    found = run("scan", "files", page, "--json")
    assert (found.code, found.json["complete"]) == (4, True)
    match = next(item for item in found.json["matches"] if item["rule_file"] == "city/a/marker.yar")
    assert (match["pack"], match["licence"], match["author"]) == ("city", "MIT", "A. Writer")
    assert match["pack_source"] == str(pack.resolve())
    evidence = run("alerts", "show", match["alert"], "--json").json["evidence"]
    assert (evidence["pack"], evidence["licence"], evidence["author"]) == ("city", "MIT", "A. Writer")

    zip_of(pack, {"a/marker.yar": OTHER, "d/new.yar": GOOD.replace("marker", "new_rule", 1), "LICENSE": MIT})
    changed = run("rules", "update", "city", "--json")
    assert (changed.code, [changed.json[key] for key in ("added", "removed", "changed")]) == (0, [1, 1, 1])
    assert run("rules", "update", "city", "--json").json["unchanged"] is True
    assert len(list((workspace / "state" / "packs").iterdir())) == 1

    pack.write_bytes(b"spoilt")
    assert run("rules", "update", "city").code == 3
    assert run("rules", "packs", "city", "--json").json["rules"] == 2
    assert run("rules", "remove", "city").code == 0
    assert run("scan", "files", page, "--json").json["matched"] == 0
    assert list((workspace / "state" / "packs").iterdir()) == []
    assert run("rules", "remove", "city").code == 2


def test_packs_files_and_rules_are_switched_off_and_on(secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Run:
        return secwatch("-w", workspace, *map(str, arguments))

    def scan() -> tuple[int, int]:
        data = run("scan", "files", tmp_path / "page.php", "--json").json
        return data["matched"], data["suppressed"]

    (tmp_path / "page.php").write_bytes(MARKER)
    text = {"a/marker.yar": GOOD, "b/marker.yar": OTHER, "g.yar": "global rule everywhere { condition: true }"}
    assert run("rules", "import", directory_of(tmp_path / "pack", text), "--name", "city").code == 0
    assert scan() == (3, 0)
    assert run("rules", "disable", "city/a/marker.yar:marker", "--reason", "noisy").code == 0
    assert scan() == (2, 1)
    assert run("rules", "disable", "marker").code == 0
    assert scan() == (1, 2)
    listed = run("rules", "list", "--json").json
    assert {item["file"] for item in listed["items"] if not item["enabled"]} == {
        "city/a/marker.yar",
        "city/b/marker.yar",
    }
    assert {"file": "city/a/marker.yar", "rule": "marker", "reason": "noisy"} in listed["disabled"]
    assert run("rules", "enable", "marker").code == 0
    assert run("rules", "enable", "marker").code == 2
    assert run("rules", "disable", "city/a/marker.yar").code == 0
    assert scan() == (2, 0)
    refused = run("rules", "disable", "everywhere")
    assert refused.code == 2
    assert "secwatch rules disable city/g.yar" in refused.stderr
    assert run("rules", "disable", "city").code == 0
    assert scan() == (0, 0)
    assert run("rules", "packs", "city", "--json").json["enabled"] is False
    run("rules", "update", "city")
    assert scan() == (0, 0), "what is off stays off"
    assert run("rules", "enable", "city").code == 0
    assert scan() == (2, 0)
    for unknown in ("nothing", "city/none.yar", "city/a/marker.yar:none"):
        assert run("rules", "disable", unknown).code == 2


def test_a_pack_that_was_changed_since_is_not_used_as_it_is(
    secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "page.php").write_bytes(MARKER)
    secwatch("-w", workspace, "rules", "import", directory_of(tmp_path / "pack", {"a.yar": GOOD, "b.yar": OTHER}))
    (kept,) = (workspace / "state" / "packs").iterdir()
    (kept / "a.yar").write_text(OTHER)
    (kept / "c.yar").write_text(OTHER)
    run = secwatch("-w", workspace, "scan", "files", tmp_path / "page.php", "--json")
    assert run.code == 4
    assert run.json["matched"] == 1
    assert "changed since it was imported" in json.dumps(run.json["broken_rules"])


def test_a_directory_with_the_workspace_in_it_is_no_pack(secwatch: Secwatch, workspace: Path) -> None:
    run = secwatch("-w", workspace, "rules", "import", workspace.parent)
    assert run.code == 2
    assert "holds what secwatch itself keeps" in run.stderr


def test_what_a_killed_import_has_left_goes_with_the_next(secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    left = workspace / "state" / "packs" / ".partial-city.0123"
    left.mkdir(parents=True)
    assert secwatch("-w", workspace, "rules", "import", directory_of(tmp_path / "pack", {"a.yar": GOOD})).code == 0
    assert not left.exists()


@pytest.mark.parametrize(("files", "code"), [({"a.yar": BROKEN}, 1), ({"a.txt": "x"}, 3)])
def test_a_pack_of_which_nothing_can_be_used_is_not_imported(
    files: dict[str, str], code: int, secwatch: Secwatch, workspace: Path, tmp_path: Path
) -> None:
    assert secwatch("-w", workspace, "rules", "import", directory_of(tmp_path / "pack", files)).code == code
    assert list((workspace / "state" / "packs").iterdir()) == []
