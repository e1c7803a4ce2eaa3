"""An empty path, as a variable that is not set gives one, is a mistake and never the current directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run

Secwatch = Callable[..., Run]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (("sense", "read", ""), "FILE"),
        (("sense", "read", "x.pcap", ""), "FILE"),
        (("sense", "show", ""), "FILE"),
        (("scan", "files", ""), "PATH"),
        (("scan", "files", ".", "--rules", ""), "--rules"),
        (("rules", "lint", ""), "PATH"),
        (("org", "import", ""), "FILE"),
        (("init", ""), "DIRECTORY"),
        (("sense", "read", "x.pcap", "-o", ""), "--output"),
        (("-w", "", "alerts", "list"), "--workspace"),
    ],
)
def test_an_empty_path_is_a_mistake(tmp_path: Path, secwatch: Secwatch, line: tuple[str, ...], name: str) -> None:
    ended = secwatch(*line, directory=tmp_path)
    assert ended.code == 2, ended
    assert "is empty" in ended.stderr
    assert name in ended.stderr
    assert "--help" in ended.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was made here"
