"""`secwatch scan` as an admin and as cron use it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.scan.conftest import sample_content

Secwatch = Callable[..., Run]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the EICAR file, a look-alike of a web shell, and clean files."""
    tree = tmp_path / "tree"
    (tree / "fin").mkdir(parents=True)
    (tree / "fin" / "upload.php").write_bytes(sample_content("php_request_evaluated", "decoded-code.php"))
    (tree / "fin" / "form.php").write_bytes(sample_content("php_request_evaluated", "form-handler.php"))
    (tree / "eicar.com").write_bytes(sample_content("eicar_test_file", "plain.com"))
    (tree / "notes.txt").write_text("会议记录\n", encoding="utf-8")
    return tree


def test_the_test_file_and_the_web_shell_are_found_and_nothing_else(
    secwatch: Secwatch, workspace: Path, tree: Path
) -> None:
    run = secwatch("-w", workspace, "scan", "files", tree, "--json")
    assert run.code == 4, run.stderr
    data = run.json
    assert data["schema"] == 1
    assert (data["files"], data["bytes"]) == (4, sum(path.stat().st_size for path in tree.rglob("*.*")))
    found = {(Path(match["path"]).name, match["rule"], match["severity"]) for match in data["matches"]}
    assert found == {("upload.php", "php_request_evaluated", 4), ("eicar.com", "eicar_test_file", 2)}
    assert data["verdicts"] == {"clean": 2, "match": 2, "partial": 0, "skipped": {}, "timeout": 0, "error": 0}
    assert data["seconds"] > 0
    assert (data["complete"], data["problems"], data["broken_rules"]) == (True, [], [])


def test_a_match_is_an_alert_of_the_organisation_that_owns_the_path(
    secwatch: Secwatch, workspace: Path, tree: Path
) -> None:
    registry = workspace / "organisations.toml"
    example = registry.read_text(encoding="utf-8")
    assert "paths" in example
    (workspace / "own.csv").write_text(f"code,name,name_english,paths\nFIN,财政局,Finance,{tree / 'fin'}\n")
    assert secwatch("-w", workspace, "org", "import", workspace / "own.csv").code == 0
    first = secwatch("-w", workspace, "scan", "files", tree, "--json").json
    owners = {Path(match["path"]).name: match["organisation"] for match in first["matches"]}
    assert owners == {"upload.php": "FIN", "eicar.com": None}
    again = secwatch("-w", workspace, "scan", "files", tree, "--json").json
    assert {match["alert"] for match in first["matches"]} == {match["alert"] for match in again["matches"]}
    alerts = secwatch("-w", workspace, "alerts", "list", "--json").json["items"]
    assert len(alerts) == 2
    shell = next(alert for alert in alerts if alert["detection"] == "yara.php_request_evaluated")
    assert (shell["organisation"], shell["count"], shell["severity"]) == ("FIN", 2, 4)
    full = secwatch("-w", workspace, "alerts", "show", shell["id"], "--json").json
    assert full["origin"] == "scan"
    assert full["attack"] == ["T1505.003"]
    assert full["key"]["path"] == str(tree / "fin" / "upload.php")
    assert len(full["key"]["sha256"]) == 64
    assert any("eval(base64_decode" in text for text in full["evidence"]["strings"])
    history = secwatch("-w", workspace, "scan", "history", "--json").json["items"]
    assert [(scan["files"], scan["matched"], scan["complete"]) for scan in history] == [(4, 2, True)] * 2
    assert history[0]["paths"] == [str(tree)]
    assert history[0]["ended_at"] > history[0]["started_at"]


def test_rules_of_one_name_in_two_files_are_two_alerts(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    rules = tree.with_name("rules")
    for folder, severity in (("a", "low"), ("b", "critical")):
        (rules / folder).mkdir(parents=True)
        text = f'rule same {{ meta: severity = "{severity}" strings: $a = "会议" condition: $a }}'
        (rules / folder / "same.yar").write_text(text, encoding="utf-8")
    scan = ("-w", workspace, "scan", "files", tree / "notes.txt", "--json", "--rules", rules)
    run = secwatch(*scan)
    assert run.code == 4, run.stderr
    items = secwatch("-w", workspace, "alerts", "list", "--json").json["items"]
    assert sorted(item["severity"] for item in items) == [1, 4]
    assert {match["alert"] for match in run.json["matches"]} == {item["id"] for item in items}
    assert {match["rule_file"] for match in run.json["matches"]} == {"given/a/same.yar", "given/b/same.yar"}
    elsewhere = rules.rename(tree.with_name("elsewhere"))
    (tree.parent / "more").mkdir()
    (tree.parent / "more" / "other.yar").write_text("rule other { condition: false }")
    again = secwatch(*scan[:-1], tree.parent / "more", "--rules", elsewhere)
    found = {match["alert"] for match in again.json["matches"]}
    assert found == {item["id"] for item in items}, "the same rules are known again wherever they lie"


@pytest.mark.parametrize("link", ["srv", "srv/www", "under"])
def test_a_path_behind_a_link_has_its_owner(link: str, secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    """Registered behind a link and scanned by either name; registered above a link and named through it."""
    city = tmp_path / "here"
    (city / "data" / "www").mkdir(parents=True)
    (city / "data" / "www" / "eicar.com").write_bytes(sample_content("eicar_test_file", "plain.com"))
    (city / "srv").symlink_to("data")
    (city / "shares").mkdir()
    (city / "shares" / "www").symlink_to("../data/www")
    owned, named = {
        "srv": (city / "srv" / "www", city / "data"),
        "srv/www": (city / "srv" / "www", city / "srv" / "www"),
        "under": (city / "shares", city / "shares" / "www"),
    }[link]
    (workspace / "own.csv").write_text(f"code,name,name_english,paths\nFIN,财政局,Finance,{owned}\n")
    assert secwatch("-w", workspace, "org", "import", workspace / "own.csv").code == 0
    run = secwatch("-w", workspace, "scan", "files", named.relative_to(tmp_path), "--json", directory=tmp_path)
    assert [match["organisation"] for match in run.json["matches"]] == ["FIN"]


def test_names_of_one_file_are_no_problem(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    notes, other = tree / "notes.txt", tree / "other.txt"
    other.hardlink_to(notes)
    run = secwatch("-w", workspace, "scan", "files", notes, other, notes, "--json")
    assert (run.code, run.json["complete"], run.json["problems"]) == (0, True, [])
    assert run.json["verdicts"]["skipped"] == {"hard-link": 1}
    assert run.json["verdicts"]["clean"] == 1


def test_other_content_at_the_same_place_is_another_alert(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    first = secwatch("-w", workspace, "scan", "files", tree / "eicar.com", "--json").json["matches"][0]["alert"]
    (tree / "eicar.com").write_bytes(sample_content("eicar_test_file", "white-space-to-the-limit.txt"))
    assert secwatch("-w", workspace, "scan", "files", tree / "eicar.com", "--json").json["matches"][0]["alert"] != first


@pytest.mark.parametrize(("level", "code"), [("1", 4), ("2", 4), ("3", 0), ("never", 0)])
def test_fail_on_says_what_ends_with_code_4(
    level: str, code: int, secwatch: Secwatch, workspace: Path, tree: Path
) -> None:
    run = secwatch("-w", workspace, "scan", "files", tree / "eicar.com", "--fail-on", level)
    assert run.code == code, run.stderr


def test_people_are_told_in_their_language(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    chinese = secwatch("-w", workspace, "scan", "files", tree).stdout
    assert "网页后门" in chinese
    assert "已扫描 4 个文件" in chinese
    english = secwatch("-w", workspace, "scan", "files", tree, "--lang", "en").stdout
    assert "PHP web shell" in english
    assert "scanned 4 files" in english
    assert "扫描" not in english


def test_dry_run_records_nothing(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    run = secwatch("-w", workspace, "scan", "files", tree, "-n", "--json")
    assert run.code == 4
    assert [match["alert"] for match in run.json["matches"]] == [None, None]
    assert not (workspace / "state" / "secwatch.db").exists()


def test_under_cron_a_clean_scan_says_nothing(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    run = secwatch("-w", workspace, "scan", "files", tree / "notes.txt", "-q")
    assert (run.code, run.stdout, run.stderr) == (0, "", "")


def test_something_missing_beside_what_is_there_ends_with_code_3(
    secwatch: Secwatch, workspace: Path, tree: Path
) -> None:
    run = secwatch("-w", workspace, "scan", "files", tree / "notes.txt", tree / "gone", "--json")
    assert run.code == 3
    assert run.json["verdicts"]["error"] == 1
    assert run.json["problems"] == [{"path": str(tree / "gone"), "verdict": "error", "reason": "missing"}]
    both = secwatch("-w", workspace, "scan", "files", tree, tree / "gone")
    assert both.code == 4, "findings outweigh what could not be read"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["gone"], 3, "there is nothing to scan at gone"),
        ([""], 2, "PATH... is empty"),
        (["tree", ""], 2, "PATH... is empty"),
        (["tree", "--rules", "gone"], 3, "no rules at gone"),
        (["tree", "--rules", "tree"], 3, "no YARA rules"),
        (["tree", "--rules", "broken"], 1, "not one of the 1 rule files can be used: broken/a.yar, line 2"),
        (["tree", "--max-size", "0"], 2, "not a size"),
        (["tree", "--max-size", "many"], 2, "not a size"),
        (["tree", "--threads", "0"], 2, "range"),
        (["tree", "--engine", "clam"], 2, "clam"),
        ([], 2, "path"),
    ],
)
def test_bad_input_is_one_sentence_and_a_hint(
    arguments: list[str], code: int, text: str, secwatch: Secwatch, workspace: Path, tree: Path
) -> None:
    (tree.parent / "broken").mkdir()
    (tree.parent / "broken" / "a.yar").write_text("rule a {\n condition nothing }")
    run = secwatch("-w", workspace, "scan", "files", *arguments, directory=tree.parent)
    assert run.code == code, run.stderr
    assert text.lower() in run.stderr.lower()
    assert "secwatch: hint:" in run.stderr
    assert run.stdout == ""


def test_devices_and_pipes_are_not_waited_for(secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = secwatch("-w", workspace, "scan", "files", "/dev/zero", tmp_path / "pipe", "--json", timeout=30)
    assert run.code == 3
    assert run.json["verdicts"]["skipped"] == {"special": 2}


def test_hostile_names_are_shown_escaped_and_kept_exactly(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    name = b"\x1b[31mred\n\xff.com"
    hostile = os.fsdecode(os.fsencode(tree) + b"/" + name)
    (tree / "eicar.com").rename(hostile)
    run = secwatch("-w", workspace, "scan", "files", tree, "--json")
    (match,) = (match for match in run.json["matches"] if match["rule"] == "eicar_test_file")
    assert match["path"].endswith("\\x1b[31mred\\x0a\\xff.com")
    assert base64.b64decode(match["path_base64"]) == os.fsencode(hostile)
    shown = secwatch("-w", workspace, "scan", "files", hostile)
    assert shown.code == 4
    assert "\x1b" not in shown.stdout
    assert secwatch("-w", workspace, "scan", "history").code == 0


def test_rules_given_are_used_instead_of_the_others(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    rules = workspace / "mine.txt"
    rules.write_text('rule notes { strings: $a = "会议" condition: $a }', encoding="utf-8")
    run = secwatch("-w", workspace, "scan", "files", tree, "--rules", rules, "--json")
    assert [match["rule"] for match in run.json["matches"]] == ["notes"]
    assert run.json["rules"] == 1


def test_own_rules_of_the_workspace_are_used_beside_the_shipped(
    secwatch: Secwatch, workspace: Path, tree: Path
) -> None:
    (workspace / "rules" / "own.yar").write_text('rule own { strings: $a = "会议" condition: $a }', encoding="utf-8")
    (workspace / "rules" / "bad.yar").write_text("rule bad {")
    run = secwatch("-v", "--lang", "en", "-w", workspace, "scan", "files", tree, "--json", "--fail-on", "never")
    assert run.code == 3, "a rule file that is broken scans nothing: that must not pass unseen"
    assert {match["rule"] for match in run.json["matches"]} == {"own", "php_request_evaluated", "eicar_test_file"}
    assert len(run.json["broken_rules"]) == 1
    assert "bad.yar" in run.stderr
    assert "engine:" in run.stderr
    assert "compiled now" in run.stderr
    again = secwatch("-v", "-w", workspace, "scan", "files", tree, "--fail-on", "never")
    assert "取自缓存" in again.stderr
    assert "1 个规则文件有误，未使用：" in again.stderr


def test_both_engines_give_the_same_answer(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    pytest.importorskip("boreal")
    runs = [
        secwatch("-w", workspace, "scan", "files", tree, "-n", "--json", "--engine", name)
        for name in ("yara", "boreal")
    ]
    assert [run.json["engine"] for run in runs] == ["yara", "boreal"]
    assert runs[0].json["matches"] == runs[1].json["matches"]


def test_the_configuration_is_obeyed(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    with (tree / "big").open("wb") as stream:
        stream.truncate(2 << 20)
    environment = {"SECWATCH_SCAN__MAX_MEGABYTES": "1", "SECWATCH_SCAN__THREADS": "1"}
    run = secwatch("-w", workspace, "scan", "files", tree, "--json", environment=environment)
    assert run.json["verdicts"]["skipped"] == {"size": 1}
    run = secwatch("-w", workspace, "scan", "files", tree, "--json", "--max-size", "3M", environment=environment)
    assert run.json["verdicts"]["skipped"] == {}


def test_the_result_can_go_to_a_file(secwatch: Secwatch, workspace: Path, tree: Path) -> None:
    target = workspace / "scan.json"
    run = secwatch("-w", workspace, "scan", "files", tree, "--json", "-o", target)
    assert (run.code, run.stdout) == (4, "")
    assert len(json.loads(target.read_text())["matches"]) == 2


def test_history_of_no_scans(secwatch: Secwatch, workspace: Path) -> None:
    run = secwatch("-w", workspace, "scan", "history", "--lang", "en")
    assert (run.code, run.stdout.strip()) == (0, "no scan has been made yet")
