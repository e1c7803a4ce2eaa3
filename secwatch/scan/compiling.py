"""The child process that reads the text of rules: `python -m secwatch.scan.compiling DESCRIPTOR`.

The parser of an engine goes as deep as a rule is nested and may end the process with it. So whatever
parses rules (compiling them, checking them, trying their samples) happens here, one question at a
time: when this process dies, its parent knows of which.
"""

from __future__ import annotations

import sys

from secwatch.scan.children import channel_of, confine
from secwatch.scan.engine import ENGINES, YARA, RuleMistake, identifiers_in
from secwatch.scan.frames import Gone
from secwatch.scan.lint import lint
from secwatch.scan.questions import (
    Advised,
    Compile,
    Describe,
    Described,
    Form,
    Lint,
    Mistake,
    Question,
    Reply,
    Tried,
)
from secwatch.scan.rule import slow_rules
from secwatch.scan.samples import try_rule


def main(arguments: list[str]) -> int:
    """Answer until nobody asks any more."""
    channel = channel_of(arguments, Question)
    confine()
    try:
        while True:
            channel.send(answer(channel.receive()))
    except Gone:
        return 0


def answer(question: Question) -> Reply:
    """Return the answer to a question."""
    if isinstance(question, Lint):
        return Advised(list(lint([question.file])))
    if isinstance(question, Describe | Compile):
        try:
            return _describe(question) if isinstance(question, Describe) else _compile(question)
        except RuleMistake as mistake:
            return Mistake(mistake.message, mistake.line)
    return Tried(list(try_rule(question.rule, question.file)))


def _describe(question: Describe) -> Described:
    sources = {question.namespace: question.text}
    compiled = YARA.compile(sources)
    slow = slow_rules(question.text, compiled.warnings)
    return Described(list(compiled.declared()), identifiers_in(sources), slow)


def _compile(question: Compile) -> Form:
    return Form(ENGINES[question.engine].compile(question.sources).save() or b"")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
