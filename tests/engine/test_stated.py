"""Keys, types, roles and masks that are stated: by a user, by the configuration, by the source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.core.batches import Declared
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.core.settings import Settings, TableSettings
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.engine import Engine
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.engine.transfer import pack, unpack
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES = ("open", "paid", "sent")
Open = Callable[..., Engine]


def order(number: int, op: str = "INSERT", **row: Any) -> bytes:
    """Order n in one of three states, at second n of the last half hour; amount n."""
    after = {"id": number, "line": number % 4, "state": STATES[number % 3], "amount": number}
    event = {
        "id": f"e{number}{op}",
        "table": "orders",
        "operation": op,
        "timestamp": (NOW - timedelta(minutes=30) + timedelta(seconds=number)).isoformat(),
        "after": after | row,
    }
    return json.dumps(event).encode()


def take(engine: Engine, events: Sequence[bytes], declared: Declared | None = None) -> None:
    """Submit events, with what the source declares of their table, and wait."""
    batch = decode(list(events), list(range(len(events))), [-1] * len(events), source="test")
    told = {} if declared is None else {("", "orders"): declared}
    engine.submit(replace(batch, declared=told)).result()


def values(engine: Engine, metric: str, **how: Any) -> dict[str, float | None]:
    """The values of a metric over the last hour, by label."""
    request = QueryRequest(metric, start="-1h", end="now+1h", stepped=False, **how)
    return {str(sorted(each.labels.items())): each.value for each in run(engine, request).series}


def everything(engine: Engine) -> dict[str, Any]:
    """Every metric of the orders with its values, in total and by each of its labels."""
    found: dict[str, Any] = {}
    for name, metric in engine.metrics().items():
        if metric.table == "orders" and not name.endswith("_lag_seconds"):
            found[name] = [
                values(engine, name, group_by=(label,) if label else ())
                for label in ("", *metric.labels)
            ]
    return found


def orders(engine: Engine) -> TableInfo:
    """The table."""
    return engine.table("orders")


def column(engine: Engine, name: str) -> Column:
    """A column of the orders."""
    found = orders(engine).column(name)
    assert found is not None
    return found


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the workspace, again after closing what it opened before."""
    made: list[Engine] = []

    def start(name: str = "w", **tables: TableSettings) -> Engine:
        for each in made:
            each.close()
        made.clear()
        settings = Settings(tables=tables, role_sample=40)
        made.append(
            Engine.open(tmp_path / f"{name}.duckdb", settings=settings, clock=ManualClock(NOW))
        )
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_a_declared_key_wins_over_an_inferred_one(opened: Open) -> None:
    """Also one of several columns, with its types; both outlive a restart and more rows."""
    engine = opened()
    take(engine, [order(n) for n in range(30)])
    assert (orders(engine).key, orders(engine).key_from) == (("id",), "inferred")
    told = Declared(key=("id", "line"), types={"amount": "number"})
    take(engine, [order(n) for n in range(30, 35)], told)
    for restarted in (False, True):
        again = opened() if restarted else engine
        assert (orders(again).key, orders(again).key_from) == (("id", "line"), "source")
        assert column(again, "amount").type == "number"
        assert column(again, "line").role is Role.ID
    engine = opened()
    take(engine, [order(n) for n in range(35, 60)])
    assert orders(engine).key == ("id", "line")
    assert values(engine, "orders_rows") == {"[]": 60}


def test_a_source_may_say_that_there_is_no_key(opened: Open) -> None:
    """Then the table is append-only although its ids are unique, and has no current state."""
    engine = opened()
    take(engine, [order(n) for n in range(30)])
    assert "orders_rows" in engine.metrics()
    take(engine, [order(30)], Declared(key=()))
    assert (orders(engine).key, orders(engine).key_from) == ((), "source")
    assert not {"orders_rows", "orders_by_state", "orders_amount_net_sum"} & set(engine.metrics())
    assert values(engine, "orders_amount_sum") == {"[]": sum(range(31))}


def test_a_column_that_the_source_dropped_is_shown_no_more(opened: Open) -> None:
    """It leaves the live table, also after a restart; when it is there again, so is the column."""
    engine = opened()
    types = dict.fromkeys(msgspec.json.decode(order(1))["after"], "text")
    take(engine, [order(n) for n in range(30)], Declared(key=("id",), types=types, whole=True))
    fewer = {name: kind for name, kind in types.items() if name != "amount"}
    for told, shown in ((types, True), (fewer, False), (None, False), (types, True)):
        declared = None if told is None else Declared(types=told, whole=True)
        take(engine, [order(30)], declared)
        if told is None:
            engine = opened()
        columns = engine.sql("SELECT * FROM live.orders LIMIT 1").table.column_names
        assert ("amount" in columns) is shown


def test_the_configuration_wins_over_the_source(opened: Open) -> None:
    """From when it says so until it no longer does; what the source said is not forgotten."""
    engine = opened()
    take(engine, [order(n) for n in range(30)], Declared(key=("id", "line")))
    engine = opened(orders=TableSettings(key=("id",), roles={"state": Role.TEXT}))
    assert (orders(engine).key, orders(engine).key_from) == (("id",), "config")
    assert (column(engine, "state").role, column(engine, "state").corrected_by) == (
        Role.TEXT,
        "config",
    )
    assert "orders_by_state" not in engine.metrics()
    take(engine, [order(30)], Declared(key=("line",)))
    assert orders(engine).key == ("id",)
    assert values(engine, "orders_rows") == {"[]": 31}
    engine = opened()
    assert (orders(engine).key, orders(engine).key_from) == (("line",), "source")
    assert column(engine, "state").role is Role.STATUS
    assert values(engine, "orders_rows") == {"[]": 4}


def test_an_unchanged_configuration_stores_nothing(opened: Open) -> None:
    """Opening with what held before is no change."""
    says = TableSettings(key=("id",), roles={"state": Role.TEXT}, sensitive=("amount",))
    engine = opened(orders=says)
    take(engine, [order(n) for n in range(30)])
    version = engine.version
    assert opened(orders=says).version == version


def test_a_corrected_role_holds(opened: Open) -> None:
    """Over new rows that say otherwise, and over restarts; its metrics go and others come."""
    engine = opened()
    take(engine, [order(n) for n in range(20)])
    assert engine.correct("orders", "state", role=Role.TEXT).confidence == 1
    assert "orders_by_state" not in engine.metrics()
    take(engine, [order(n) for n in range(20, 60)])
    for restarted in (False, True):
        again = opened() if restarted else engine
        found = column(again, "state")
        assert (found.role, found.corrected_by, found.reason) == (
            Role.TEXT,
            "user",
            "Set by a user.",
        )
        assert "orders_by_state" not in again.metrics()
        assert values(again, "orders_inserts_total") == {"[]": 60}


@pytest.mark.parametrize(
    ("name", "role", "at"),
    [
        ("line", Role.STATUS, 25),
        ("line", Role.ID, 0),
        ("state", Role.TEXT, 25),
        ("state", Role.TEXT, 58),
        ("amount", Role.BOOLEAN, 25),
    ],
)
def test_when_a_role_is_corrected_makes_no_difference(
    opened: Open, name: str, role: Role, at: int
) -> None:
    """Corrected at any time, every metric says what it would had the role held from the start."""
    engine = opened("early", orders=TableSettings(roles={name: role}))
    changes = [order(n) for n in range(50)] + [order(n, "UPDATE", amount=7) for n in range(9)]
    take(engine, changes)
    wanted = everything(engine)
    engine = opened("late")
    take(engine, changes[: at + 1])
    engine.correct("orders", name, role=role)
    if at + 1 < len(changes):
        take(engine, changes[at + 1 :])
    assert everything(engine) == wanted
    assert everything(opened("late")) == wanted


def test_reset_gives_the_inferred_role_back(opened: Open) -> None:
    """With the same metrics and values as before the correction."""
    engine = opened()
    take(engine, [order(n) for n in range(50)])
    before, info = everything(engine), orders(engine)
    engine.correct("orders", "state", role=Role.TEXT, sensitive=True)
    assert everything(engine) != before
    engine.correct("orders", "state", reset=True)
    assert everything(engine) == before
    assert orders(engine) == info
    assert everything(opened()) == before


def test_a_user_stands_before_the_configuration(opened: Open) -> None:
    """For what the user set; the rest, and all after a reset, is the configuration's."""
    says = TableSettings(roles={"state": Role.TEXT}, sensitive=("state",))
    engine = opened(orders=says)
    take(engine, [order(n) for n in range(30)])
    engine.correct("orders", "state", role=Role.ID)
    found = column(engine, "state")
    assert (found.role, found.sensitive, found.corrected_by) == (Role.ID, True, "user")
    engine.correct("orders", "state", sensitive=False)
    found = column(opened(orders=says), "state")
    assert (found.role, found.sensitive) == (Role.ID, False)
    engine = opened(orders=says)
    engine.correct("orders", "state", reset=True)
    found = column(engine, "state")
    assert (found.role, found.sensitive, found.corrected_by) == (Role.TEXT, True, "config")


def test_unknown_names_are_refused(opened: Open) -> None:
    """With the nearest; nothing is stored."""
    engine = opened()
    take(engine, [order(n) for n in range(5)])
    version = engine.version
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        engine.correct("order", "state", role=Role.TEXT)
    with pytest.raises(NotFoundError, match="orders: no column 'stat'; did you mean 'state'"):
        engine.correct("orders", "stat", role=Role.TEXT)
    assert engine.version == version


def test_what_a_source_declares_reaches_another_process() -> None:
    """A packed batch keeps keys, types and whether its changes come in order."""
    batch = decode([order(1)], [1], [-1], source="test")
    told = {
        ("public", "orders"): Declared(key=("id",), types={"id": "integer"}),
        ("public", "log"): Declared(key=()),
        ("", "other"): Declared(types={"a": "text"}, whole=True),
    }
    sent = replace(batch, declared=told, ordered=True)
    found = unpack(pack(sent))
    assert (found.declared, found.ordered) == (told, True)
