"""What becomes of a match: reported, lowered or silenced; what is silenced is counted with its reason."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from secwatch.core.errors import UsageProblem
from secwatch.core.model import Severity, Text
from secwatch.scan.exclude import Excludes
from secwatch.scan.rule import Rule
from secwatch.store.suppressions import Suppression

# What ends is looked at again; a year, and some weeks in which to do that.
MAX_DAYS = 400
_DISABLED = Text("规则已停用", "the rule is disabled")
_ITSELF = Text("规则自身声明静默", "the rule says of itself that it is silenced")
# No pattern that means something in particular covers a path like these.
_ANYWHERE = ("/x", "/5a/0e61", "/5a/0e61/b7.9c/d2.bin")


@dataclass(frozen=True)
class Judgement:
    """A match after the suppressions: its rule with the severity it gets, and why it is held back, if it is.

    suppression is the number of the one that did it, None where the rule itself or a switch did.
    """

    rule: Rule
    silenced: bool = False
    reason: Text = field(default_factory=lambda: Text("", ""))
    suppression: int | None = None


class Suppressions:
    """The suppressions in force, ready to be asked about matches."""

    def __init__(self, kept: Iterable[Suppression] = (), disabled: Collection[tuple[str, str]] = ()):
        """`disabled` are rules that are switched off, as (namespace, name); an empty namespace means every file."""
        self._selectors = [(item, Excludes([item.path]) if item.path else None) for item in kept]
        self._disabled = frozenset(disabled)

    def judge(self, rule: Rule, path: str, sha256: str | None) -> Judgement:
        """Return what becomes of a match of this rule in the content of that hash at an absolute path.

        What silences goes before what lowers; of several that lower, the lowest severity holds. A
        suppression never raises a severity.
        """
        if self._disabled and not self._disabled.isdisjoint({("", rule.name), (rule.namespace, rule.name)}):
            return Judgement(rule, silenced=True, reason=_DISABLED)
        matching = [item for item, paths in self._selectors if _holds(item, paths, rule, path, sha256)]
        for item in matching:
            if item.lowered_to is None:
                return Judgement(rule, silenced=True, reason=Text(item.reason, item.reason), suppression=item.id)
        if rule.silenced:
            return Judgement(rule, silenced=True, reason=_ITSELF)
        lowest = min(matching, key=lambda item: item.lowered_to or 0, default=None)
        if lowest is None or lowest.lowered_to is None or lowest.lowered_to >= rule.severity:
            return Judgement(rule)
        lowered = replace(rule, severity=Severity(lowest.lowered_to))
        return Judgement(lowered, reason=Text(lowest.reason, lowest.reason), suppression=lowest.id)


def _holds(item: Suppression, paths: Excludes | None, rule: Rule, path: str, sha256: str | None) -> bool:
    if item.rule is not None and item.rule not in (rule.name, f"{rule.namespace}:{rule.name}"):
        return False
    if item.tag is not None and item.tag not in rule.tags:
        return False
    if item.sha256 is not None and item.sha256 != sha256:
        return False
    return paths is None or _covered(paths, path)


def _covered(paths: Excludes, path: str) -> bool:
    """A pattern that means a directory means everything below it."""
    parts = path.rstrip("/").split("/")
    return any(paths.covers("/".join(parts[: count + 1]) or "/") for count in range(len(parts)))


def _means_everything(pattern: str) -> bool:
    compiled = Excludes([pattern])
    return not pattern.strip("/*") or all(_covered(compiled, path) for path in _ANYWHERE)


def refuse_mistaken(item: Suppression, now_days: float) -> None:
    """Raise UsageProblem for a suppression that says nothing, means everything, or lasts `now_days` too many."""
    hint = "secwatch rules suppress --help"
    if not item.reason.strip():
        raise UsageProblem("a suppression needs a reason", '--reason "what was found out, and by whom"')
    if item.rule is None and item.tag is None and item.path is None and item.sha256 is None:
        raise UsageProblem("nothing says which matches are meant", "give RULE, --tag, --path or --hash")
    if item.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", item.sha256):
        raise UsageProblem(f"{item.sha256!r} is not a SHA-256 of 64 hexadecimal digits", "sha256sum FILE")
    alone = item.rule is None and item.tag is None and item.sha256 is None
    if item.path is not None and alone and _means_everything(item.path):
        raise UsageProblem(f"the pattern {item.path!r} means every file: nothing would be reported any more", hint)
    if item.path is not None and item.path.startswith(("./", "../")):
        raise UsageProblem(f"the pattern {item.path!r} is relative, and would match nothing", "begin it with /")
    if now_days > MAX_DAYS:
        raise UsageProblem(f"a suppression lasts at most {MAX_DAYS} days", "give it a nearer end and renew it then")
