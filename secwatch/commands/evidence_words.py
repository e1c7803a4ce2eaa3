"""What an alert was stated from, as people read it: a sentence in their language, labels for what it does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from secwatch.core.model import Finding, Language, Origin, Text
from secwatch.core.phrases import fill, gaps, in_words

if TYPE_CHECKING:
    from secwatch.system.paths import Place

# Evidence that our own code states: of scans, of backups, of the lake. Detections bring their own sentences.
LABELS: Mapping[str, Text] = {
    "achieved_seconds": Text("实际（秒）", "reached (s)"),
    "author": Text("规则作者", "author of the rule"),
    "bytes": Text("字节", "bytes"),
    "bytes_compared": Text("已比对字节", "bytes compared"),
    "bytes_per_day": Text("每日增长（字节）", "growth a day (bytes)"),
    "changed_meanwhile": Text("备份期间有变化", "changed meanwhile"),
    "contents_compared": Text("已比对内容", "contents compared"),
    "count": Text("数量", "number"),
    "description": Text("规则说明", "about the rule"),
    "difference_examples": Text("差异示例", "examples of differences"),
    "differences": Text("差异", "differences"),
    "engine": Text("扫描引擎", "engine"),
    "entries_compared": Text("已比对条目", "entries compared"),
    "examples": Text("示例", "examples"),
    "extra": Text("多出的条目", "entries too many"),
    "false_positives": Text("可能的误报", "false positives"),
    "expected": Text("应为", "expected"),
    "files": Text("文件", "files"),
    "files_compared": Text("已比对文件", "files compared"),
    "found": Text("实为", "found"),
    "full_at": Text("预计占满", "full at"),
    "hint": Text("提示", "hint"),
    "host": Text("主机", "host"),
    "job": Text("备份作业", "backup job"),
    "licence": Text("规则许可", "licence of the rule"),
    "license": Text("规则许可", "licence of the rule"),
    "limit_bytes": Text("上限（字节）", "limit (bytes)"),
    "measured_seconds": Text("实测（秒）", "measured (s)"),
    "median": Text("以往中位数", "median before"),
    "message": Text("原因", "reason"),
    "missing_snapshots": Text("消失的快照", "snapshots that are gone"),
    "missing_sources": Text("缺失的数据源", "missing sources"),
    "now": Text("现为", "now"),
    "pack": Text("规则包", "rule pack"),
    "pack_signer": Text("规则包签名者", "signer of the pack"),
    "pack_source": Text("规则包来源", "source of the pack"),
    "pack_version": Text("规则包版本", "version of the pack"),
    "path": Text("路径", "path"),
    "path_base64": Text("路径 (Base64)", "path (Base64)"),
    "problems": Text("问题", "problems"),
    "quota": Text("配额", "quota"),
    "read": Text("读取范围", "part that was read"),
    "reference": Text("参考", "reference"),
    "repository": Text("备份库", "repository"),
    "result": Text("结果", "result"),
    "rpo_seconds": Text("恢复点（秒）", "recovery point (s)"),
    "rpo_target_seconds": Text("恢复点目标（秒）", "recovery point objective (s)"),
    "rto_seconds": Text("恢复用时（秒）", "recovery time (s)"),
    "rto_target_seconds": Text("恢复时间目标（秒）", "recovery time objective (s)"),
    "rule_file": Text("规则文件", "file of the rule"),
    "run": Text("执行编号", "run"),
    "sha256": Text("SHA-256", "SHA-256"),
    "severity_stated": Text("规则自定级别", "severity of the rule"),
    "shortened": Text("已截短", "shortened"),
    "snapshot_time": Text("快照时间", "time of the snapshot"),
    "snapshots": Text("快照", "snapshots"),
    "started_at": Text("开始", "started"),
    "strings": Text("命中内容", "what matched"),
    "suppression": Text("抑制编号", "suppression"),
    "suppression_reason": Text("降级理由", "why it was lowered"),
    "target": Text("恢复目录", "restored to"),
    "target_seconds": Text("目标（秒）", "objective (s)"),
    "unreadable": Text("未能读取", "not read"),
    "unreadable_examples": Text("未能读取的示例", "examples of what was not read"),
    "used_bytes": Text("已用（字节）", "used (bytes)"),
    "verb": Text("操作", "what was done"),
    "what": Text("差异", "difference"),
}
# Words of the evidence that are ours and stand for something, by the name they are found under.
_RESULT, _VERB = "result", "verb"
_VERBS: Mapping[str, Text] = {
    "drill": Text("恢复演练", "recovery drill"),
    "restore": Text("恢复", "restore"),
    "run": Text("备份", "backup"),
    "verify": Text("验证", "verification"),
}


class EvidenceWords:
    """The sentences of the detections in a place; read when the first alert of the network is to be told."""

    def __init__(self, place: Place):
        self._place = place

    @cached_property
    def _sentences(self) -> Mapping[str, Text]:
        from secwatch.detect.catalogue import load

        known = load(self._place).definitions
        return {item.id: item.header.evidence.text() for item in known if item.header.evidence is not None}

    def sentence(self, finding: Finding) -> Text | None:
        """Return what was seen in a sentence; None where the detection has none, or none that fits any more.

        An alert may be older than the detection as it is now, or its detection may be gone.
        """
        template = self._template(finding)
        return fill(template, finding.evidence) if template is not None else None

    def rows(self, finding: Finding, language: Language) -> Sequence[tuple[str, str]]:
        """Return what no sentence says, as label and value; a column of somebody's own detection keeps its name."""
        template = self._template(finding)
        said = gaps(template.to(language)) if template is not None and self.sentence(finding) is not None else ()
        unsaid = {name: value for name, value in _spoken(finding.evidence, language).items() if name not in said}
        return [(_label(name, language), _value(name, value, language)) for name, value in unsaid.items()]

    def _template(self, finding: Finding) -> Text | None:
        return self._sentences.get(finding.detection) if finding.origin is Origin.NETWORK else None


def _spoken(evidence: Mapping[str, Any], language: Language) -> Mapping[str, Any]:
    """Where a fact stands in Chinese beside the English one (`…_zh`), keep the one to be read, by its plain name."""
    chosen = {}
    for name, value in evidence.items():
        if name.endswith("_zh") and name.removesuffix("_zh") in evidence:
            continue
        chosen[name] = evidence.get(f"{name}_zh", value) if language == "zh" else value
    return chosen


def _label(name: str, language: Language) -> str:
    return LABELS[name].to(language) if name in LABELS else name


def _value(name: str, value: Any, language: Language) -> str:
    if name == _VERB and value in _VERBS:
        return _VERBS[str(value)].to(language)
    if name == _RESULT:
        from backup.model import Result

        if value in Result.__members__.values():
            return Result(value).label.to(language)
    return in_words(_labelled(value, language), language)


def _labelled(value: Any, language: Language) -> Any:
    if isinstance(value, dict):
        return {_label(name, language): _labelled(item, language) for name, item in value.items()}
    return [_labelled(item, language) for item in value] if isinstance(value, list) else value
