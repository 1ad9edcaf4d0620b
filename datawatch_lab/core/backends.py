"""What the engine and a metric back end say to each other: states of minutes out, states back.

The workspace itself holds everything; a back end (Prometheus, InfluxDB, TimescaleDB, ClickHouse) is
a copy that other tools draw from, and that `query` and `range` can be asked of. What is sent is
what can be merged: one *state* a series and minute (count, sum, min, max, last), never a finished
average. So each back end merges minutes into steps in its own language, and sums, counts, minima,
maxima, last values and averages come out as DuckDB's do. Quantiles and distinct counts do not
merge from five numbers; `merged` refuses them with a sentence.

Beside the states go the *values* of the metrics a minute, as people draw them (p99 of the minute,
rows in the table). A back end whose users write queries by hand keeps them; another may drop them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import polars as pl

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Aggregation

UTC_US = pl.Datetime("us", "UTC")

STATES = {
    "series": pl.String(),  # `series_key`; with the minute it is what a row replaces
    "measure": pl.String(),  # such as orders/value/amount; for people
    "labels": pl.String(),  # JSON object, keys sorted; values may be '' and any Unicode
    "minute": UTC_US,  # its start
    "n": pl.Int64(),  # rows; 0 takes back what was sent before
    "sum": pl.Float64(),  # null where the series has no numbers
    "min": pl.Float64(),
    "max": pl.Float64(),
    "last": pl.Float64(),  # of the newest row
    "last_at": UTC_US,  # event time of the newest row
}
"""One row a (series, minute). Only n and minute are never null; numbers are finite."""

VALUES = {
    "metric": pl.String(),  # such as orders_amount_p99
    "labels": pl.String(),  # as in `STATES`
    "minute": UTC_US,
    "value": pl.Float64(),  # finite
}
"""One row a (metric, labels, minute): the metric's own value of that minute."""

MERGED = {
    "series": pl.String(),
    "bucket": UTC_US,  # its start; null when the question has no step
    "n": pl.Int64(),
    "sum": pl.Float64(),
    "min": pl.Float64(),
    "max": pl.Float64(),
    "last": pl.Float64(),
    "last_at": UTC_US,
}
"""One row a (series, bucket) that has states; empty buckets are left out."""

MERGEABLE = frozenset(
    {
        Aggregation.SUM,
        Aggregation.COUNT,
        Aggregation.RATE,
        Aggregation.AVG,
        Aggregation.MIN,
        Aggregation.MAX,
        Aggregation.LAST,
    }
)
"""Aggregations that follow from the five numbers of a state."""

MINUTE = timedelta(minutes=1)


class BackendError(DataWatchError):
    """A back end did not do what it was asked.

    Attributes:
        retry: whether the same points may be taken later (away, busy, full) or never (refused).
        rejected: points that it refused for good, the others of the same write were stored; None
            when nothing was stored.
    """

    code = "backend_failed"
    status = 502

    def __init__(
        self, message: str, *, hint: str = "", retry: bool = True, rejected: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry = retry
        self.rejected = rejected


@dataclass(frozen=True)
class Points:
    """What one write carries, a few ten thousand rows at most.

    Attributes:
        states: `STATES`, one row a (series, minute).
        values: `VALUES`, one row a (metric, labels, minute).
    """

    states: pl.DataFrame
    values: pl.DataFrame

    @property
    def height(self) -> int:
        """Rows of both."""
        return self.states.height + self.values.height


@dataclass(frozen=True)
class Asked:
    """A question: states of some series, merged over time, each series by itself.

    Attributes:
        series: keys, distinct, at most `MOST_SERIES`.
        start, end: whole minutes, half-open.
        step: whole minutes; buckets begin at ``start`` plus whole steps, and ``end`` is at the end
            of one. None merges all of the range.
        parts: of n, sum, min, max, last that are wanted (last brings last_at); others may be null.
    """

    series: tuple[str, ...]
    start: datetime
    end: datetime
    step: timedelta | None = None
    parts: frozenset[str] = frozenset({"n", "sum", "min", "max", "last"})


@dataclass(frozen=True)
class KeptFor:
    """How long a back end keeps what, counted from now.

    Attributes:
        minutes: states and values of minutes.
        five_minutes, hours, days: roll-ups of states, where the back end has such.
    """

    minutes: timedelta
    five_minutes: timedelta
    hours: timedelta
    days: timedelta

    @classmethod
    def of(cls, settings: Settings) -> KeptFor:
        """What ``metrics.retention_levels`` says; a wider level is kept as long as a finer one.

        >>> kept = KeptFor.of(Settings(minutes_kept=timedelta(days=30)))
        >>> kept.minutes.days, kept.five_minutes.days, kept.hours.days
        (30, 365, 1825)
        """
        minutes = settings.minutes_kept
        five = max(minutes, settings.five_minutes_kept)
        hours = max(five, settings.hours_kept)
        return cls(minutes, five, hours, max(hours, settings.days_kept))


@dataclass(frozen=True)
class Capabilities:
    """What a back end can do, as facts for people and programs.

    Attributes:
        aggregations: that it answers as DuckDB does.
        replaces: whether a state that is sent again takes the place of the first. Where it does
            not, late corrections are counted as refused.
        takes_old: how old a minute may be; None for any age.
        retention: who drops old points: ``ours`` (`Backend.retain` sets it) or ``theirs`` (its
            configuration does).
        notes: sentences on what is different.
    """

    aggregations: frozenset[Aggregation] = MERGEABLE
    replaces: bool = True
    takes_old: timedelta | None = None
    retention: str = "theirs"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """Whether a back end answers.

    Attributes:
        ok: it can be written to and asked.
        version: of the server as it tells it; '' when it does not.
        problem: what is wrong, one sentence that says what to do; '' when nothing is.
        fresh: nothing is wrong but that our tables or our database, which `Backend.prepare` makes,
            are not there yet.
    """

    ok: bool
    version: str = ""
    problem: str = ""
    fresh: bool = False


class Backend(Protocol):
    """A metric back end. One thread writes, any thread may ask.

    The constructor connects to nothing.

    No repr, log line or error holds a password or a token. Every call ends within ``timeout``
    seconds of the constructor (10 by default) and raises `BackendError` where it cannot be done.
    """

    @property
    def name(self) -> str:
        """prometheus, influxdb, timescale or clickhouse."""
        ...

    @property
    def address(self) -> str:
        """Where it is, without secrets."""
        ...

    @property
    def target(self) -> str:
        """What it writes into, without secrets: another one knows nothing of what was sent."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def prepare(self) -> None:
        """Make tables and the like that are missing; harmless when repeated.

        Raises:
            BackendError: it cannot; says what is missing (a grant, a database) and how to give it.
        """
        ...

    def write(self, points: Points) -> None:
        """Store points durably. The same points again change nothing; newer states replace.

        Raises:
            BackendError: ``retry`` says whether it may be tried again.
        """
        ...

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states, `MERGED`, in any order; empty for series that it does not know.

        Raises:
            BackendError: it cannot be asked.
        """
        ...

    def retain(self, kept: KeptFor) -> None:
        """Drop points older than this from now on, where retention is ours; else does nothing."""
        ...

    def shortfall(self, kept: KeptFor) -> str:
        """Where retention is theirs: what it drops too early, and what to set; '' for nothing.

        Raises:
            BackendError: it does not say.
        """
        ...

    def health(self) -> Health:
        """Whether it answers now; never raises."""
        ...

    def close(self) -> None:
        """Give connections back; harmless when repeated."""
        ...


MOST_SERIES = 2_000
"""Series of one question."""


def labels_json(labels: Sequence[tuple[str, str]] | Mapping[str, str]) -> str:
    """Labels as JSON with sorted keys, the same for the same labels.

    >>> labels_json([("b", "2"), ("a", "")])
    '{"a":"","b":"2"}'
    """
    return msgspec.json.encode(dict(sorted(dict(labels).items()))).decode()


def series_key(measure: str, labels: str) -> str:
    """16 hexadecimal digits that stand for a series in every back end and release.

    Args:
        measure: its name, as in `STATES`.
        labels: as `labels_json` gives them.

    >>> series_key("orders/value/amount", "{}")
    '36c360b32b777995'
    """
    text = f"{measure}\0{labels}".encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def refuse(backend: str, metric: str, aggregation: Aggregation) -> InputError:
    """The error for an aggregation that does not follow from states."""
    return InputError(
        f"{metric}: {backend} keeps count, sum, min, max and last of each minute; "
        f"{aggregation.value} does not follow from them.",
        hint="Ask without a back end, the workspace has it, or take one of: "
        + ", ".join(sorted(each.value for each in MERGEABLE))
        + ".",
        details={"metric": metric, "backend": backend, "aggregation": aggregation.value},
    )


@dataclass(frozen=True)
class SentTable:
    """How far a table is sent.

    Attributes:
        until: minutes before this were sent.
        measure: highest id of a measure of the table when they were; later ones have a past too.
    """

    until: datetime
    measure: int = 0


@dataclass(frozen=True)
class Sent:
    """How far a back end is, as the workspace keeps it.

    Attributes:
        tables: by table id; 0 for metrics of the workspace.
        seq: what events up to this one changed is accounted for in ``tables``.
        points: that it took so far.
        refused: that it refused for good.
    """

    tables: Mapping[int, SentTable] = field(default_factory=dict)
    seq: int = 0
    points: int = 0
    refused: int = 0
