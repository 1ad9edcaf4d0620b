"""What is kept of quality, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from datawatch_lab.core import quality_results as core
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.quality_results import Outcome
from datawatch_lab.engine.quality import orphans
from datawatch_lab.store import quality_ages
from tests.quality.workbench import NOW, Workbench

MINUTE = timedelta(minutes=1)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """An empty workspace that is compacted however little there is."""
    monkeypatch.setattr(quality_ages, "_COMPACT_ROWS", 1)
    made = Workbench(tmp_path / "w.duckdb", by_hand=True)
    yield made
    made.close()


def _counts(rule: str, end: datetime, minutes: int) -> pa.Table:
    """One row in each minute before a moment, every tenth of them bad."""
    first = end.replace(tzinfo=None) - minutes * MINUTE
    rows = {
        "rule": [rule] * minutes,
        "bucket": [first + number * MINUTE for number in range(minutes)],
        "rows": [1] * minutes,
        "failed": [int(number % 10 == 0) for number in range(minutes)],
    }
    return pa.table(rows, schema=core.COUNT_SCHEMA)


def _stored(rule: Rule) -> StoredRule:
    return StoredRule(id=rule.id, rule=rule, origin="user", created=NOW)


def _kept(bench: Workbench, rule: str, end: datetime) -> tuple[int, int, int]:
    """Buckets, rows and failed rows of a rule in the year and some before a moment."""
    store = bench.engine.quality.store
    found = store.counts(end - timedelta(days=500), end + timedelta(days=1), MINUTE)
    mine = found.filter(pl.col("rule") == rule)
    return mine.height, int(mine["rows"].sum()), int(mine["failed"].sum())


def test_counts_of_an_old_file_age_by_its_own_newest_event(bench: Workbench) -> None:
    """Two days of it stay minutes, what was before becomes hours, a year before it goes."""
    store, end = bench.engine.quality.store, NOW - timedelta(days=900)
    rule = _stored(Rule("orders", "not_null", field="status"))
    for until in (end, end - timedelta(days=30), end - timedelta(days=400)):
        store.store(Outcome(counts=_counts(rule.id, until, 120)), rules=[rule])
    assert store.compact(NOW) == 118 + 120
    assert _kept(bench, rule.id, end) == (122, 240, 24)


def test_verdicts_of_the_clock_are_merged_and_all_are_dropped_in_the_end(bench: Workbench) -> None:
    """Those that may still be corrected keep their windows; sums stay as they were."""
    store = bench.engine.quality.store
    age = _stored(Rule("orders", "max_age", threshold="5m"))
    volume = _stored(Rule("orders", "volume", min=1, window="1m"))
    for rule in (age, volume):
        for until in (NOW, NOW - timedelta(days=30), NOW - timedelta(days=400)):
            store.store(Outcome(verdicts=_counts(rule.id, until, 120)), rules=[rule])
    assert store.compact(NOW) == 2 * 120 + 118
    assert _kept(bench, age.id, NOW) == (122, 240, 24)
    assert _kept(bench, volume.id, NOW) == (240, 240, 24)


def test_only_the_newest_orphans_wait(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before them stay violations; the others are taken back when their parents come."""
    monkeypatch.setattr(orphans, "MOST_ORPHANS", 3)
    rule = Rule("orders", "referential_integrity", field="customer_id", references="customers.id")
    (id_,) = bench.add(rule)
    for start in (0, 2, 4):
        rows = ({"id": n, "customer_id": n} for n in range(start, start + 2))
        bench.insert("orders", *rows)
        bench.engine.quality.evaluate()
    assert bench.counted(id_) == (6, 6)
    assert bench.engine.quality.store.orphans()["value"].to_list() == ["3", "4", "5"]
    bench.insert("customers", *({"id": n} for n in range(6)))
    assert bench.counted(id_) == (6, 3)
    assert bench.engine.quality.store.orphans().height == 0
