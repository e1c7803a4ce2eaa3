"""What was seen, in the reader's language: sentences where the detection has them, labels where it has none."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secwatch.commands.evidence_words import LABELS, EvidenceWords
from secwatch.core.model import Finding, Origin, Text
from secwatch.scan import sources
from secwatch.system.paths import workspace_at
from tests.conftest import ROOT, Run
from tests.findings import city_database, finding, record

Secwatch = Callable[..., Run]

SCAN = {"ports": 12, "first_ports": [22, 80, "8443\x1b[31m{ports}"], "transports": ["tcp"]}
CHINESE = "目标有 12 个端口未能连通（tcp），其中有 22、80、8443\\x1b[31m{ports}。"
ENGLISH = "12 ports of the target did not connect (tcp), among them 22, 80, 8443\\x1b[31m{ports}."


def seen(evidence: Mapping[str, Any], **changes: Any) -> Finding:
    """A finding of the shipped port scan, seen an hour ago."""
    now = datetime.now(UTC)
    times = {"first_seen": now - timedelta(hours=2), "last_seen": now - timedelta(hours=1)}
    return finding(detection="port_scan", evidence=evidence, **times, **changes)


@pytest.fixture
def city(workspace: Path) -> Path:
    """A workspace with an alert whose evidence has a sentence, an older one, and one of a detection that is gone."""
    database = city_database(workspace / "state")
    record(
        database,
        seen(SCAN),
        seen({"ports": 12, "examples": ["x"]}, target="192.0.2.11"),
        replace(seen(SCAN, target="192.0.2.12"), detection="gone"),
        now=datetime.now(UTC),
    )
    database.close()
    return workspace


def test_an_alert_says_what_was_seen_in_either_language(secwatch: Secwatch, city: Path) -> None:
    """Stored is data; what came over the wire is harmless, and nothing is told in the other language."""
    chinese = secwatch("-w", city, "alerts", "show", "1", "--lang", "zh").stdout
    assert f"所见: {CHINESE}" in chinese
    english = secwatch("-w", city, "alerts", "show", "1", "--lang", "en").stdout
    assert f"What was seen: {ENGLISH}" in english
    assert not re.search(r"[\u4e00-\u9fff]", english)
    assert "first_ports" not in chinese + english
    both = secwatch("-w", city, "alerts", "show", "1", "--json").json
    assert both["evidence"] == SCAN
    raw = (("\\x1b", "\x1b"),)
    for language, shown in (("zh", CHINESE), ("en", ENGLISH)):
        assert both["evidence_text"][language] == shown.replace(*raw[0])


def test_alerts_that_no_sentence_fits_are_readable(secwatch: Secwatch, city: Path) -> None:
    """One that is older than its detection's columns, one whose detection is gone: names and values."""
    for number, values in (("2", ("12", "x")), ("3", ("22, 80", "tcp"))):
        shown = secwatch("-w", city, "alerts", "show", number, "--lang", "en")
        assert shown.code == 0, shown.stderr
        assert "What was seen" not in shown.stdout
        assert all(value in shown.stdout for value in values)
        assert secwatch("-w", city, "alerts", "show", number, "--json").json["evidence_text"] is None


def test_a_warning_tells_what_its_alerts_saw(secwatch: Secwatch, city: Path) -> None:
    assert secwatch("-w", city, "warn", "draft", "-q").code == 0
    listed = secwatch("-w", city, "warn", "list", "--json").json["items"]
    number = next(item["number"] for item in listed if item["detection"] == "port_scan")
    assert CHINESE in secwatch("-w", city, "warn", "show", number).stdout
    assert ENGLISH in secwatch("-w", city, "warn", "show", number, "--lang", "en").stdout
    for language in ("zh", "en"):
        told = secwatch("-w", city, "warn", "show", number, "--json", "--lang", language).json
        assert [(item["id"], item["evidence_text"] is not None) for item in told["evidence"]] == [(2, False), (1, True)]
        assert (told["title_chinese"], told["title_english"]) == ("端口扫描", "Port scan")
        assert (told["response_chinese"], told["response_english"]) == (
            "在边界封堵扫描源。",
            "Block the scanner at the border.",
        )
        why = secwatch("-w", city, "warn", "explain", number, "--json", "--lang", language).json
        assert len(why["reasons_chinese"]) == len(why["reasons_english"]) == len(why["reasons"])


def test_an_own_detection_brings_its_own_sentence(city: Path) -> None:
    """It replaces the shipped one, and an evidence column that it does not say is shown beside it."""
    shipped = (ROOT / "rules" / "detections" / "port_scan.sql").read_text(encoding="utf-8")
    own = re.sub(r"(?m)^evidence\.(zh|en) = .*$", r'evidence.\1 = "\1 {ports}"', shipped)
    (city / "detections" / "port_scan.sql").write_text(own, encoding="utf-8")
    words = EvidenceWords(workspace_at(city))
    assert words.sentence(seen(SCAN)) == Text("zh 12", "en 12")
    assert [label for label, _ in words.rows(seen(SCAN), "en")] == ["first_ports", "transports"]


def test_other_origins_have_labels_and_values_in_words(tmp_path: Path) -> None:
    evidence = {
        "job": "fin",
        "result": "damaged",
        "verb": "drill",
        "missing_sources": [],
        "files": {"now": 3, "median": 40.0},
        "difference_examples": [{"path": "/x", "what": "content"}],
        "description": "finds x",
        "description_zh": "查找 x",
    }
    words = EvidenceWords(workspace_at(tmp_path))
    told = replace(seen(evidence), origin=Origin.BACKUP)
    assert words.sentence(told) is None
    chinese, english = dict(words.rows(told, "zh")), dict(words.rows(told, "en"))
    assert chinese["操作"] == "恢复演练"
    assert chinese["文件"] == "现为 3、以往中位数 40"
    assert chinese["差异示例"] == "路径 /x、差异 content"
    assert chinese["规则说明"] == "查找 x"
    assert chinese["缺失的数据源"] == "无"
    assert not re.search(r"[\u4e00-\u9fff]", str(english))
    assert (english["about the rule"], english["what was done"]) == ("finds x", "recovery drill")
    assert len(chinese) == len(english) == len(evidence) - 1


# Where our own code states evidence, and what it puts there: dict literals of these names.
STATING = (
    *("backup/anomalies.py", "backup/compliance.py", "backup/drill.py", "backup/recovery.py", "backup/verify.py"),
    *("secwatch/bridge.py", "secwatch/pipeline/retention.py", "secwatch/scan/findings.py"),
)


def stated(path: Path) -> Iterator[str]:
    """The names of the facts that a file gives as evidence."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        given: ast.AST | None = None
        if isinstance(node, ast.keyword) and node.arg in ("evidence", "details"):
            given = node.value
        elif isinstance(node, ast.FunctionDef) and node.name in ("_evidence", "as_details"):
            given = node
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("evidence", "fallen[name]"):
            given = node.value
        for inner in ast.walk(given) if given is not None else ():
            if isinstance(inner, ast.Dict):
                yield from (str(key.value) for key in inner.keys if isinstance(key, ast.Constant))


@pytest.mark.parametrize("name", STATING)
def test_every_fact_that_we_state_has_a_label_in_both_languages(name: str) -> None:
    names = set(stated(ROOT / name))
    assert names, "the search finds nothing any more"
    assert names <= LABELS.keys()


def test_the_shipped_rules_explain_themselves_in_both_languages() -> None:
    """What an alert quotes of a rule is there in Chinese too."""
    texts = [file.text for file in sources.read(sources.origins(workspace_at(ROOT / "nowhere"), ()))]
    assert len(texts) >= 3
    for text in texts:
        for key in ("title", "description", "false_positives", "response"):
            assert re.search(rf'{key}_zh = "[^"]*[\u4e00-\u9fff]', text), text[:300]
