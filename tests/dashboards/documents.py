"""Documents and facts for tests of dashboards."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from datawatch_lab.core.dashboards import (
    COMPARISONS,
    LAYERS,
    REFRESH,
    THEMES,
    TILE_KINDS,
    Dashboard,
    Note,
    Tile,
    TileKind,
    TileQuery,
    Variable,
)
from datawatch_lab.core.dashboards.kinds import Option
from datawatch_lab.core.values import Aggregation, Column, MeasureKind, MetricDef, Role, TableInfo
from datawatch_lab.dashboards.facts import Facts

_LETTERS = string.ascii_letters + string.digits + " _-:#'\"{}[]$%&*!|>@`äß漢😀\\,./?<"
WORDS = st.text(_LETTERS, min_size=1, max_size=20).map(str.strip).filter(bool)
ONE_LINE = WORDS.map(lambda each: " ".join(each.split())).filter(bool)
NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
LONG = st.lists(WORDS, min_size=1, max_size=4).map("\n".join).map(str.strip).filter(bool)
SPANS = st.sampled_from(["5m", "1h", "1h30m", "1d", "7d"])


def _value(option: Option) -> st.SearchStrategy[Any]:
    low = int(option.low) if option.low is not None else 0
    high = int(option.high) if option.high is not None else 100
    return {
        "flag": st.booleans(),
        "integer": st.integers(low, high),
        "number": st.floats(option.low or -1e9, option.high or 1e9),
        "text": WORDS,
        "choice": st.sampled_from(option.choices or ("",)),
        "texts": st.lists(NAMES, max_size=3),
    }[option.type]


@st.composite
def queries(draw: st.DrawFn, kind: TileKind) -> TileQuery:
    """A query that a kind may ask."""
    about = draw(st.sampled_from(kind.asks))
    if about == "sql":
        return TileQuery(sql=draw(WORDS))
    if about == "table":
        return TileQuery(table=draw(WORDS))
    filters = st.dictionaries(NAMES, st.one_of(WORDS, st.lists(WORDS, max_size=2).map(tuple)))
    return TileQuery(
        metric=draw(NAMES),
        aggregation=draw(st.sampled_from(["", *map(str, Aggregation)])),
        by=tuple(draw(st.lists(NAMES, max_size=2))),
        filters=dict(sorted(draw(filters).items())),
        step=draw(st.sampled_from(["", "1m", "1w", "1mo", "1h30m"])),
        compare=draw(st.sampled_from(["", *COMPARISONS])),
        label=draw(st.one_of(st.just(""), ONE_LINE)),
    )


@st.composite
def tiles(draw: st.DrawFn) -> Tile:
    """A tile of any kind, as a reader gives it."""
    kind = TILE_KINDS[draw(st.sampled_from(sorted(TILE_KINDS)))]
    many = {"none": (0, 0), "maybe": (0, 1), "one": (1, 1), "many": (1, 3)}[kind.needs]
    asked = draw(st.lists(queries(kind), min_size=many[0], max_size=many[1])) if many[1] else []
    options = {
        each.name: value
        for each in sorted(kind.options, key=lambda each: each.name)
        if draw(st.booleans()) and (value := draw(_value(each))) != each.default
    }
    w = draw(st.integers(1, 12))
    is_placed = draw(st.booleans())
    return Tile(
        kind=kind.name,
        title=draw(st.one_of(st.just(""), ONE_LINE)),
        query=asked[0] if asked else None,
        queries=tuple(asked[1:]),
        x=draw(st.integers(0, 12 - w)) if is_placed else -1,
        y=draw(st.integers(0, 30)) if is_placed else -1,
        w=w,
        h=draw(st.integers(1, 8)),
        window=draw(st.one_of(st.none(), SPANS)),
        options=options,
        note=draw(st.one_of(st.just(""), LONG)),
    )


@st.composite
def variables(draw: st.DrawFn) -> Variable:
    """A variable, with choices of its own or of a label."""
    name = draw(NAMES)
    default = draw(st.one_of(NAMES, st.just(""), st.lists(NAMES, min_size=1).map(tuple)))
    if draw(st.booleans()):
        values = tuple(draw(st.lists(WORDS, min_size=1, max_size=4)))
        return Variable(name=name, values=values, multi=draw(st.booleans()), default=default)
    return Variable(name=name, metric=draw(NAMES), label=draw(NAMES), default=default)


TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 — made UTC
    lambda each: each.replace(tzinfo=UTC)
)


@st.composite
def dashboards(draw: st.DrawFn) -> Dashboard:
    """Any dashboard, as a reader gives it."""
    named = draw(st.lists(variables(), max_size=3, unique_by=lambda each: each.name))
    notes = draw(st.lists(st.builds(Note, at=TIMES, text=WORDS), max_size=2))
    return Dashboard(
        name=draw(ONE_LINE),
        description=draw(st.one_of(st.just(""), LONG)),
        tiles=tuple(draw(st.lists(tiles(), max_size=5))),
        variables=tuple(named),
        filters=dict(sorted(draw(st.dictionaries(NAMES, WORDS, max_size=2)).items())),
        time_range=draw(st.sampled_from(["auto", "today", "24h", "-7d/now", "-2d/-1d"])),
        refresh=draw(st.sampled_from(REFRESH)),
        theme=draw(st.sampled_from(THEMES)),
        annotations=tuple(draw(st.lists(st.sampled_from(LAYERS), unique=True))),
        notes=tuple(notes),
        is_public=draw(st.booleans()),
        id=draw(st.one_of(st.just(""), st.uuids().map(str))),
    )


def _metrics(table: str, fields: dict[str, Role]) -> list[MetricDef]:
    labels = tuple(name for name, role in fields.items() if role is Role.STATUS)

    def metric(name: str, kind: MeasureKind, how: str, field: str = "", **more: Any) -> MetricDef:
        given = {"labels": (), "kind": "gauge", "unit": "1", "auto": True, **more}
        return MetricDef(
            name=f"{table}_{name}",
            table=table,
            field=field,
            description="",
            measure=kind,
            aggregation=Aggregation(how),
            **given,
        )

    found = [metric("total", MeasureKind.CHANGES, "sum", labels=("op", *labels))]
    for op, word in (("c", "created"), ("u", "updated"), ("d", "deleted")):
        rate = metric(f"{word}_rate", MeasureKind.CHANGES, "rate", op=op, labels=labels)
        found += [metric(f"{word}_n", MeasureKind.CHANGES, "sum", op=op, labels=labels), rate]
    found += [metric("rows", MeasureKind.ROWS, "last"), metric("lag", MeasureKind.LAG, "avg")]
    for name, role in fields.items():
        found.append(metric(f"{name}_null", MeasureKind.NULLS, "avg", name, unit="ratio"))
        if role is Role.NUMERIC:
            unit = "ms" if name.endswith("_ms") else ""
            found += [
                metric(f"{name}_{how}", MeasureKind.VALUE, how, name, labels=labels, unit=unit)
                for how in ("sum", "avg", "p50", "p95", "p99")
            ]
        elif role is Role.STATUS:
            found.append(metric(f"by_{name}", MeasureKind.STATE, "last", name, labels=(name,)))
        elif role is Role.ID:
            found.append(metric(f"{name}_distinct", MeasureKind.DISTINCT, "distinct", name))
        elif role is Role.TIMESTAMP:
            found.append(metric(f"{name}_age", MeasureKind.NEWEST, "last", name, unit="s"))
    return found


def facts(**tables: dict[str, Role]) -> Facts:
    """What a workspace with these tables has; the first one is the busiest."""
    infos = tuple(
        TableInfo(
            id=number,
            schema="",
            table=name,
            name=name,
            columns=tuple(Column(name=each, role=role) for each, role in fields.items()),
        )
        for number, (name, fields) in enumerate(tables.items())
    )
    metrics = [each for name, fields in tables.items() for each in _metrics(name, fields)]
    events = {name: 1000 - number for number, name in enumerate(tables)}
    return Facts(infos, {each.name: each for each in metrics}, events)


ORDERS = {
    "id": Role.ID,
    "customer_id": Role.ID,
    "amount": Role.NUMERIC,
    "quantity": Role.NUMERIC,
    "status": Role.STATUS,
    "channel": Role.STATUS,
    "created_at": Role.TIMESTAMP,
}
CUSTOMERS = {"id": Role.ID, "country": Role.STATUS, "created_at": Role.TIMESTAMP}
PAYMENTS = {"id": Role.ID, "latency_ms": Role.NUMERIC, "status": Role.STATUS, "error": Role.STATUS}
SHOP = facts(
    orders=ORDERS, customers=CUSTOMERS, payments=PAYMENTS, products={"price": Role.NUMERIC}
)
