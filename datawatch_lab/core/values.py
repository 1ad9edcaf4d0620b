"""The nouns of a workspace: operations, columns, tables, measures, series, metrics.

All are frozen values. Times are UTC. Names follow the field: a *measure* is what is stored
(partial states per series and bucket), a *metric* is a name for one way to read a measure.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

LevelName = Literal["1s", "1m", "5m", "1h", "1d"]

LEVEL_SECONDS: dict[str, int] = {"1s": 1, "1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
"""The roll-up levels and the width of their buckets in seconds, finest first."""


class Op(StrEnum):
    """What a change did, in one letter or word as Debezium names them."""

    INSERT = "c"
    UPDATE = "u"
    DELETE = "d"
    SNAPSHOT = "r"
    TRUNCATE = "t"
    DDL = "ddl"
    BEGIN = "begin"
    COMMIT = "commit"


CHANGE_OPS = (Op.INSERT, Op.UPDATE, Op.DELETE)
"""Operations that count as changes (snapshot rows and transaction marks do not)."""


class Role(StrEnum):
    """What a field is for; decides which metrics it gets."""

    NUMERIC = "numeric"
    STATUS = "status"
    TIMESTAMP = "timestamp"
    ID = "id"
    BOOLEAN = "boolean"
    TEXT = "text"
    JSON = "json"


class Aggregation(StrEnum):
    """How the rows of a measure become one value."""

    AVG = "avg"
    SUM = "sum"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    RATE = "rate"
    DISTINCT = "distinct"
    LAST = "last"


class MeasureKind(StrEnum):
    """What the rows of a measure are.

    ``changes``: one row a change, value 1, label ``op``. ``value``: a numeric field over inserted
    rows. ``distinct``: an id field over inserted rows. ``newest``: a timestamp field, epoch
    seconds, over new images. ``nulls``: 1 where an inserted row has the field as null, 0 where it
    has a value (a row without the field is no row). ``lag``: received minus event time in seconds.
    Those of the current state rest on `core.batches.Transitions`: ``rows``: +1 and -1 per row that
    appears and goes. ``state``: the same per value of a status field. ``transition``: one row a
    change of a status field from one value to another, labels ``from`` and ``to``. ``net``: change
    of a numeric field's total. ``custom``: what a `CustomMetric` says. ``formula``: nothing is
    stored, a `Formula` is worked out when it is asked for. ``quality``: scores, from the counts of
    quality rules. ``alerts``: how many fired, from their history. ``anomalies``: how
    many went on, from their spans.
    """

    CHANGES = "changes"
    VALUE = "value"
    DISTINCT = "distinct"
    NEWEST = "newest"
    NULLS = "nulls"
    LAG = "lag"
    ROWS = "rows"
    STATE = "state"
    TRANSITION = "transition"
    NET = "net"
    CUSTOM = "custom"
    FORMULA = "formula"
    QUALITY = "quality"
    ALERTS = "alerts"
    ANOMALIES = "anomalies"


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a column; it holds whatever the values say. None leaves as inferred.

    Attributes:
        role: what the column is for.
        sensitive: whether displays mask it.
        by: who says so; a user stands before the configuration, and that before the schema that a
            telemetry stream has by itself.
    """

    role: Role | None = None
    sensitive: bool | None = None
    by: Literal["user", "config", "schema"] = "user"


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a table beside its rows; it wins over what the rows suggest.

    Attributes:
        key: key columns that the source declares; None when it says nothing, () when there is none.
        types: declared type by column, as `Column.type` names types.
        corrections: by column, those of users.
        dropped: columns that the table had and has no longer; the live table shows them no more.
    """

    key: tuple[str, ...] | None = None
    types: dict[str, str] = {}
    corrections: dict[str, Correction] = {}
    dropped: tuple[str, ...] = ()


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a source table as understood so far.

    Attributes:
        name: exactly as the source spells it.
        type: ``integer``, ``number``, ``boolean``, ``text`` or ``json``; declared types win.
        role: what the field is for.
        confidence: of the role, in [0, 1].
        reason: of the role, one sentence for people.
        sensitive: personal or secret; masked in displays.
        corrected_by: who set role or sensitivity, so that they hold: ``user``, ``config`` or ''.
    """

    name: str
    type: str = "text"
    role: Role = Role.TEXT
    confidence: float = 0.0
    reason: str = ""
    sensitive: bool = False
    corrected_by: Literal["", "user", "config"] = ""


class TableInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A source table.

    Attributes:
        id: stable within the workspace, from 1.
        schema: the source's schema or namespace; empty when not told.
        table: the source's table name.
        name: the workspace's name, unique; qualified by schema only where names collide.
        key: key columns; empty when not known.
        key_from: who named the key: ``config``, ``source``, ``inferred`` from unique ids; '' for
            nobody.
        columns: in order of first appearance.
        sampled: inserted or read rows that the roles rest on so far.
        stated: what is said of it beside its rows.
    """

    id: int
    schema: str
    table: str
    name: str
    key: tuple[str, ...] = ()
    key_from: Literal["", "config", "source", "inferred"] = ""
    columns: tuple[Column, ...] = ()
    sampled: int = 0
    stated: Stated = Stated()

    def column(self, name: str) -> Column | None:
        """The column of that exact name, or None."""
        return next((c for c in self.columns if c.name == name), None)


class CustomMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that a user defined over the changes of a table.

    Attributes:
        name: unique among all metrics.
        table: workspace name of the table.
        aggregation: what is meant when a query names none.
        expression: over the columns of a row, see `metrics.expressions`; '' to count rows.
        filter: a condition; rows for which it is not true do not count. '' for none.
        on: the changes that count.
        group_by: columns whose values become labels, all of them together.
        unit: of the values; '' when not known.
        description: one sentence.
        types: type of each column that it names, as of its definition.
    """

    name: str
    table: str
    aggregation: Aggregation = Aggregation.COUNT
    expression: str = ""
    filter: str = ""
    on: Literal["inserts", "updates", "deletes", "changes"] = "inserts"
    group_by: tuple[str, ...] = ()
    unit: str = ""
    description: str = ""
    types: tuple[tuple[str, str], ...] = ()


class Formula(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that is worked out from others when it is asked for, see `metrics.formulas`."""

    name: str
    expression: str
    unit: str = ""
    description: str = ""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes a custom metric counts: all after ``upto``, and those from 1 to ``done``.

    Attributes:
        upto: sequence number of the newest change when it was defined.
        done: sequence number up to which the log was read for it.
        backfill: whether it is filled from the log.
        since: newest event time of the table when it was defined; None for an empty table.
    """

    upto: int
    done: int = 0
    backfill: bool = False
    since: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether every change of the log is in it."""
        return self.done >= self.upto


class MeasureDef(msgspec.Struct, frozen=True, kw_only=True):
    """A stored measure: what its rows are is said by its kind and its field ('' for counts).

    A custom metric has a measure of its own, with its name as field, its definition, and how much
    of the past it covers.
    """

    id: int
    table_id: int
    kind: MeasureKind
    field: str = ""
    custom: CustomMetric | None = None
    coverage: Coverage | None = None


class SeriesDef(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a measure: its labels as sorted (name, value) pairs; ``()`` is the total."""

    id: int
    measure_id: int
    labels: tuple[tuple[str, str], ...] = ()


class MetricDef(msgspec.Struct, frozen=True, kw_only=True):
    """A name for one way to read a measure.

    Attributes:
        name: unique in the workspace, e.g. ``orders_amount_sum``.
        table: workspace name of the table; empty for metrics of the workspace.
        field: the field it is about; empty for counts.
        kind: ``counter``, ``rate``, ``gauge``, ``distribution`` or ``ratio``.
        unit: ``1`` for counts, ``1/min``, ``s``, ``ratio``, ``''`` when not known.
        labels: names that it can be grouped and filtered by.
        auto: made by the engine, not by a user.
        description: one sentence.
        measure: the kind of the stored measure it reads.
        op: for ``changes`` measures, the operation counted, or '' for all.
        aggregation: what is meant when a query names none.
        definition: of a metric that a user defined.
    """

    name: str
    table: str
    field: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    auto: bool
    description: str
    measure: MeasureKind
    op: str = ""
    aggregation: Aggregation = Aggregation.SUM
    definition: CustomMetric | Formula | None = None


class LedgerCounts(msgspec.Struct, frozen=True):
    """What became of everything received: received = applied + duplicate + late + quarantined."""

    received: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    quarantined: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the four outcomes add up to what was received."""
        return self.received == self.applied + self.duplicate + self.late + self.quarantined

    def __add__(self, other: LedgerCounts) -> LedgerCounts:
        return LedgerCounts(
            self.received + other.received,
            self.applied + other.applied,
            self.duplicate + other.duplicate,
            self.late + other.late,
            self.quarantined + other.quarantined,
        )
