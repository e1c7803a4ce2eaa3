"""Samples: files beside a rule that it must match, and others that it must not.

They lie in `samples/<rule>/match/` and `samples/<rule>/clean/` next to the rule's file. One whose
name ends in `.b64` is kept in Base64, so that no virus scanner removes it from a checkout and no
scan of ours finds it there; it is decoded before it is scanned.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from secwatch.scan.engine import ENGINES, Compiled, EngineFailure, RuleMistake, ScanTimeout
from secwatch.scan.externals import values
from secwatch.scan.rule import Rule
from secwatch.scan.sources import SAMPLES, RuleFile

ENCODED = ".b64"
MAX_SAMPLE_BYTES = 16 << 20
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Sample:
    """One sample. name is what the file would be called outside."""

    path: Path
    name: str
    must_match: bool

    def content(self) -> bytes:
        """Return the sample as it is scanned. Raise OSError, ValueError for what is not Base64."""
        with self.path.open("rb") as stream:
            raw = stream.read(MAX_SAMPLE_BYTES)
        if not self.path.name.endswith(ENCODED):
            return raw
        try:
            return base64.b64decode(b"".join(raw.split()), validate=True)
        except binascii.Error as error:
            raise ValueError(f"not Base64: {error}") from error


@dataclass(frozen=True)
class Trial:
    """What one engine said of one sample. problem is empty when it said what it must."""

    rule: str
    sample: str
    engine: str
    must_match: bool
    problem: str

    @property
    def passed(self) -> bool:
        """Whether the rule did what the sample asks for."""
        return not self.problem


def of_rule(rule_path: str, name: str) -> Sequence[Sample]:
    """Return the samples of a rule, sorted; none if there are none."""
    base = Path(rule_path).parent / SAMPLES / name
    return [
        Sample(path, path.name.removesuffix(ENCODED), must_match)
        for folder, must_match in (("match", True), ("clean", False))
        for path in (sorted((base / folder).iterdir()) if (base / folder).is_dir() else ())
        if path.is_file() and not path.name.startswith(".")
    ]


def try_rule(rule: Rule, file: RuleFile) -> Iterator[Trial]:
    """Yield the trial of every sample of a rule under every engine of this machine.

    The rule's file is compiled alone: what it needs, it must have.
    """
    samples = of_rule(rule.path, rule.name)
    for engine in ENGINES.values() if samples else ():
        try:
            compiled = engine.compile({rule.namespace: file.text})
        except RuleMistake as mistake:
            yield Trial(rule.name, "", engine.name, True, f"does not compile: {mistake.message}")
            continue
        for sample in samples:
            problem = _try(compiled, rule, sample)
            yield Trial(rule.name, sample.name, engine.name, sample.must_match, problem)


def _try(compiled: Compiled, rule: Rule, sample: Sample) -> str:
    try:
        content = sample.content()
        asked = values(("filename", "filepath", "extension", "filetype", "md5"), f"/{sample.name}", content, None)
        matched = compiled.match(content, asked, _TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        return f"the sample cannot be read: {error}"
    except (ScanTimeout, EngineFailure) as error:
        return f"the scan failed: {error}"
    hit = any(found.rule == rule.name for found in matched.hits)
    if hit and not sample.must_match:
        return "matches, and must not"
    if sample.must_match and not hit:
        return "does not match, and must"
    return ""
