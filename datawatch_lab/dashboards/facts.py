"""What a workspace has, as templates ask for it: tables by meaning, metrics by field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from datawatch_lab.core.dashboards import TileQuery
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef, Role, TableInfo

ORDERS = r"order|purchase|sale|booking|invoice|checkout|subscription|transaction"
CUSTOMERS = r"customer|user|account|member|client|subscriber|buyer"
PAYMENTS = r"payment|charge|refund|payout|transaction"
PRODUCTS = r"product|item|article|sku|listing"
EVENTS = r"event|page_?view|session|click|visit|activity|track"
MONEY = r"amount|revenue|total|price|value|cost|gross|net|fee|paid"
LATENCY = r"latency|duration|elapsed|response_time|_ms$|took"
PLACE = r"country|region|market|state$|city"
ERROR = r"error|failed|failure|success|outcome|result"


class Facts(msgspec.Struct, frozen=True):
    """What a workspace has.

    Attributes:
        tables: in order of appearance.
        metrics: by name.
        events: that came in, by table.
    """

    tables: tuple[TableInfo, ...] = ()
    metrics: Mapping[str, MetricDef] = {}
    events: Mapping[str, int] = {}

    # ------------------------------------------------------------------ tables

    def busiest(self, most: int = 100) -> list[TableInfo]:
        """Tables in order of how much came in, the most first."""
        return sorted(self.tables, key=lambda each: -self.events.get(each.name, 0))[:most]

    def table(self, words: str) -> TableInfo | None:
        """The table whose name has one of some words; of several the shortest name."""
        found = [each for each in self.tables if re.search(words, each.name, re.IGNORECASE)]
        return min(found, key=lambda each: (len(each.name), each.name), default=None)

    def columns(self, table: TableInfo, role: Role, words: str = "") -> list[str]:
        """Names of the columns of a role, whose names have one of some words."""
        return [
            each.name
            for each in table.columns
            if each.role is role and re.search(words, each.name, re.IGNORECASE)
        ]

    def money(self, table: TableInfo) -> str:
        """The column of a table that is an amount of money or the like; '' for none."""
        return self._best(table, MONEY)

    def latency(self, table: TableInfo) -> str:
        """The column that says how long something took; '' for none."""
        return self._best(table, LATENCY)

    def _best(self, table: TableInfo, words: str) -> str:
        found = self.columns(table, Role.NUMERIC, words)
        order = words.split("|")

        def rank(name: str) -> int:
            hits = (n for n, word in enumerate(order) if re.search(word, name, re.IGNORECASE))
            return next(hits, len(order))

        return min(found, key=rank, default="")

    def states(self, table: TableInfo) -> list[str]:
        """Columns of a table that say its state or kind, ``status`` first."""
        found = self.columns(table, Role.STATUS)
        return sorted(found, key=lambda each: ("status" not in each, "state" not in each))

    # ------------------------------------------------------------------ metrics

    def of(self, table: TableInfo) -> Iterator[MetricDef]:
        """Metrics of a table."""
        return (each for each in self.metrics.values() if each.table == table.name)

    def changes(self, table: TableInfo, op: str = "c", *, rate: bool = False) -> MetricDef | None:
        """How many changes of an operation ('' for all) there are, in all or a minute."""
        wanted = Aggregation.RATE if rate else Aggregation.SUM
        return next(
            (
                each
                for each in self.of(table)
                if each.measure is MeasureKind.CHANGES
                and each.op == op
                and each.aggregation is wanted
                and each.auto
            ),
            None,
        )

    def reading(self, table: TableInfo, field: str, how: Aggregation) -> MetricDef | None:
        """A numeric field of new rows, by one aggregation."""
        return self._of(table, MeasureKind.VALUE, field, how)

    def kind(self, table: TableInfo, kind: MeasureKind, field: str = "") -> MetricDef | None:
        """The metric of a kind of measure, about a field where it has one."""
        return self._of(table, kind, field, None)

    def _of(
        self, table: TableInfo, kind: MeasureKind, field: str, how: Aggregation | None
    ) -> MetricDef | None:
        if kind in (MeasureKind.VALUE, MeasureKind.NEWEST) and not field:
            return None
        return next(
            (
                each
                for each in self.of(table)
                if each.measure is kind
                and each.field == field
                and each.auto
                and how in (None, each.aggregation)
            ),
            None,
        )


def asked(metric: MetricDef | None, *by: str, label: str = "") -> TileQuery | None:
    """The query for a metric; None for none, or when it has not all of the labels."""
    if metric is None or not set(by) <= set(metric.labels):
        return None
    return TileQuery(metric=metric.name, by=by, label=label)
