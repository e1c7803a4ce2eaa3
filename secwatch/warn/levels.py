"""The level table as it is read from levels.toml: checked whole, every mistake in one error."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from secwatch.core import durations
from secwatch.core.errors import ConfigurationInvalid
from secwatch.core.level import DAMAGES, IMPORTANCES, LevelTable
from secwatch.core.model import Level, Text
from secwatch.system.paths import Place, shipped

FILE_NAME = "levels.toml"
_MAX_BYTES = 1 << 20

Row = Annotated[tuple[Level, ...], Meta(min_length=len(DAMAGES), max_length=len(DAMAGES))]


class _Source(Struct, forbid_unknown_fields=True, frozen=True):
    id: str
    title: Text
    status: str
    used_for: Text


class _Rules(Struct, forbid_unknown_fields=True, frozen=True):
    highest_issued: Level
    drafted_from: Level
    spread_assets: Annotated[int, Meta(gt=0)]
    outbreak_quantile: Annotated[float, Meta(gt=0, lt=1)]
    clean_evaluations: Annotated[int, Meta(gt=0)]
    evaluation_spacing: Annotated[str, Meta(pattern=durations.PATTERN)]


class _File(Struct, forbid_unknown_fields=True, frozen=True):
    schema: Annotated[int, Meta(ge=1, le=1)]
    edition: str
    source: tuple[_Source, ...]
    matrix: dict[int, Row]
    importance: dict[int, Text]
    damage: dict[int, Text]
    rules: _Rules


def levels_file(place: Place) -> Path:
    """Return the file in force: the city's own beside its configuration, else the shipped one."""
    own = place.configuration / FILE_NAME
    return own if own.is_file() else shipped("rules") / FILE_NAME


def load_levels(path: Path) -> LevelTable:
    """Return the table of that file. Raise ConfigurationInvalid naming the file and what is wrong in it."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode()
        content = msgspec.convert(tomllib.loads(text), _File, strict=False)
        _check(content)
    except OSError as error:
        raise _invalid(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise _invalid(path, str(error)) from error
    rules = content.rules
    return LevelTable(
        matrix={importance: dict(zip(DAMAGES, levels, strict=True)) for importance, levels in content.matrix.items()},
        importance_labels=content.importance,
        damage_labels=content.damage,
        highest_issued=rules.highest_issued,
        drafted_from=rules.drafted_from,
        spread_assets=rules.spread_assets,
        outbreak_quantile=rules.outbreak_quantile,
        clean_evaluations=rules.clean_evaluations,
        evaluation_spacing=timedelta(seconds=durations.seconds(rules.evaluation_spacing)),
        edition=content.edition,
        sources=tuple(_source(source) for source in content.source),
    )


def _check(content: _File) -> None:
    """More damage or a more important object never means a lower level: a slip here would hide an attack."""
    tables: Mapping[str, tuple[Mapping[int, object], tuple[int, ...]]] = {
        "matrix": (content.matrix, IMPORTANCES),
        "importance": (content.importance, IMPORTANCES),
        "damage": (content.damage, DAMAGES),
    }
    for name, (table, wanted) in tables.items():
        if tuple(sorted(table)) != wanted:
            raise ValueError(f"table [{name}] must have exactly the keys {', '.join(map(str, wanted))}")
    for importance in IMPORTANCES:
        ranks = [level.rank for level in content.matrix[importance]]
        below = [level.rank for level in content.matrix.get(importance - 1, ())] or ranks
        if ranks != sorted(ranks) or any(mine < other for mine, other in zip(ranks, below, strict=True)):
            raise ValueError(f"table [matrix], key {importance}: levels may not fall as damage or importance rises")


def _source(source: _Source) -> Text:
    words = {
        "read": Text("原文已读", "own text read"),
        "second-hand": Text("转引，原文未核对", "second-hand, not checked against the text"),
        "proposal": Text("项目约定", "proposal of this project"),
    }
    status = words.get(source.status, Text(source.status, source.status))
    return Text(
        f"{source.title.zh}（{status.zh}）：{source.used_for.zh}",
        f"{source.title.en} ({status.en}): {source.used_for.en}",
    )


def _invalid(path: Path, problem: str) -> ConfigurationInvalid:
    text = f"{path}: {problem}"
    return ConfigurationInvalid(
        f"the level table has a mistake: {text}", "compare it with the shipped rules/levels.toml", (text,)
    )
