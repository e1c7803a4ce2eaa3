"""Hits become findings: the words of the rule, the owner of the path, the hash of what was scanned."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from secwatch.core.escape import visible
from secwatch.core.model import Finding, Organisation, Origin
from secwatch.core.ownership import Ownership
from secwatch.scan.rule import Rule
from secwatch.scan.rulebook import Rulebook
from secwatch.scan.suppressions import Judgement, Suppressions
from secwatch.scan.verdicts import Examined, Hit
from secwatch.store.packs import Pack

# The same content at the same place, found again by the next scans, adds to its alert. Scans are
# daily or weekly; a month covers a few that failed.
SUPPRESS_SECONDS = 30 * 86_400
MAX_PATH = 4_096 * 4


@dataclass(frozen=True)
class Scene:
    """Where and when a scan takes place. linked: what the user named through links, see `linked`."""

    host: str
    moment: datetime
    ownership: Ownership
    linked: Sequence[tuple[str, str]] = ()
    suppressions: Suppressions = field(default_factory=Suppressions)
    packs: Mapping[str, Pack] = field(default_factory=dict)

    def pack_of(self, rule: Rule) -> Pack | None:
        """Return the pack that a rule comes from, if it was imported."""
        return self.packs.get(rule.namespace.partition("/")[0])

    def owner(self, path: str) -> str | None:
        """Return the organisation that owns a path on this host, or else the host.

        A scan reports real paths; a link that the user named may lie in another one's tree.
        """
        named = (name + path[len(real) :] for real, name in self.linked if path == real or path.startswith(f"{real}/"))
        return self.ownership.of_path(path, *named) or self.ownership.of_name(self.host)


def linked(roots: Iterable[str]) -> Sequence[tuple[str, str]]:
    """Return the real path of each root that leads through links, with the absolute path as the user named it."""
    pairs = []
    for root in filter(None, roots):
        real, name = os.path.realpath(root), os.path.abspath(root)  # noqa: PTH100 - the links must stay
        # After a link, `..` is not what stands before it in the name: then the name says nothing.
        if real != name and os.path.realpath(name) == real:
            pairs.append((real.rstrip("/"), name))
    return pairs


def ownership_here(organisations: Iterable[Organisation]) -> Ownership:
    """Return who owns what on this machine: a registered path that leads through links means its target too.

    What is registered for the target itself goes before.
    """
    registered = tuple(organisations)
    real = (
        Organisation(one.code, one.name, paths=tuple(os.path.realpath(path) for path in one.paths if "\0" not in path))
        for one in registered
    )
    return Ownership((*real, *registered))


def shown_path(path: str) -> str:
    """Return a path as it may be shown and stored; path_bytes gives back what was changed."""
    return visible(path, MAX_PATH)


def path_bytes(path: str) -> str | None:
    """Return the bytes of a path in Base64 if `shown_path` changes it, else None."""
    return None if shown_path(path) == path else base64.b64encode(os.fsencode(path)).decode()


def findings_of(examined: Examined, rulebook: Rulebook, scene: Scene) -> Iterator[tuple[Judgement, Finding]]:
    """Yield a finding for each rule that matched, with what the suppressions make of it.

    Also of those that are silenced: whoever asks counts them and leaves them out.
    """
    for hit in examined.hits:
        stated = rulebook.rule(hit.namespace, hit.rule)
        judgement = scene.suppressions.judge(stated, examined.path, examined.sha256)
        finding = _finding(examined, hit, judgement.rule, rulebook, scene)
        if judgement.suppression is not None:
            finding = replace(finding, evidence={**finding.evidence, **_lowering(judgement, stated)})
        yield judgement, finding


def provenance(rule: Rule, pack: Pack | None) -> Mapping[str, str]:
    """Return who wrote a rule, under which licence, and where it comes from; what nobody says is empty.

    What the rule says of itself goes before what its pack says.
    """
    known = {"author": rule.text("author"), "licence": rule.licence}
    if pack is None:
        return known
    return {
        "author": known["author"] or pack.author,
        "licence": known["licence"] or pack.licence,
        "pack": pack.name,
        "pack_source": pack.source,
        "pack_version": pack.version,
        "pack_signer": pack.signer,
    }


def _lowering(judgement: Judgement, stated: Rule) -> dict[str, Any]:
    return {
        "suppression": judgement.suppression,
        "suppression_reason": visible(judgement.reason.en, 1000),
        "severity_stated": int(stated.severity),
    }


def _finding(examined: Examined, hit: Hit, rule: Rule, rulebook: Rulebook, scene: Scene) -> Finding:
    path = shown_path(examined.path)
    return Finding(
        detection=rule.detection,
        title=rule.title,
        origin=Origin.SCAN,
        severity=rule.severity,
        key={"path": path, "rule_file": rule.namespace, "rule": rule.name, "sha256": examined.sha256},
        first_seen=scene.moment,
        last_seen=scene.moment,
        count=1,
        new_count=1,
        suppress_seconds=SUPPRESS_SECONDS,
        target=path,
        score=rule.score,
        confidence=rule.confidence,
        aspect=rule.text("aspect") or "info",
        attack=rule.attack,
        evidence=_evidence(examined, hit, rule, rulebook, scene),
        response=rule.response,
        organisation=scene.owner(examined.path),
    )


# Of the meta of a rule. What stands in Chinese too (…_zh) is shown in the reader's language.
_QUOTED = (
    *("description", "description_zh", "reference"),
    *("false_positives", "false_positives_zh"),
)


def _evidence(examined: Examined, hit: Hit, rule: Rule, rulebook: Rulebook, scene: Scene) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "host": scene.host,
        "sha256": examined.sha256,
        "bytes": examined.size,
        "rule_file": rule.namespace,
        "engine": rulebook.engine.version,
        "strings": [
            f"{snippet.identifier} @ {snippet.offset}: {visible(snippet.content.decode('latin-1'), 120)}"
            for snippet in hit.snippets
        ],
    }
    stated = {name: rule.text(name) for name in _QUOTED}
    stated |= provenance(rule, scene.pack_of(rule))
    evidence |= {name: visible(text, 1000) for name, text in stated.items() if text}
    encoded = path_bytes(examined.path)
    if encoded:
        evidence["path_base64"] = encoded
    return evidence
