"""A metric as a table: ``time``, its labels, ``value``, made of the stored states of a minute each.

The values are those of a query of the metric by minutes: the same states, the same rules. See
`metrics.finalise`, `metrics.sketch` and `metrics.registers`, which this says in SQL. A minute in
which nothing happened has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from datawatch_lab.core.values import Aggregation, MeasureKind
from datawatch_lab.store.gate.values import MASK, MetricStates
from datawatch_lab.store.measures import LEVEL_NUMBERS, PARTIALS
from datawatch_lab.store.sql import quote_identifier, quote_text

A = Aggregation

_MINUTE = LEVEL_NUMBERS["1m"]
_DAY = LEVEL_NUMBERS["1d"]
_QUANTILES = {A.P50: 0.5, A.P90: 0.9, A.P95: 0.95, A.P99: 0.99}
_RUNNING = (MeasureKind.ROWS, MeasureKind.STATE)
_SUM = "coalesce(exact::DOUBLE, sum)"
_SIMPLE = {
    A.SUM: _SUM,
    A.AVG: f"{_SUM} / n",
    A.COUNT: "n::DOUBLE",
    A.RATE: "n::DOUBLE",  # a minute is the unit
    A.MIN: "min",
    A.MAX: "max",
    A.LAST: "last",
}

# Constants of metrics.sketch: relative accuracy 0.5 %.
_ACCURACY = 0.005
_GAMMA = (1 + _ACCURACY) / (1 - _ACCURACY)
_LOG_GAMMA = float(np.log(_GAMMA))
_LOG_MIDDLE = float(np.log(2 / (1 + _GAMMA)))
_LARGEST = float(np.log(np.finfo(float).max))
_SHIFT = 100_000

# Constants of metrics.registers: fine registers of 26 bits fold to coarse ones of 14.
_FINE = 1 << 26
_COARSE = 1 << 14
_FOLDED_BITS = 12
_ALPHA = float(1 / (2 * np.log(2)))


def make_view(
    con: duckdb.DuckDBPyConnection, name: str, states: MetricStates, now: datetime
) -> None:
    """Make the temporary view of a metric on a connection.

    Args:
        con: the connection; nobody else sees the view.
        name: of the view; ``<name>_series`` is registered beside it.
        states: of the metric.
        now: the moment of asking.
    """
    keys = tuple(f"l{number}" for number in range(len(states.used)))
    con.register(f"{name}_series", _members(states, keys))
    shown = [
        f"{_label(states, label, keys)} AS {quote_identifier(_column(label))}"
        for label in states.labels
    ]
    source = quote_identifier(f"{name}_series")
    columns = ", ".join(['"time"', *shown, '"value"'])
    con.execute(
        f"CREATE TEMP VIEW {quote_identifier(name)} AS "
        f"SELECT {columns} FROM ({_values_sql(states, source, keys, now)})"
    )


def columns_of(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Names and types of a metric's columns."""
    return [
        ("time", "TIMESTAMP"),
        *((_column(label), "VARCHAR") for label in labels),
        ("value", "DOUBLE"),
    ]


def _column(label: str) -> str:
    return f"{label}_" if label.casefold() in ("time", "value") else label


def _label(states: MetricStates, label: str, keys: Sequence[str]) -> str:
    if label not in states.used:
        return "''"
    return quote_text(MASK) if label in states.masked else keys[states.used.index(label)]


def _members(states: MetricStates, keys: Sequence[str]) -> pa.Table:
    numbers = list(states.members.values())
    labels = {
        key: pa.array([states.groups[number][place] for number in numbers], pa.string())
        for place, key in enumerate(keys)
    }
    series = pa.array(list(states.members), pa.int32())
    return pa.table({"series": series, "grp": pa.array(numbers, pa.int64()), **labels})


def _values_sql(states: MetricStates, source: str, keys: Sequence[str], now: datetime) -> str:
    """A SELECT of ``time``, the group keys and ``value``."""
    if states.aggregation is A.LAST and states.kind in _RUNNING:
        return _running_sql(source, keys)
    if states.aggregation is A.LAST and states.kind is MeasureKind.NEWEST:
        return _ages_sql(source, keys, now)
    if states.aggregation in _QUANTILES:
        return _quantile_sql(source, keys, states.aggregation)
    if states.aggregation is A.DISTINCT:
        return _distinct_sql(source, keys)
    return _listed(keys, _SIMPLE[states.aggregation], f"({_partials_sql(source, keys, _MINUTE)})")


def _listed(keys: Sequence[str], value: str, source: str) -> str:
    return f'SELECT {", ".join(["bucket AS time", *keys])}, {value} AS "value" FROM {source}'


def _partials_sql(source: str, keys: Sequence[str], level: int) -> str:
    """The merged states by bucket and group: bucket, grp, keys, n, sum, exact, min and so on."""
    group = ", ".join(["p.bucket", "g.grp", *(f"g.{key}" for key in keys)])
    return (
        f"SELECT {group}, {PARTIALS.merged} FROM measures.all_partials p "
        f"JOIN {source} g ON p.series = g.series WHERE p.level = {level} GROUP BY {group} "
        "HAVING sum(p.n) <> 0"  # 0: all of it was taken back
    )


def _running_sql(source: str, keys: Sequence[str]) -> str:
    """The running total at the end of each minute: all that came and went until then.

    What older minutes did is in the days, which are kept for longer.
    """
    return f"""
WITH m AS ({_partials_sql(source, keys, _MINUTE)}),
d AS ({_partials_sql(source, keys, _DAY)}),
older AS (
    SELECT a.grp, a.total - b.total AS total
    FROM (SELECT grp, sum({_SUM}) AS total FROM d GROUP BY grp) a
    JOIN (SELECT grp, sum({_SUM}) AS total FROM m GROUP BY grp) b ON a.grp = b.grp
)
{
        _listed(
            [f"m.{key}" for key in keys],
            f"coalesce(older.total, 0) + sum({_SUM}) OVER (PARTITION BY m.grp ORDER BY bucket)",
            "m LEFT JOIN older ON m.grp = older.grp",
        )
    }"""


def _ages_sql(source: str, keys: Sequence[str], now: datetime) -> str:
    """Age of the newest value so far at the end of each minute, or now when that is earlier."""
    return f"""
WITH m AS ({_partials_sql(source, keys, _MINUTE)})
{
        _listed(
            keys,
            f"least(epoch(bucket) + 60, {now.timestamp()!r}) "
            "- max(max) OVER (PARTITION BY grp ORDER BY bucket)",
            "m",
        )
    }"""


def _quantile_sql(source: str, keys: Sequence[str], aggregation: Aggregation) -> str:
    """Quantiles of each minute, interpolated between ranks; finalised ones where bins are gone."""
    share = _QUANTILES[aggregation]
    rank = f"{share!r} * (total - 1)"
    low = f"floor({rank})"
    high = f"least({low} + 1, total - 1)"
    left, right = (_at_rank(place) for place in ("low", "high"))
    value = f"greatest(least({left} + ({rank} - low) * ({right} - {left}), top), bottom)"
    listed = "".join(f", m.{key}" for key in keys)
    return f"""
WITH m AS ({_partials_sql(source, keys, _MINUTE)}),
b AS (
    SELECT p.bucket, g.grp, p.bin, sum(p.n) AS n FROM measures.all_bins p
    JOIN {source} g ON p.series = g.series WHERE p.level = {_MINUTE}
    GROUP BY p.bucket, g.grp, p.bin
),
c AS (
    SELECT bucket, grp, bin, sum(n) OVER (PARTITION BY bucket, grp ORDER BY bin) AS upto,
        sum(n) OVER (PARTITION BY bucket, grp) AS total
    FROM b
),
q AS (
    SELECT bucket, grp, any_value(total) AS total, any_value({low}) AS low,
        any_value({high}) AS high, min(bin) FILTER (upto > {low}) AS low_bin,
        min(bin) FILTER (upto > {high}) AS high_bin
    FROM c GROUP BY bucket, grp
),
r AS (
    SELECT m.bucket{listed}, q.*, m.min AS bottom, m.max AS top, f.value AS kept
    FROM m LEFT JOIN q ON m.bucket = q.bucket AND m.grp = q.grp
    LEFT JOIN ({_kept_sql(source, aggregation.value)}) f
        ON m.bucket = f.bucket AND m.grp = f.grp
)
{_listed(keys, f"CASE WHEN total IS NULL THEN kept ELSE {value} END", "r")}"""


def _at_rank(which: str) -> str:
    """The value at a rank: exact at both ends, else that of its bin."""
    code = f"{which}_bin"
    size = f"exp(least((abs({code}) - {_SHIFT}) * {_LOG_GAMMA!r} + {_LOG_MIDDLE!r}, {_LARGEST!r}))"
    value = f"CASE WHEN {code} = 0 THEN 0 ELSE sign({code}) * {size} END"
    return (
        f"(CASE WHEN {which} <= 0 THEN bottom WHEN {which} >= total - 1 THEN top "
        f"ELSE greatest(least({value}, top), bottom) END)"
    )


def _kept_sql(source: str, column: str) -> str:
    """Finalised values of minutes whose sketches are gone; of groups that are one series."""
    return f"""SELECT p.bucket, g.grp, any_value(p.{quote_identifier(column)}) AS value
    FROM measures.quantiles p JOIN {source} g ON p.series = g.series
    WHERE p.level = {_MINUTE} GROUP BY p.bucket, g.grp HAVING count(*) = 1"""


def _distinct_sql(source: str, keys: Sequence[str]) -> str:
    """Distinct values of each minute: linear counting while registers are fine, else Ertl 2017.

    Of Ertl's estimator the term of full registers is left out: no minute has 2^50 values.
    """
    coarse = f"""CASE WHEN register < 0 THEN register ELSE -1 - (register >> {_FOLDED_BITS}) END"""
    low = f"(register & {(1 << _FOLDED_BITS) - 1})"
    rank = (
        f"CASE WHEN register < 0 THEN rank WHEN {low} > 0 "
        f"THEN {_FOLDED_BITS} - floor(log2({low})) ELSE {_FOLDED_BITS} + rank END"
    )
    empty = f"(({_COARSE} - f.used) / {_COARSE}.0)"
    sigma = (
        f"({empty} + list_sum(list_transform(range(1, 32), "
        f"lambda k: pow({empty}, pow(2, k)) * pow(2, k - 1))))"
    )
    estimate = f"{_ALPHA * _COARSE**2!r} / (f.harmonic + {_COARSE} * {sigma})"
    listed = "".join(f", m.{key}" for key in keys)
    return f"""
WITH m AS ({_partials_sql(source, keys, _MINUTE)}),
r AS (
    SELECT p.bucket, g.grp, p.register, max(p.rank) AS rank FROM measures.all_registers p
    JOIN {source} g ON p.series = g.series WHERE p.level = {_MINUTE}
    GROUP BY p.bucket, g.grp, p.register
),
fine AS (
    SELECT bucket, grp, count(*) AS used, min(register) < 0 AS folded FROM r GROUP BY bucket, grp
),
f AS (
    SELECT bucket, grp, count(*) AS used, sum(pow(2, -rank)) AS harmonic FROM (
        SELECT r.bucket, r.grp, {coarse} AS register, max({rank}) AS rank
        FROM r JOIN fine ON r.bucket = fine.bucket AND r.grp = fine.grp AND fine.folded
        GROUP BY ALL
    ) GROUP BY bucket, grp
)
SELECT m.bucket AS time{listed}, CASE WHEN fine.used IS NULL THEN k.value
    ELSE least(round_even(CASE WHEN fine.folded THEN {estimate}
        ELSE -{_FINE} * ln(1 - fine.used / {_FINE}.0) END, 0), m.n) END AS "value"
FROM m LEFT JOIN fine ON m.bucket = fine.bucket AND m.grp = fine.grp
LEFT JOIN f ON m.bucket = f.bucket AND m.grp = f.grp
LEFT JOIN ({_kept_sql(source, "distinct")}) k ON m.bucket = k.bucket AND m.grp = k.grp"""
