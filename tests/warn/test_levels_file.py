"""The level table as a file: the shipped one is sound, and a slip in an own one is told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from secwatch.core.errors import ConfigurationInvalid
from secwatch.core.model import Level
from secwatch.system.paths import shipped
from secwatch.warn.levels import load_levels

SHIPPED = shipped("rules") / "levels.toml"


def test_the_shipped_table_names_its_sources() -> None:
    """Red is for a higher body; what was not read in the original says so."""
    table = load_levels(SHIPPED)
    assert table.highest_issued is Level.ORANGE
    assert any("second-hand" in source.en for source in table.sources)
    assert all(source.zh and source.en for source in table.sources)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('1 = ["notice", "notice", "blue", "yellow"]', "", "exactly the keys 1, 2, 3"),
        ('2 = ["notice", "blue", "yellow", "orange"]', '2 = ["blue", "notice", "yellow", "orange"]', "may not fall"),
        ('3 = ["blue", "yellow", "orange", "red"]', '3 = ["notice", "notice", "blue", "yellow"]', "may not fall"),
        ('3 = ["blue", "yellow", "orange", "red"]', '3 = ["blue", "purple", "orange", "red"]', "purple"),
        ('3 = ["blue", "yellow", "orange", "red"]', '3 = ["blue"]', "length"),
        ("clean_evaluations = 2", "clean_evaluations = 0", "clean_evaluations"),
        ("clean_evaluations = 2", "clean_evaluations = 2\nmystery = 1", "mystery"),
        ('evaluation_spacing = "1h"', 'evaluation_spacing = "soon"', "evaluation_spacing"),
        ("schema = 1", "schema = ", "line"),
    ],
)
def test_a_slip_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A level that would fall as damage rises could hide an attack, so it is refused like bad syntax."""
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "levels.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as caught:
        load_levels(path)
    assert told in caught.value.message and str(path) in caught.value.message


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """As a mistake of the configuration, exit code 13."""
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        load_levels(tmp_path / "none.toml")
