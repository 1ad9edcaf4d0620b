from __future__ import annotations

import pytest

from datawatch_lab.core.values import Aggregation, MeasureKind, Role, SeriesDef
from datawatch_lab.metrics.book import OTHER, SeriesBook
from datawatch_lab.metrics.catalogue import metrics_of, reconcile, wanted_measures
from datawatch_lab.metrics.query import aggregations
from datawatch_lab.metrics.stage import MOST_LABELS
from datawatch_lab.metrics.units import unit_of
from tests.metrics.changes import table_of

ORDERS = table_of(
    {
        "id": Role.ID,
        "amount": Role.NUMERIC,
        "status": Role.STATUS,
        "paid": Role.BOOLEAN,
        "made_at": Role.TIMESTAMP,
        "note": Role.TEXT,
    }
)


def test_a_table_gets_the_metrics_of_the_specification() -> None:
    """Every name of the specification, and no other."""
    numbers = ("sum", "avg", "min", "max", "p50", "p95", "p99", "net_sum")
    rest = {
        "total",
        "events_total",
        "inserts_total",
        "updates_total",
        "deletes_total",
        "created_rate",
        "updated_rate",
        "deleted_rate",
        "rows",
        "lag_seconds",
        "by_status",
        "by_paid",
        "status_transitions",
        "paid_transitions",
        "id_cardinality",
        "made_at_freshness_seconds",
        *(f"amount_{each}" for each in numbers),
        *(f"{column.name}_null_ratio" for column in ORDERS.columns),
    }
    names = {metric.name for metric in metrics_of([ORDERS])}
    assert names == {"events_total", *(f"orders_{each}" for each in rest)}


def test_every_metric_is_described_and_can_be_asked() -> None:
    """One sentence, a unit where one is known, and a default aggregation that makes sense."""
    for metric in metrics_of([ORDERS, table_of({"n": Role.NUMERIC}, name="log", key=(), id_=2)]):
        assert metric.description.endswith(".")
        assert metric.auto
        assert metric.aggregation in aggregations(metric)
        assert metric.unit or metric.field in ("amount", "n")


def test_a_table_without_a_key_is_append_only_and_says_so() -> None:
    """No current-state metrics, and the counts say why."""
    log = table_of({"n": Role.NUMERIC, "level": Role.STATUS}, name="log", key=())
    kinds = {kind for kind, _ in wanted_measures(log)}
    assert not kinds & {MeasureKind.ROWS, MeasureKind.STATE, MeasureKind.NET}
    metrics = {metric.name: metric for metric in metrics_of([log])}
    assert not {"log_rows", "log_by_level", "log_n_net_sum"} & metrics.keys()
    assert "append-only" in metrics["log_total"].description


def test_names_that_would_collide_are_told_apart() -> None:
    """The table that came first keeps the name, in whatever order tables are given."""
    first = table_of({"b_c": Role.NUMERIC}, name="a", key=(), id_=1)
    second = table_of({"c": Role.NUMERIC}, name="a_b", key=(), id_=2)
    for tables in ([first, second], [second, first]):
        found = {metric.name: metric for metric in metrics_of(tables)}
        assert found["a_b_c_sum"].table == "a"
        assert found["a_b__c_sum"].table == "a_b"


def test_the_workspace_metric_keeps_its_name() -> None:
    """A table called ``events`` does not take ``events_total``."""
    found = {metric.name: metric for metric in metrics_of([table_of({}, name="events", key=())])}
    assert found["events_total"].table == ""
    assert found["events__total"].table == "events"
    assert found["events_events_total"].table == "events"


def test_names_that_differ_by_case_stay_apart() -> None:
    """``Orders`` and ``orders`` have metrics of their own."""
    tables = [table_of({}, name="orders"), table_of({}, name="Orders", id_=2)]
    names = {metric.name for metric in metrics_of(tables)}
    assert {"orders_total", "Orders_total"} <= names


def test_a_field_called_op_does_not_hide_the_operation() -> None:
    """Its label has another name, so that counts keep theirs."""
    table = table_of({"op": Role.STATUS})
    total = next(metric for metric in metrics_of([table]) if metric.name == "orders_total")
    assert total.labels == ("op", "op_")


def test_reconciling_makes_what_is_missing_and_drops_what_no_metric_reads() -> None:
    """A corrected role swaps measures; other tables are left alone; ids are not used twice."""
    other = table_of({"x": Role.NUMERIC}, name="other", id_=2)
    made, dropped = reconcile([ORDERS, other], [])
    assert not dropped
    assert reconcile([ORDERS, other], made) == ((), ())
    changed = table_of({c.name: c.role for c in ORDERS.columns} | {"amount": Role.ID})
    new, gone = reconcile([changed], made)
    assert [(each.kind, each.field) for each in new] == [(MeasureKind.DISTINCT, "amount")]
    assert min(each.id for each in new) > max(each.id for each in made)
    kinds = {(each.kind, each.field) for each in made if each.id in gone}
    assert kinds == {(MeasureKind.VALUE, "amount"), (MeasureKind.NET, "amount")}


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("duration_ms", "ms"),
        ("latencySeconds", "s"),
        ("cpu_usage_percent", "percent"),
        ("memory_mb", "MB"),
        ("bytes_sent", "bytes"),
        ("quantity", "1"),
        ("min_price", ""),
        ("amount", ""),
        ("weight_kg", "kg"),
    ],
)
def test_units_come_from_names(field: str, unit: str) -> None:
    """A unit word anywhere in the name, short ones as suffix only."""
    assert unit_of(field) == unit


def test_a_book_that_rolls_back_forgets_and_gives_the_ids_again() -> None:
    """After a failed commit the book is as before; after a good one nothing is pending."""
    book = SeriesBook([SeriesDef(id=4, measure_id=1)], max_label_sets=2)
    made = book.split(1, (), "s", ["a", "b", "c"])
    assert [each.id for each in book.pending] == [5, 6, 7]
    book.rollback()
    assert not book.pending
    assert [each.id for each in book.of(1)] == [4]
    assert book.split(1, (), "s", ["x", "y", "z"]) == made
    book.commit()
    assert [dict(each.labels).get("s") for each in book.of(1)] == [None, "x", "y", OTHER]


def test_a_book_read_from_the_store_knows_how_full_it_is() -> None:
    """The limit of label sets survives a restart, and ``__other__`` does not count."""
    labels = [(("op", "c"), ("s", value)) for value in ("a", OTHER)]
    known = [SeriesDef(id=n, measure_id=1, labels=each) for n, each in enumerate(labels, 1)]
    book = SeriesBook(known, max_label_sets=2)
    ids = book.split(1, (("op", "c"),), "s", ["b", "c", "a"])
    assert ids == [3, 2, 1]


def test_dropping_measures_drops_their_series() -> None:
    """Series of a dropped measure are gone, also those that were pending."""
    book = SeriesBook([SeriesDef(id=1, measure_id=1)])
    book.series(2)
    book.drop([1, 2])
    assert (book.of(1), book.of(2), book.pending) == ((), (), ())
    assert book.series(3) == 3


def test_aggregations_begin_with_the_metrics_own() -> None:
    """The default stands first, each one once."""
    for metric in metrics_of([ORDERS]):
        listed = aggregations(metric)
        assert listed[0] is metric.aggregation
        assert len(set(listed)) == len(listed)
        assert all(isinstance(each, Aggregation) for each in listed)


def test_a_wide_table_is_split_by_a_few_labels() -> None:
    """The first status and boolean fields become labels; every one has its own states."""
    wide = table_of({"id": Role.ID, **{f"s{n}": Role.STATUS for n in range(20)}})
    named = {metric.name: metric for metric in metrics_of([wide])}
    assert named["orders_total"].labels == ("op", *(f"s{n}" for n in range(MOST_LABELS)))
    assert named["orders_by_s19"].labels == ("s19",)
