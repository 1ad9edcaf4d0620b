"""The boards that templates make, each of what it finds."""

from __future__ import annotations

import re

from datawatch_lab.core.dashboards import TileQuery
from datawatch_lab.core.values import Aggregation, MeasureKind, MetricDef, Role, TableInfo
from datawatch_lab.dashboards.facts import (
    CUSTOMERS,
    ERROR,
    EVENTS,
    ORDERS,
    PAYMENTS,
    PLACE,
    PRODUCTS,
    Facts,
    asked,
)
from datawatch_lab.dashboards.rows import MANY, Tiles, lists, placed, row, several, split, tile


def overview(facts: Facts) -> Tiles:
    """The busiest tables, their states and numbers, and what is unusual."""
    if not facts.tables:
        return []
    main = facts.busiest(1)[0]
    states = facts.states(main)
    counters = [
        tile("counter", f"{table.name} a minute", asked(facts.changes(table, "", rate=True)))
        or tile("counter", f"New {table.name}", asked(facts.changes(table)))
        for table in facts.busiest(4)
    ]
    return placed(
        row(*counters),
        row(
            tile("line", "Changes", *several(facts, lambda each: facts.changes(each, "")), h=5),
            tile(
                "donut",
                f"{main.name} by {states[0]}" if states else "",
                asked(facts.kind(main, MeasureKind.STATE, states[0]), states[0]),
            )
            if states
            else [],
        ),
        row(*_numbers(facts, main)[:3]),
        row(tile("quality", "Data quality"), tile("ledger", "What became of every event")),
        lists(),
    )


def _numbers(facts: Facts, table: TableInfo) -> list[Tiles]:
    """A line for each numeric field of a table, money first."""
    return [
        tile("line", f"{table.name}: {each}", asked(facts.reading(table, each, Aggregation.AVG)))
        for each in sorted(
            facts.columns(table, Role.NUMERIC), key=lambda each: each != facts.money(table)
        )
    ]


def commerce(facts: Facts) -> Tiles:
    """Revenue, orders, customers, payments and products."""
    orders = facts.table(ORDERS)
    if orders is None:
        return []
    amount = facts.money(orders)
    revenue = facts.reading(orders, amount, Aggregation.SUM)
    people, payments = facts.table(CUSTOMERS), facts.table(PAYMENTS)
    states, products = facts.states(orders), facts.table(PRODUCTS)
    parts = split(facts, orders, amount, Aggregation.SUM, states)
    return placed(
        row(
            tile("counter", "Revenue", asked(revenue), format="currency"),
            tile("counter", "Orders", asked(facts.changes(orders)), format="integer"),
            tile(
                "counter",
                "Average order",
                asked(facts.reading(orders, amount, Aggregation.AVG)),
                format="currency",
            ),
            _new(facts, people, "New customers"),
        ),
        row(
            tile("line", "Revenue", asked(revenue), fill=True, format="currency", band=True),
            tile("line", "Orders a minute", asked(facts.changes(orders, rate=True))),
        ),
        row(
            *[
                tile("donut", f"Orders by {each}", _state(facts, orders, each))
                for each in states[:1]
            ],
            *[
                tile("bar", f"Revenue by {label}", query, format="currency")
                for label, query in parts[1:3]
            ],
            _places(facts, people or orders),
        ),
        row(
            tile("heatmap", "Orders by hour and weekday", asked(facts.changes(orders))),
            _paid(facts, payments if payments is not orders else None),
            tile("table", "Products", TileQuery(table=products.name)) if products else [],
        ),
        lists(),
    )


def _new(facts: Facts, table: TableInfo | None, title: str) -> Tiles:
    if table is None:
        return []
    return tile("counter", title, asked(facts.changes(table)), format="integer")


def _state(facts: Facts, table: TableInfo, field: str) -> TileQuery | None:
    return asked(facts.kind(table, MeasureKind.STATE, field), field)


def _places(facts: Facts, table: TableInfo) -> Tiles:
    found = facts.columns(table, Role.STATUS, PLACE)
    if not found:
        return []
    query = _state(facts, table, found[0])
    if "country" in found[0].lower():
        return tile("map", f"{table.name} by {found[0]}", query, place=found[0], h=5)
    return tile("top", f"{table.name} by {found[0]}", query)


def _paid(facts: Facts, payments: TableInfo | None) -> Tiles:
    """How payments do: their latency, else their states."""
    if payments is None:
        return []
    slow = facts.reading(payments, facts.latency(payments), Aggregation.P95)
    if slow is not None:
        return tile("line", "Payment latency, p95", asked(slow), format="duration")
    return tile(
        "donut",
        "Payments by state",
        *[_state(facts, payments, e) for e in facts.states(payments)[:1]],
    )


def product(facts: Facts) -> Tiles:
    """Users and what they do, when and where."""
    events, people = facts.table(EVENTS), facts.table(CUSTOMERS)
    main = events or people
    if main is None:
        return []
    ids = [each for each in facts.columns(main, Role.ID) if each != "id"]
    states = facts.states(main)
    wide = [
        tile("line", f"{main.name} by {label}", asked(facts.changes(main, rate=True), label))
        for label in states[:1]
    ]
    return placed(
        row(
            *[
                tile(
                    "counter",
                    f"Distinct {name}",
                    asked(facts.kind(main, MeasureKind.DISTINCT, name)),
                )
                for name in ids[:2]
            ],
            tile("counter", f"New {main.name}", asked(facts.changes(main)), format="integer"),
            _new(facts, people if people is not main else None, "Sign-ups"),
        ),
        row(
            tile("line", f"{main.name} a minute", asked(facts.changes(main, rate=True)), fill=True),
            *wide,
        ),
        row(
            *[
                tile("top", f"{main.name} by {each}", asked(facts.changes(main), each))
                for each in states[:3]
            ]
        ),
        row(
            tile("heatmap", "When it happens", asked(facts.changes(main))),
            _places(facts, people or main),
        ),
        lists(),
    )


def service(facts: Facts) -> Tiles:
    """Services, their throughput, latency and errors."""
    timed = [(table, facts.latency(table)) for table in facts.busiest() if facts.latency(table)]
    if not timed:
        return []
    rows: list[Tiles] = [row(tile("services", "Services"), h=4)]
    for table, field in timed[:2]:
        readings = [
            asked(facts.reading(table, field, how), label=how.value)
            for how in (Aggregation.P50, Aggregation.P95, Aggregation.P99)
        ]
        faults = facts.columns(table, Role.STATUS, ERROR) + facts.columns(
            table, Role.BOOLEAN, ERROR
        )
        rows.append(
            row(
                tile("line", f"{table.name}: {field}", *readings, format="duration"),
                tile("line", f"{table.name} a minute", asked(facts.changes(table, rate=True))),
                *[
                    tile("donut", f"{table.name} by {e}", _state(facts, table, e))
                    for e in faults[:1]
                ],
            )
        )
        rows.append(row(tile("histogram", f"{table.name}: {field}", readings[0])))
    return placed(*rows, lists())


def database(facts: Facts) -> Tiles:
    """Changes, lag, rows and freshness by table."""
    if not facts.tables:
        return []
    by_op = [facts.changes(table, op) for op in "cud" for table in facts.busiest(1)]
    return placed(
        row(tile("ledger", "What became of every event"), tile("schema", "Schema changes")),
        row(
            tile("line", "Changes", *several(facts, lambda each: facts.changes(each, ""))),
            tile(
                "line",
                "Lag",
                *several(facts, lambda each: facts.kind(each, MeasureKind.LAG)),
                format="duration",
            ),
        ),
        row(
            tile(
                "stats",
                "Rows",
                *several(facts, lambda each: facts.kind(each, MeasureKind.ROWS)),
                format="integer",
            ),
            tile("bar", "Inserts, updates, deletes", *map(asked, by_op), over="time", stack=True),
        ),
        row(
            tile(
                "line",
                "Age of the newest value",
                *several(facts, lambda each: _newest(facts, each)),
                format="duration",
            ),
            tile("quality", "Data quality"),
        ),
        lists(),
    )


def _newest(facts: Facts, table: TableInfo) -> MetricDef | None:
    times = facts.columns(table, Role.TIMESTAMP)
    return facts.kind(table, MeasureKind.NEWEST, times[0]) if times else None


def quality(facts: Facts) -> Tiles:
    """Scores, issues, nulls and freshness by table."""
    if not facts.tables:
        return []
    scores = [each for each in facts.metrics.values() if each.measure is MeasureKind.QUALITY]
    whole = [each for each in scores if each.name == "dq_score"]
    parts = [asked(each, label=each.table) for each in scores if each.table][:MANY]
    return placed(
        row(
            tile("gauge", "Score", *map(asked, whole), goal=100.0, warning=90.0),
            tile("quality", "Tables"),
        ),
        row(
            tile("quality", "Issues", show="issues"),
            tile("line", "Score by table", *parts),
        ),
        row(*[_nulls(facts, table) for table in facts.busiest(3)]),
        row(
            tile(
                "line",
                "Age of the newest value",
                *several(facts, lambda each: _newest(facts, each)),
                format="duration",
            ),
            tile("schema", "Schema changes"),
        ),
    )


def _nulls(facts: Facts, table: TableInfo) -> Tiles:
    shares = [
        asked(facts.kind(table, MeasureKind.NULLS, each.name), label=each.name)
        for each in table.columns
    ]
    return tile("line", f"{table.name}: nulls", *shares[:MANY], format="percent")


def kpi(facts: Facts) -> Tiles:
    """Metrics of users, money and volume of the busiest tables, and what is coming."""
    if not facts.tables:
        return []
    found: list[tuple[str, MetricDef]] = []
    for table in facts.busiest(4):
        adds_up = re.search(f"{ORDERS}|{PAYMENTS}", table.name, re.IGNORECASE)
        money = facts.reading(table, facts.money(table) if adds_up else "", Aggregation.SUM)
        new = facts.changes(table)
        found += [(f"{table.name}: {money.field}", money)] if money else []
        found += [(f"New {table.name}", new)] if new else []
    own = [(each.name, each) for each in facts.metrics.values() if not each.auto]
    chosen = (own + found)[:8]
    counters = [
        tile("counter", title, asked(metric), trend="same_hour_last_week")
        for title, metric in chosen
    ]
    return placed(
        row(*counters[:4]),
        row(*counters[4:]),
        row(*[tile("line", title, asked(metric), band=True) for title, metric in chosen[:2]]),
        row(*[tile("forecast", f"{title}, ahead", asked(metric)) for title, metric in chosen[:2]]),
        row(tile("alerts", "Alerts"), tile("anomalies", "Anomalies")),
    )
