"""A metric as a table says what a query of the metric by minutes says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, MeasureKind
from datawatch_lab.engine import Engine
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.metrics.registers import estimate, fold, registers_of
from datawatch_lab.store.gate import MetricStates
from datawatch_lab.store.gate.metric_views import make_view
from tests.store.sql_shop import NOW, START, open_shop

Values = dict[tuple[datetime, tuple[str, ...]], float]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The shop."""
    found = open_shop(tmp_path_factory.mktemp("shop") / "w.duckdb")
    yield found
    found.close()


def asked(engine: Engine, metric: str, by: tuple[str, ...] = ()) -> Values:
    """Values of a query of the metric, by minute and labels."""
    request = QueryRequest(
        metric,
        start=START - timedelta(minutes=5),
        end=NOW + timedelta(minutes=10),
        step="1m",
        group_by=by,
    )
    return {
        (at, tuple(dict(each.labels).values())): value
        for each in run(engine, request).series
        for at, value in each.points
        if value is not None
    }


def selected(engine: Engine, metric: str, by: tuple[str, ...] = ()) -> Values:
    """The same by SQL."""
    labels = "".join(f', "{label}"' for label in by)
    rows = engine.sql(f'SELECT "time"{labels}, "value" FROM metrics."{metric}"').table.to_pylist()
    return {
        (row["time"].replace(tzinfo=UTC), tuple(row[label] for label in by)): row["value"]
        for row in rows
        if row["value"] is not None
    }


def _agree(engine: Engine, metric: str, by: tuple[str, ...] = ()) -> int:
    """Compare the minutes that SQL has; the others are filled in: nothing, or no change."""
    wanted, found = asked(engine, metric, by), selected(engine, metric, by)
    seen = {key: value for key, value in wanted.items() if key in found}
    future = {key for key in found if key[0] > NOW}  # a query gives no current state for these
    assert set(found) - future <= set(seen)
    for key, value in found.items():
        if key not in future:
            assert value == pytest.approx(seen[key], rel=1e-9, abs=1e-9), (metric, key)
    gaps = {value for key, value in wanted.items() if key not in found}
    kind = engine.metric(metric).measure
    if kind not in (MeasureKind.ROWS, MeasureKind.STATE, MeasureKind.NEWEST):
        assert gaps <= {0.0}
    return len(found)


def test_every_metric_agrees_with_its_query(engine: Engine) -> None:
    """In total, and split by each of its labels, for all there are in the shop."""
    compared = 0
    for name, metric in engine.metrics().items():
        splits: list[tuple[str, ...]] = [(label,) for label in metric.labels]
        if metric.measure is MeasureKind.STATE:
            splits = [metric.labels]
        elif metric.measure is MeasureKind.TRANSITION:
            splits = [(), metric.labels]
        elif "op" in metric.labels:
            splits = [(), *splits, *[("op", each) for each in metric.labels if each == "status"]]
        else:
            splits = [(), *splits]
        for by in splits:
            if metric.aggregation is Aggregation.DISTINCT and by:
                continue
            compared += _agree(engine, name, by)
    assert compared > 1_000


def test_a_label_is_split_by_when_it_is_named_and_empty_when_not(engine: Engine) -> None:
    """Totals and parts never stand in one answer."""
    star = engine.sql("SELECT * FROM metrics.orders_inserts_total").table
    assert set(star.column("status").to_pylist()) == {""}
    total = sum(star.column("value").to_pylist())
    for query in (
        "SELECT status, sum(value) AS v FROM metrics.orders_inserts_total GROUP BY status",
        "SELECT m.STATUS, sum(m.value) AS v FROM metrics.orders_inserts_total m GROUP BY ALL",
        """WITH m AS (FROM metrics.orders_inserts_total)
        SELECT status, sum(value) AS v FROM m GROUP BY 1""",
    ):
        table = engine.sql(query).table
        assert "" not in table.column(0).to_pylist()
        assert sum(table.column("v").to_pylist()) == total
    filtered = "SELECT sum(value) AS v FROM metrics.orders_updates_total WHERE status = 'paid'"
    assert 0 < engine.sql(filtered).table.to_pylist()[0]["v"] < 300


def test_a_label_of_another_table_splits_nothing(engine: Engine) -> None:
    """Neither a column that is said to be of that, nor one that is left out."""
    joined = """SELECT count(DISTINCT m.time) AS n, count(*) AS every
    FROM metrics.orders_inserts_total m JOIN live.orders o ON o.id = 1 WHERE o.status <> ''"""
    (row,) = engine.sql(joined).table.to_pylist()
    assert row["n"] == row["every"] > 0
    without = engine.sql("SELECT * EXCLUDE (status) FROM metrics.orders_inserts_total").table
    assert without.num_rows == row["n"]


def test_metrics_join_by_time(engine: Engine) -> None:
    """The way to a ratio of two."""
    found = engine.sql(
        "SELECT time, a.value / b.value AS mean FROM metrics.orders_amount_sum a "
        "JOIN metrics.orders_inserts_total b USING (time) ORDER BY time"
    ).table
    means = asked(engine, "orders_amount_avg")
    assert found.num_rows == len(means)
    for row in found.to_pylist():
        assert row["mean"] == pytest.approx(means[row["time"].replace(tzinfo=UTC), ()])


def test_labels_of_a_sensitive_field_are_masked() -> None:
    """The rows stay apart, their values are not told."""
    con = duckdb.connect()
    _schema(con)
    con.execute(
        "INSERT INTO measures.all_partials (level, series, bucket, n, sum) "
        "SELECT 1, i, '2026-01-01', 1, 1 FROM range(2) t(i)"
    )
    states = MetricStates(
        labels=("name",),
        used=("name",),
        groups=[("Ana",), ("Bo",)],
        members={0: 0, 1: 1},
        kind=MeasureKind.CHANGES,
        aggregation=Aggregation.SUM,
        masked=frozenset({"name"}),
    )
    make_view(con, "v", states, NOW)
    assert con.execute("SELECT name, value FROM v").fetchall() == [
        ("•••", 1.0),
        ("•••", 1.0),
    ]


def test_column_names_of_a_metric_cannot_be_changed_after_from(engine: Engine) -> None:
    """Since labels are known by name."""
    with pytest.raises(InputError, match="after SELECT"):
        engine.sql("SELECT * FROM metrics.orders_total AS m(a, b, c)")


def _schema(con: Any) -> None:
    con.execute("CREATE SCHEMA measures")
    con.execute(
        "CREATE TABLE measures.all_partials (level UTINYINT, series INTEGER, bucket TIMESTAMP, "
        "n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE, last DOUBLE, "
        "last_at TIMESTAMP, last_seq BIGINT)"
    )
    con.execute(
        "CREATE TABLE measures.all_registers (level UTINYINT, series INTEGER, bucket TIMESTAMP, "
        "register INTEGER, rank TINYINT)"
    )
    con.execute(
        "CREATE TABLE measures.quantiles (level UTINYINT, series INTEGER, bucket TIMESTAMP, "
        'p50 DOUBLE, p90 DOUBLE, p95 DOUBLE, p99 DOUBLE, "distinct" DOUBLE)'
    )


@settings(max_examples=8, deadline=None)
@given(
    size=st.integers(1, 30_000),
    seed=st.integers(0, 2**32),
    folding=st.sampled_from(["none", "some", "all"]),
)
def test_distinct_counts_are_those_of_the_registers(size: int, seed: int, folding: str) -> None:
    """Fine, folded, and both in one minute: SQL and `metrics.registers` give one number."""
    hashes = np.random.default_rng(seed).integers(0, 2**64, size, dtype=np.uint64)
    registers, ranks = registers_of(hashes)
    if folding != "none":
        cut = size if folding == "all" else size // 2
        coarse = fold(registers[:cut], ranks[:cut])
        registers = np.concatenate([coarse[0], registers[cut:]])
        ranks = np.concatenate([coarse[1], ranks[cut:]])
    merged: dict[int, int] = {}
    for register, rank in zip(registers.tolist(), ranks.tolist(), strict=True):
        merged[register] = max(rank, merged.get(register, 0))
    keys = np.array(list(merged), np.int32)
    values = np.array(list(merged.values()), np.int8)
    wanted = estimate(np.zeros(len(keys), np.int64), keys, values, 1)[0]

    con = duckdb.connect()
    _schema(con)
    con.execute(
        "INSERT INTO measures.all_partials (level, series, bucket, n) "
        f"VALUES (1, 7, '2026-01-01', {size})"
    )
    con.register("rows", pa.table({"register": keys, "rank": values}))
    con.execute(
        "INSERT INTO measures.all_registers SELECT 1, 7, '2026-01-01', register, rank FROM rows"
    )
    states = MetricStates(
        labels=(),
        used=(),
        groups=[()],
        members={7: 0},
        kind=MeasureKind.DISTINCT,
        aggregation=Aggregation.DISTINCT,
    )
    make_view(con, "v", states, NOW)
    ((found,),) = con.execute("SELECT value FROM v").fetchall()
    assert found == pytest.approx(min(np.rint(wanted), size), abs=1)
