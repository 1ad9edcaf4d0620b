"""Hours of states in InfluxDB 1.x: a retention policy of their own, filled by ``SELECT … INTO``.

A continuous query looks at the newest hours only, so history and late corrections would be missing;
the same statement is run for the hours that a write changed. See `hours`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from datawatch_lab.core.backends import BackendError
from datawatch_lab.store.backends.influx_lines import STATES, nanos, quoted

POLICY = "datawatch_hours"
"""Retention policy of the hours."""

HOURS = f"{POLICY}.datawatch_states_1h"
"""Measurement of the hours, with the fields and tags of `STATES`."""

_MARKS = "datawatch_marks"
_COUNTS = 'sum("n") AS "n", sum("sum") AS "sum"'
_REST = (
    'min("min") AS "min", max("max") AS "max"',
    'last("last") AS "last", last("last_at") AS "last_at"',
)
Result = dict[str, Any]


class InfluxHours:
    """See `hours.HoursServer`.

    Args:
        ask: runs InfluxQL in the database; gives a result a statement.
        write: stores a line in a retention policy of it.
        database: of the states.
    """

    def __init__(
        self,
        ask: Callable[[str], list[Result]],
        write: Callable[[str, str], None],
        database: str,
    ) -> None:
        self._ask = ask
        self._write = write
        self._database = quoted(database)

    def prepare(self) -> None:
        """Make the policy where it is missing; it keeps everything until `retain`."""
        (found,) = self._ask(f"SHOW RETENTION POLICIES ON {self._database}")
        if POLICY not in [row[0] for row in _rows(found)]:
            self._ask(
                f"CREATE RETENTION POLICY {POLICY} ON {self._database} DURATION INF REPLICATION 1"
            )

    def retain(self, kept: timedelta) -> None:
        """Have the server drop hours that are older."""
        hours = max(int(kept.total_seconds() // 3_600), 1)
        self._ask(f"ALTER RETENTION POLICY {POLICY} ON {self._database} DURATION {hours}h")

    def span(self) -> tuple[datetime, datetime] | None:
        """The oldest and the newest minute."""
        ends = self._ask(
            f'SELECT "n" FROM {STATES} ORDER BY time LIMIT 1; '
            f'SELECT "n" FROM {STATES} ORDER BY time DESC LIMIT 1'
        )
        rows = [_rows(each) for each in ends]
        if not all(rows):
            return None
        first, last = (_moment(each[0][0]) for each in rows)
        return first, last

    def known_series(self) -> list[str]:
        """Keys of all series."""
        (found,) = self._ask(f'SHOW TAG VALUES FROM {STATES} WITH KEY = "series"')
        return [str(row[1]) for row in _rows(found)]

    def mark(self) -> datetime | None:
        """Hours before this are made; a mark is a point of now, so the newest counts."""
        (found,) = self._ask(f'SELECT last("until") FROM {POLICY}.{_MARKS}')
        rows = _rows(found)
        return _moment(rows[0][1]) if rows else None

    def put_mark(self, until: datetime) -> None:
        """Say up to where hours are made."""
        self._write(f"{_MARKS} until={nanos(until)}i {time.time_ns()}", POLICY)

    def make_hours(self, series: Sequence[str], start: datetime, end: datetime) -> None:
        """Make hours; minutes that were taken back count in ``n`` and ``sum`` only, as zeros."""
        where = (
            f"time >= {nanos(start)} AND time < {nanos(end)} "
            f'AND "series" =~ /^({"|".join(series)})$/'
        )
        grouped = "GROUP BY time(1h), * fill(none)"
        into = f"INTO {self._database}.{HOURS} FROM {STATES} WHERE {where}"
        asks = [f"SELECT {_COUNTS} {into} {grouped}"]
        asks += [f'SELECT {each} {into} AND "n" != 0 {grouped}' for each in _REST]
        try:
            self._ask("; ".join(asks))
        except BackendError as error:
            error.retry = True  # the points themselves are stored
            raise


def _rows(result: Result) -> list[list[Any]]:
    return [row for each in result.get("series", ()) for row in each.get("values", ())]


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
