from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import BIN_SCHEMA, PARTIAL_SCHEMA, REGISTER_SCHEMA
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import MeasureDef, MeasureKind, Role
from datawatch_lab.metrics.book import SeriesBook
from datawatch_lab.metrics.catalogue import reconcile
from datawatch_lab.metrics.current import CURRENT
from datawatch_lab.metrics.sketch import bins_of
from datawatch_lab.metrics.stage import derive
from tests.metrics.changes import START, Change, batch_of, table_of
from tests.metrics.memory import MemoryStore, merge_bins, merge_partials, merge_registers
from tests.metrics.naive import rows_of

ROLES = {
    "id": Role.ID,
    "amount": Role.NUMERIC,
    "status": Role.STATUS,
    "paid": Role.BOOLEAN,
    "created_at": Role.TIMESTAMP,
    "note": Role.TEXT,
}
TABLE = table_of(ROLES)
MEASURES = [each for each in reconcile([TABLE], [])[0] if each.kind not in CURRENT]
SPLIT = ("status", "paid")
SETTINGS = Settings()

amounts = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.decimals(-(10**6), 10**6, places=3).map(str),
    st.floats(-1e6, 1e6).map(lambda value: round(value, 2)),
    st.sampled_from(["n/a", "", "0.1234567890123", "18446744073709551616", "1e3"]),
)
statuses = st.sampled_from(["new", "paid", "shipped", None])
moments = st.integers(0, 10**9).map(
    lambda ms: (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()
)


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    """A row image; any field but the id may be missing."""
    fields = {
        "amount": amounts,
        "status": statuses,
        "paid": st.sampled_from([True, False, None]),
        "created_at": st.one_of(st.none(), moments),
        "note": st.sampled_from(["a", "b", None]),
    }
    image: dict[str, Any] = {"id": draw(st.integers(1, 30)), "z": 1}
    for name, values in fields.items():
        if draw(st.integers(0, 9)):
            image[name] = draw(values)
    return image


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes in order of sequence number, event times a little out of order."""
    changes = []
    for seq in range(1, draw(st.integers(1, 25)) + 1):
        op = draw(st.sampled_from("ccccuuudrt"))
        changes.append(
            Change(
                seq,
                op,
                START + draw(st.integers(0, 4_000_000)),
                draw(images()) if op in "cur" else None,
                draw(images()) if op == "d" or (op == "u" and draw(st.booleans())) else None,
                draw(st.sampled_from([0, 1_500, 90_000_000_000])),
            )
        )
    return changes


def run(batches: Sequence[Sequence[Change]], book: SeriesBook | None = None) -> MemoryStore:
    """Derive batch after batch with one book."""
    book, store = book or SeriesBook(), MemoryStore()
    for changes in batches:
        store.append(derive(batch_of(TABLE, changes), MEASURES, book, SETTINGS))
        book.commit()
    return store


def labels_of(book: SeriesBook) -> Mapping[int, tuple[MeasureDef, tuple[tuple[str, str], ...]]]:
    """Measure and labels by series id."""
    return {each.id: (m, each.labels) for m in MEASURES for each in book.of(m.id)}


def expected(changes: Sequence[Change]) -> dict[tuple[Any, ...], list[tuple[int, int, Any]]]:
    """Rows by (kind, field, labels, second) from the plain computation."""
    found: dict[tuple[Any, ...], list[tuple[int, int, Any]]] = {}
    for measure in MEASURES:
        rows = rows_of(measure.kind.value, measure.field, changes, SPLIT, SETTINGS.allowed_lateness)
        for labels, at, seq, value in rows:
            key = (measure.kind, measure.field, labels, at // 1_000_000)
            found.setdefault(key, []).append((at, seq, value))
    return found


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_kind_equals_a_plain_computation(changes: list[Change]) -> None:
    """Partial states of all kinds are those of an event-by-event computation."""
    book = SeriesBook()
    store = run([changes], book)
    names = labels_of(book)
    want = expected(changes)
    got = {}
    for row in store.frame("partials").iter_rows(named=True):
        measure, labels = names[row["series"]]
        second = int(row["bucket"].replace(tzinfo=UTC).timestamp())
        key = (measure.kind, measure.field, labels, second)
        assert key not in got, "a (series, bucket) stands once"
        got[key] = row
    assert got.keys() == want.keys()
    for key, rows in want.items():
        _check(key[0], got[key], rows)


def _fits(value: Decimal) -> bool:
    exponent = value.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -9


def _check(kind: MeasureKind, row: Mapping[str, Any], rows: list[tuple[int, int, Any]]) -> None:
    assert row["n"] == len(rows)
    assert row["last_seq"] == rows[-1][1]
    if kind is MeasureKind.DISTINCT:
        assert row["sum"] is None
        return
    values = [value for _, _, value in rows]
    floats = [float(value) for value in values]
    close = 1e-12 * max(1.0, *map(abs, floats))
    assert math.isclose(row["sum"], math.fsum(floats), rel_tol=1e-12, abs_tol=100 * close)
    for name, wanted in (("min", min(floats)), ("max", max(floats)), ("last", floats[-1])):
        assert math.isclose(row[name], wanted, rel_tol=1e-12, abs_tol=close)
    if kind is MeasureKind.NEWEST:
        assert row["exact"] is None
        return
    fits = all(_fits(Decimal(value)) for value in values)
    if row["exact"] is None:
        assert not fits
    else:
        assert row["exact"] == sum(map(Decimal, values), Decimal(0))


@settings(max_examples=30, deadline=None)
@given(histories(), st.lists(st.integers(0, 25), max_size=4))
def test_batching_does_not_matter(changes: list[Change], cuts: list[int]) -> None:
    """However a history is cut into batches, the merged states are the same."""
    edges = sorted({0, len(changes), *(cut for cut in cuts if cut < len(changes))})
    parts = [changes[a:b] for a, b in pairwise(edges)]
    whole_book, part_book = SeriesBook(), SeriesBook()
    whole, part = run([changes], whole_book), run(parts, part_book)
    for kind, merge in (
        ("partials", merge_partials),
        ("bins", merge_bins),
        ("registers", merge_registers),
    ):
        left, right = (
            _named(store.frame(kind), book)
            for store, book in ((whole, whole_book), (part, part_book))
        )
        merged = [merge(frame, "series", "bucket") for frame in (left, right)]
        sums = [frame.select(pl.exclude("sum")) for frame in merged]
        assert sums[0].equals(sums[1])


def _named(frame: pl.DataFrame, book: SeriesBook) -> pl.DataFrame:
    """Series by what they are, since ids depend on the order of appearance."""
    names = {id_: f"{m.kind}:{m.field}:{labels}" for id_, (m, labels) in labels_of(book).items()}
    return frame.with_columns(pl.col("series").replace_strict(names, return_dtype=pl.String))


def test_bins_count_the_values_of_each_second() -> None:
    """The bins of a value measure are those of its values, as total and by each label."""
    changes = [
        Change(n, "c", START + n * 300_000, {"id": n, "amount": n % 4, "status": "ab"[n % 2]})
        for n in range(1, 9)
    ]
    book = SeriesBook()
    store = run([changes], book)
    measure = next(m for m in MEASURES if m.kind is MeasureKind.VALUE)
    total = book.series(measure.id)
    bins = store.frame("bins").filter(pl.col("series") == total)
    by_value = bins.group_by("bin").agg(pl.col("n").sum()).sort("bin").rows()
    codes = bins_of(pl.Series([0.0, 1.0, 2.0, 3.0]).to_numpy()).tolist()
    assert by_value == [(code, 2) for code in codes]
    split = book.known(measure.id, (), "status", "a")
    assert store.frame("bins").filter(pl.col("series") == split)["n"].sum() == 4


def test_the_tables_have_the_schemas_of_the_contract() -> None:
    """What is derived can be stored as it is, also when there is nothing."""
    for changes in ([], [Change(1, "c", START, {"id": 1})]):
        made = derive(batch_of(TABLE, changes), MEASURES, SeriesBook(), SETTINGS)
        assert made.partials.schema == PARTIAL_SCHEMA
        assert made.bins.schema == BIN_SCHEMA
        assert made.registers.schema == REGISTER_SCHEMA


def test_labels_beyond_the_limit_share_one_series_whatever_the_batching() -> None:
    """Which label values are kept is decided by sequence number; the rest is ``__other__``."""
    # event times run backwards, so order of time and order of sequence number differ
    changes = [
        Change(n, "c", START - n * 1_000, {"id": n, "status": f"s{n % 7}"}) for n in range(1, 40)
    ]
    measure = next(m for m in MEASURES if m.kind is MeasureKind.CHANGES)
    kept = []
    for size in (1, 5, 40):
        book = SeriesBook(max_label_sets=3)
        run([changes[at : at + size] for at in range(0, len(changes), size)], book)
        kept.append(
            {
                value
                for each in book.of(measure.id)
                for name, value in each.labels
                if name == "status"
            }
        )
    assert kept == [{"s1", "s2", "s3", "__other__"}] * 3


def test_a_label_can_be_back_filled_alone() -> None:
    """With ``totals=False`` only the split series of the asked fields come out."""
    changes = [Change(1, "c", START, {"id": 1, "amount": 5, "status": "new", "paid": True})]
    book = SeriesBook()
    derive(batch_of(TABLE, changes), MEASURES, book, SETTINGS, split_by=["paid"], totals=False)
    assert {dict(each.labels).get("paid") for each in book.pending} == {"true"}


@pytest.mark.parametrize("value", ["NaN", "inf", "-Infinity", "", "abc"])
def test_what_is_no_finite_number_is_no_row(value: str) -> None:
    """Infinities, NaN and other text neither count nor spoil the numbers beside them."""
    changes = [
        Change(1, "c", START, {"id": 1, "amount": value}),
        Change(2, "c", START + 1, {"id": 2, "amount": "2.5"}),
    ]
    book = SeriesBook()
    store = run([changes], book)
    measure = next(m for m in MEASURES if m.kind is MeasureKind.VALUE)
    row = (
        store.frame("partials")
        .filter(pl.col("series") == book.series(measure.id))
        .row(0, named=True)
    )
    assert (row["n"], row["exact"]) == (1, Decimal("2.5"))
