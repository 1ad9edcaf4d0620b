"""What an overview of any workspace shows: its main table, amount and status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datawatch_lab.service.answers import ColumnAnswer, MetricAnswer, TableAnswer

_MONEY = re.compile(
    r"(?:^|_)(amount|revenue|total|subtotal|price|value|paid|cost|fee|betrag|umsatz|importe|gross|net)"
    r"(?:_|$)",
    re.IGNORECASE,
)
_NOT_MONEY = re.compile(
    r"(?:^|_)(count|qty|quantity|stock|ms|seconds|bytes|percent|ratio|rate|age|year|version|lat|lon)"
    r"(?:_|$)",
    re.IGNORECASE,
)
_MONEY_RANK = ("amount", "revenue", "total", "paid", "gross", "net", "subtotal", "value", "price")
_STATUS_RANK = ("status", "state", "stage", "phase", "result", "outcome", "type", "kind")


@dataclass(frozen=True)
class OverviewSpec:
    """What the page shows; a metric's name is None where the workspace has nothing of the sort.

    Attributes:
        table: the main table.
        created: rows of it inserted per minute.
        amount: sum of its main amount, and ``amount_field``.
        currency_label: the label of ``amount`` that holds a currency.
        by_status: its rows now by status, and ``status_field``.
        lag: from event to receipt.
        events: all changes of the workspace.
    """

    table: str | None = None
    created: str | None = None
    amount: str | None = None
    amount_field: str = ""
    amount_unit: str = ""
    currency_label: str | None = None
    by_status: str | None = None
    status_field: str = ""
    lag: str | None = None
    events: str | None = None


def choose(tables: Sequence[TableAnswer], metrics: Sequence[MetricAnswer]) -> OverviewSpec:
    """Pick what an overview shows.

    The main table is the one with an amount and a status; among equals the one with the most
    changes. A table without either is taken where there is no better one.

    Args:
        tables: as `Workspace.tables` gives them.
        metrics: as `Workspace.metrics` gives them; those that do not exist are left out.
    """
    names = {each.name for each in metrics}
    if not tables:
        return OverviewSpec(events=_known("events_total", names))
    main = max(tables, key=lambda table: (_worth(table, metrics), table.events, table.name))
    own = [each for each in metrics if each.table == main.name]
    amount = _amount(main, own)
    status = _status(main, own)
    return OverviewSpec(
        table=main.name,
        created=_named(own, main, "created_rate"),
        amount=amount.name if amount else None,
        amount_field=amount.field if amount else "",
        amount_unit=amount.unit if amount else "",
        currency_label=_currency(amount.labels) if amount else None,
        by_status=status.name if status else None,
        status_field=status.field if status else "",
        lag=_named(own, main, "lag_seconds"),
        events=_known("events_total", names),
    )


def _known(name: str, names: Iterable[str]) -> str | None:
    return name if name in names else None


def _named(own: Sequence[MetricAnswer], table: TableAnswer, ending: str) -> str | None:
    """The metric of the table itself (not of a field) with that ending, whatever qualifies it."""
    found = [each.name for each in own if not each.field and each.name.endswith("_" + ending)]
    exact = f"{table.name}_{ending}"
    return exact if exact in found else min(found, default=None, key=len)


def _worth(table: TableAnswer, metrics: Sequence[MetricAnswer]) -> int:
    own = [each for each in metrics if each.table == table.name]
    amount, status = _amount(table, own), _status(table, own)
    strong = status is not None and status.field.lower() in _STATUS_RANK[:5]
    named = amount is not None and _MONEY_RANK[:6].count(_money_word(amount.field)) > 0
    # Payments have an amount too, but a table that others refer to is what the business is about;
    # it shows by more changes, which decide among equals.
    return 4 * (amount is not None and named) + 2 * strong + (status is not None)


def _shown(table: TableAnswer) -> dict[str, ColumnAnswer]:
    """Columns that may be shown: sensitive ones never are."""
    return {each.name: each for each in table.columns if not each.sensitive}


def _amount(table: TableAnswer, own: Sequence[MetricAnswer]) -> MetricAnswer | None:
    columns = _shown(table)
    sums = [
        each
        for each in own
        if each.aggregation == "sum"
        and each.name.endswith("_sum")
        and not each.name.endswith("_net_sum")
        and each.field in columns
        and columns[each.field].role == "numeric"
        and _MONEY.search(_snake(each.field))
        and not _NOT_MONEY.search(_snake(each.field))
    ]
    return min(sums, key=lambda each: (_money_place(each.field), each.field), default=None)


def _status(table: TableAnswer, own: Sequence[MetricAnswer]) -> MetricAnswer | None:
    columns = _shown(table)
    states = [
        each
        for each in own
        if each.field in columns
        and columns[each.field].role == "status"
        and each.labels == [each.field]
        and _snake(each.field) not in ("currency", "country")
    ]
    return min(
        states, key=lambda each: (_place(_STATUS_RANK, each.field), each.field), default=None
    )


def _currency(labels: Sequence[str]) -> str | None:
    return next((each for each in labels if _snake(each).split("_")[-1] == "currency"), None)


def _snake(name: str) -> str:
    """A field's name in snake case.

    >>> _snake("totalAmount"), _snake("AMOUNT")
    ('total_amount', 'amount')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _money_word(field: str) -> str:
    found = _MONEY.search(_snake(field))
    return found[1] if found else ""


def _money_place(field: str) -> int:
    return _place(_MONEY_RANK, _money_word(field))


def _place(ranks: Sequence[str], field: str) -> int:
    """The first rank that is a word of the field; beyond the last for none."""
    words = _snake(field).split("_")
    return min((ranks.index(word) for word in words if word in ranks), default=len(ranks))
