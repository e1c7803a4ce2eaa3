"""The page about the columns says what the program says."""

from __future__ import annotations

import runpy

from tests.conftest import ROOT


def test_the_page_of_the_columns_is_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    assert (ROOT / "docs" / "columns.md").read_text(encoding="utf-8") == generate["columns"](), "run: make docs"
