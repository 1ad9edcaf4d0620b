"""What evaluations of data quality hand to the store, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

COUNT_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("bucket", pa.timestamp("us")),  # start of the minute of event time, UTC
        ("rows", pa.int64()),
        ("failed", pa.int64()),
    ]
)
"""Rows that a rule looked at and those that failed; increments that merge with sum."""

STATE_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("bucket", pa.timestamp("us")),
        ("n", pa.int64()),
        ("sum", pa.float64()),
        ("squares", pa.float64()),
    ]
)
"""Moments of the values that an aggregate rule saw; they merge with sum."""

BIN_COUNT_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("bucket", pa.timestamp("us")),
        ("bin", pa.int32()),
        ("n", pa.int64()),
    ]
)
"""Values by bin of a sketch, see `quality.sketch`; they merge with sum."""

HELD_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("v_hi", pa.int64()),  # of the value
        ("v_lo", pa.int64()),
        ("k_hi", pa.int64()),  # of the row that has it
        ("k_lo", pa.int64()),
    ]
)
"""Which row holds which value, for a rule of uniqueness."""

ORPHAN_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("id", pa.string()),  # of the violation
        ("value", pa.string()),
        ("bucket", pa.timestamp("us")),
        ("seq", pa.int64()),
        ("until", pa.timestamp("us")),  # its parent may still come
    ]
)
"""References whose parent was not there; taken back when it comes."""

VIOLATION_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("rule", pa.string()),
        ("table_id", pa.int32()),
        ("seq", pa.int64()),  # of the event; 0 for a window
        ("at", pa.timestamp("us")),  # event time, or start of the window
        ("found", pa.timestamp("us")),
        ("key", pa.string()),  # JSON object of the key columns
        ("row", pa.string()),  # JSON object of the row
        ("value", pa.string()),
        ("words", pa.string()),  # one sentence
    ]
)
"""What broke a rule: a row, or a window."""


@dataclass(frozen=True)
class Outcome:
    """What one evaluation changes; stored in one transaction with its cursor.

    Attributes:
        counts, states, bins: increments.
        verdicts: `COUNT_SCHEMA`; of windows, in place of what was said of them before.
        violations: new ones; those that are known already are left alone.
        withdrawn: ids of violations that are none after all.
        released: `HELD_SCHEMA` without values: rows that hold nothing any more, by rule.
        held: who holds what now.
        orphans: new references without a parent.
        settled: ids of orphans that are decided.
        cells: small states by (rule, name).
        cursor: sequence number up to which events are evaluated; None leaves it.
        emptied: tables whose rows were truncated: rules of uniqueness that begin anew.
    """

    counts: pa.Table = field(default_factory=COUNT_SCHEMA.empty_table)
    states: pa.Table = field(default_factory=STATE_SCHEMA.empty_table)
    bins: pa.Table = field(default_factory=BIN_COUNT_SCHEMA.empty_table)
    verdicts: pa.Table = field(default_factory=COUNT_SCHEMA.empty_table)
    violations: pa.Table = field(default_factory=VIOLATION_SCHEMA.empty_table)
    withdrawn: Sequence[str] = ()
    released: pa.Table = field(default_factory=HELD_SCHEMA.empty_table)
    held: pa.Table = field(default_factory=HELD_SCHEMA.empty_table)
    orphans: pa.Table = field(default_factory=ORPHAN_SCHEMA.empty_table)
    settled: Sequence[str] = ()
    cells: Mapping[tuple[str, str], str] = field(default_factory=dict)
    cursor: int | None = None
    emptied: Sequence[str] = ()


@dataclass(frozen=True)
class Violation:
    """A stored violation.

    Attributes:
        id: stable.
        rule: id of the rule.
        table_id: of the table.
        seq: of the event; 0 for a window.
        at: event time, or the start of the window.
        found: when it was found, by the clock.
        key: key columns of the row; empty where there is none.
        row: the row as it was.
        value: that broke the rule, as text.
        words: one sentence.
        state: open, acknowledged or withdrawn.
        by: who acknowledged it; '' for nobody.
        acted: when it was acknowledged.
    """

    id: str
    rule: str
    table_id: int
    seq: int
    at: datetime
    found: datetime
    key: Mapping[str, Any]
    row: Mapping[str, Any]
    value: str
    words: str
    state: str
    by: str
    acted: datetime | None
