"""`secwatch rules` as the author of a rule uses it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from secwatch.scan import sources
from secwatch.scan.lint import lint
from secwatch.system.paths import shipped
from tests.conftest import Run

Secwatch = Callable[..., Run]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped web-shell rule with its samples, to be spoilt."""
    directory = tmp_path / "webshell"
    shutil.copytree(shipped("rules") / "yara" / "webshell", directory)
    return directory


def test_list_names_every_rule_with_its_words(secwatch: Secwatch, workspace: Path) -> None:
    items = secwatch("-w", workspace, "rules", "list", "--json").json["items"]
    assert {item["rule"] for item in items} >= {
        "eicar_test_file",
        "php_request_evaluated",
        "powershell_encoded_download",
    }
    assert all(item["title"] and item["title_english"] and item["severity"] for item in items)
    assert "网页后门" in secwatch("-w", workspace, "rules", "list").stdout
    assert "web shell" in secwatch("-w", workspace, "rules", "list", "--lang", "en").stdout


def test_list_shows_broken_files(secwatch: Secwatch, workspace: Path, copy: Path) -> None:
    (copy / "bad.yar").write_text("rule a\n{\n condition: nosuch\n}")
    run = secwatch("-w", workspace, "rules", "list", "--rules", copy, "--json")
    assert [(Path(item["path"]).name, item["line"]) for item in run.json["broken"]] == [("bad.yar", 3)]


def test_show_prints_the_rule_and_its_words(secwatch: Secwatch, workspace: Path) -> None:
    run = secwatch("-w", workspace, "rules", "show", "eicar_test_file")
    assert run.code == 0
    assert "$characters at 0" in run.stdout
    assert "response_zh" in run.stdout
    assert secwatch("-w", workspace, "rules", "show", "nothing").code == 2


def test_shipped_rules_pass_lint_and_test(secwatch: Secwatch, workspace: Path) -> None:
    run = secwatch("-w", workspace, "rules", "lint", "--json")
    assert (run.code, run.json["items"]) == (0, [])
    run = secwatch("-w", workspace, "rules", "test", "--json")
    assert run.code == 0
    assert len(run.json["items"]) >= 20
    assert all(item["passed"] for item in run.json["items"])
    assert run.json["untested"] == []


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ('severity = "critical"', 'severity = "dreadful"', "meta-valid"),
        ('attack = "T1505.003"', 'attack = "web shell"', "meta-valid"),
        ('date = "2026-11-23"', 'date = "yesterday"', "meta-valid"),
        ("confidence = 85", "confidence = 850", "meta-valid"),
        ('aspect = "info"', 'aspect = "files"', "meta-valid"),
        ('title_zh = "PHP 网页后门：直接执行访问者提交的内容"', 'title_zh = "PHP web shell"', "meta-valid"),
        ('licence = "MIT"', "", "meta-complete"),
        ('reference = "https://attack.mitre.org/techniques/T1505/003/"', 'reference = ""', "meta-complete"),
        ("rule php_request_evaluated", "rule php_requests_evaluated", "named-as-file"),
        ("rule php_request_evaluated", "global rule php_request_evaluated", "no-global-rule"),
        (
            "rule php_request_evaluated",
            "rule other { condition: false }\nrule php_request_evaluated",
            "one-rule-a-file",
        ),
        ("any of (", "$php and none of (", "samples-hold"),
        ("filesize < 4MB", "filesize < nosuch", "compiles"),
        ("$php = /<\\?(php|=)/ nocase", "$php = /<.*/", "no-warnings"),
        ("rule php_request_evaluated", 'include "other.yar"\nrule php_request_evaluated', "compiles"),
    ],
)
def test_each_mistake_is_found_by_its_check(old: str, new: str, check: str, copy: Path) -> None:
    path = copy / "php_request_evaluated.yar"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    advice = list(lint(sources.read([sources.Origin("test", copy)])))
    assert check in {item.check for item in advice}
    assert all(item.problem and item.recommendation for item in advice)


@pytest.mark.parametrize("missing", ["match", "clean"])
def test_samples_are_asked_for(missing: str, secwatch: Secwatch, workspace: Path, copy: Path) -> None:
    shutil.rmtree(copy / "samples" / "php_request_evaluated" / missing)
    run = secwatch("-w", workspace, "rules", "lint", copy, "--json")
    assert run.code == 1
    assert [item["check"] for item in run.json["items"]] == ["samples"]


def test_a_sample_that_says_otherwise_fails_the_test(secwatch: Secwatch, workspace: Path, copy: Path) -> None:
    samples = copy / "samples" / "php_request_evaluated"
    (samples / "match" / "form-handler.php").write_bytes((samples / "clean" / "form-handler.php").read_bytes())
    (samples / "clean" / "callback.php.b64").write_bytes((samples / "match" / "callback.php.b64").read_bytes())
    (samples / "clean" / "not-base64.b64").write_bytes(b"?")
    run = secwatch("-w", workspace, "rules", "test", "--rules", copy, "--json")
    assert run.code == 1
    failed = {(item["sample"], item["problem"]) for item in run.json["items"] if not item["passed"]}
    assert ("form-handler.php", "does not match, and must") in failed
    assert ("callback.php", "matches, and must not") in failed
    assert any(name == "not-base64" and "cannot be read" in problem for name, problem in failed)
    shown = secwatch("-w", workspace, "rules", "test", "--rules", copy, "--lang", "en")
    assert "does not match, and must" in " ".join(shown.stdout.split())


def test_a_rule_without_samples_is_said_to_be_untested(secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yar").write_text("rule own { condition: false }")
    run = secwatch("-w", workspace, "rules", "test", "--rules", tmp_path / "own.yar", "--json")
    assert (run.code, run.json["untested"]) == (0, ["own"])
    assert secwatch("-w", workspace, "rules", "test", "nothing").code == 2


@pytest.mark.parametrize("verb", ["list", "lint", "test"])
def test_no_rules_at_all_is_code_3(verb: str, secwatch: Secwatch, workspace: Path, tmp_path: Path) -> None:
    arguments = [tmp_path] if verb == "lint" else ["--rules", tmp_path]
    run = secwatch("-w", workspace, "rules", verb, *arguments)
    assert run.code == 3
    assert "no YARA rules" in run.stderr
