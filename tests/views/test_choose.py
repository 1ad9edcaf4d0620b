"""The overview of a workspace that nobody has described."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from datawatch_lab.service.answers import ColumnAnswer, MetricAnswer, TableAnswer
from datawatch_lab.views.choose import OverviewSpec, choose


def table(name: str, events: int, columns: Mapping[str, str], *secret: str) -> TableAnswer:
    """A table whose columns have these roles; ``secret`` ones are sensitive."""
    found = [
        ColumnAnswer(each, "text", role, 1.0, "", each in secret) for each, role in columns.items()
    ]
    return TableAnswer(name, rows=1, key=["id"], columns=found, events=events)


def metric(
    name: str, of: str, field: str = "", *, aggregation: str = "sum", labels: tuple[str, ...] = ()
) -> MetricAnswer:
    """A metric as the catalogue makes it."""
    return MetricAnswer(name, of, field, "", "", list(labels), True, "", aggregation)


def metrics_of(found: TableAnswer) -> list[MetricAnswer]:
    """The automatic metrics of a table that matter here."""
    name = found.name
    states = tuple(each.name for each in found.columns if each.role == "status")
    made = [
        metric(f"{name}_created_rate", name, aggregation="rate", labels=states),
        metric(f"{name}_lag_seconds", name, aggregation="avg"),
    ]
    for each in found.columns:
        if each.role == "numeric":
            made += [
                metric(f"{name}_{each.name}_sum", name, each.name, labels=states),
                metric(f"{name}_{each.name}_net_sum", name, each.name),
            ]
        if each.role == "status":
            by = metric(f"{name}_by_{each.name}", name, each.name, aggregation="last")
            by.labels.append(each.name)
            made.append(by)
    return made


def chosen(*tables: TableAnswer) -> OverviewSpec:
    """What is shown of these tables."""
    everything = [metric("events_total", "")]
    return choose(tables, everything + [m for each in tables for m in metrics_of(each)])


ORDERS = {
    "id": "id",
    "quantity": "numeric",
    "amount": "numeric",
    "currency": "status",
    "status": "status",
}


def test_a_shop_is_about_its_orders() -> None:
    """Of several tables the one with an amount, a status and most changes is the main one."""
    spec = chosen(
        table("products", 900, {"id": "id", "price": "numeric", "category": "status"}),
        table("payments", 500, {"id": "id", "amount": "numeric", "status": "status"}),
        table("orders", 800, ORDERS),
        table("clicks", 90_000, {"path": "text"}),
    )
    assert spec == OverviewSpec(
        table="orders",
        created="orders_created_rate",
        amount="orders_amount_sum",
        amount_field="amount",
        currency_label="currency",
        by_status="orders_by_status",
        status_field="status",
        lag="orders_lag_seconds",
        events="events_total",
    )


def test_without_an_amount_there_is_no_revenue() -> None:
    """A table of measurements has a rate, and neither revenue nor statuses."""
    spec = chosen(table("readings", 10, {"id": "id", "latency_ms": "numeric", "at": "timestamp"}))
    assert (spec.created, spec.amount, spec.by_status) == ("readings_created_rate", None, None)


def test_an_empty_workspace_shows_nothing_of_tables() -> None:
    """With no table only the count of events may remain."""
    assert choose([], [metric("events_total", "")]) == OverviewSpec(events="events_total")
    assert choose([], []) == OverviewSpec()


def test_sensitive_columns_are_never_chosen() -> None:
    """Neither an amount nor a status that is marked sensitive is shown."""
    spec = chosen(
        table(
            "loans",
            10,
            {"id": "id", "amount": "numeric", "status": "status"},
            "amount",
            "status",
        )
    )
    assert (spec.amount, spec.by_status) == (None, None)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (("price", "total"), "total"),
        (("unit_price", "amount_due", "tax_rate"), "amount_due"),
        (("totalAmount", "itemCount"), "totalAmount"),
        (("amount_count", "total_quantity"), None),
        (("Betrag", "Menge"), "Betrag"),
    ],
)
def test_the_amount_is_found_by_its_name(fields: tuple[str, ...], wanted: str | None) -> None:
    """Money words in any spelling count; counts, rates and quantities do not."""
    spec = chosen(table("t", 1, dict.fromkeys(fields, "numeric")))
    assert (spec.amount_field or None) == wanted


def test_names_qualified_by_schema_are_found() -> None:
    """The rate of a table is found by what it is, not by how its name begins."""
    found = table("sales.orders", 5, {"id": "id"})
    spec = choose([found], [metric("sales_orders_created_rate", "sales.orders")])
    assert spec.created == "sales_orders_created_rate"
