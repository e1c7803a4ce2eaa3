"""Moments on the command line: `24h` ago, a day, or an ISO 8601 moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from secwatch.core import durations
from secwatch.core.moments import from_text


class Moment(click.ParamType[datetime]):
    """`90m` or `7d` before now, `2026-11-23`, or `2026-11-23T14:00:00+08:00`; UTC where no zone is given."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment in UTC; fail as a usage mistake if the text is none."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) - timedelta(seconds=durations.seconds(value))
        except ValueError:
            pass
        try:
            return from_text(value)
        except ValueError:
            self.fail(f"{value!r} is neither a duration (24h, 7d) nor a moment (2026-11-23T14:00)", param, ctx)


MOMENT = Moment()
