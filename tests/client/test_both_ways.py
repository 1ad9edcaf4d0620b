"""``dw.open(path)`` and ``dw.connect(url)`` give the same object: same methods, same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

import datawatch_lab as dw
from datawatch_lab.client import Client
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.notebook.lab import Lab
from datawatch_lab.service.handle import Workspace, connect
from datawatch_lab.service.operations import OPERATIONS
from tests.client.conftest import TOKEN, Live, serve

EVENTS = [
    {
        "id": f"evt-{number}",
        "type": "INSERT",
        "table": "orders",
        "timestamp": f"2026-01-01T12:{number:02}:00Z",
        "after": {
            "id": 2**60 + number,
            "amount": "12345678901234567890.12",
            "status": "paid" if number % 2 else "new",
            "email": f"u{number}@example.com",
            "made_at": f"2026-01-01T12:{number:02}:00.123456Z",
        },
    }
    for number in range(12)
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A served workspace with orders, a bad event and a metric of its own."""
    path: Path = tmp_path_factory.mktemp("both") / "w.duckdb"
    found = serve(path)
    with found.workspace as here:
        here.post(msgspec.json.encode([*EVENTS, {"type": "BOGUS", "table": "orders"}]))
        here.define_metric("paid", table="orders", filter="status = 'paid'")
        yield found
        found.server.stop()


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, shop: Live) -> Iterator[Workspace]:
    """The same workspace, in this process and through its server."""
    if request.param == "local":
        yield shop.workspace
        return
    with connect(shop.address, TOKEN) as far:
        yield far


SPAN: dict[str, Any] = {"start": "2026-01-01T12:00:00Z", "end": "2026-01-01T12:12:00Z"}
QUESTIONS: dict[str, Callable[[Workspace], Any]] = {
    "tables": lambda lab: lab.tables(),
    "one table": lambda lab: lab.table("orders"),
    "metrics": lambda lab: lab.metrics("orders"),
    "metrics by word": lambda lab: lab.metrics(search="amount"),
    "metric": lambda lab: lab.metric("paid"),
    "query": lambda lab: lab.query("orders_amount_sum", **SPAN),
    "range": lambda lab: lab.range("orders_by_status", step="5m", group_by="status", **SPAN),
    "compared": lambda lab: lab.query("paid", compare="previous_period", **SPAN),
    "filters": lambda lab: lab.range("orders_by_status", filters=["status=paid"], **SPAN),
    "corrections": lambda lab: lab.corrections("orders_amount_sum", **SPAN),
    "retention": lambda lab: lab.retention(),
    "sources": lambda lab: lab.sources(),
    "ledger": lambda lab: lab.ledger(),
    "quarantine": lambda lab: lab.quarantine(limit=5),
    "offset": lambda lab: lab.offset("file:none"),
    "sql": lambda lab: _timeless(lab.sql("select * from live.orders order by id", 5)),
    "sql types": lambda lab: _timeless(
        lab.sql(
            "select 1::hugeint << 100 as huge, 1.50::decimal(9,2) as money, 'nan'::double as nan, "
            "timestamptz '2026-01-01 00:00:00.000001+00' as at, date '2026-01-02' as day, "
            "interval 3 months as span, [1, 2] as list, {'a': 1} as pair, null as none"
        )
    ),
    "watermarks": lambda lab: [each.table for each in lab.watermarks()],
    "status": lambda lab: (lab.status().events, lab.status().quarantined, lab.status().workspace),
    "health": lambda lab: lab.health().status,
    "range table": lambda lab: lab.range_query_table("orders_by_status", **SPAN),
    "query table": lambda lab: lab.query_table("orders_amount_sum", **SPAN),
    "sql table": lambda lab: lab.sql_table(
        "select id, amount, made_at::timestamptz as at, 7::hugeint as h "
        "from live.orders order by id"
    ),
    "correct": lambda lab: lab.correct("orders", "email", sensitive=True),
    "take back": lambda lab: lab.correct("orders", "email", reset=True),
    "change metric": lambda lab: lab.change_metric("paid", table="orders", filter="status = 'new'"),
    "replay": lambda lab: lab.replay([10_000]).tried,
    "post": lambda lab: lab.post(msgspec.json.encode(EVENTS[0])).duplicate,
}
"""What is asked of both; the answers must be equal, types included."""


def _timeless(answer: Any) -> Any:
    return msgspec.structs.replace(answer, elapsed_ms=0.0)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_the_same(name: str, shop: Live) -> None:
    """Asked here and through the server, a question has one answer, or one error."""
    with connect(shop.address, TOKEN) as far:
        near_answer, far_answer = _ask(name, shop.workspace), _ask(name, far)
    assert type(near_answer) is type(far_answer)
    if isinstance(near_answer, pa.Table):
        assert near_answer.schema == far_answer.schema
        assert near_answer.equals(far_answer)
    else:
        assert near_answer == far_answer


def _ask(name: str, workspace: Workspace) -> Any:
    try:
        return QUESTIONS[name](workspace)
    except DataWatchError as error:
        return (type(error), error.message, error.hint, error.code, error.status)


WRONG: dict[str, Callable[[Workspace], Any]] = {
    "table": lambda lab: lab.table("ordres"),
    "metric": lambda lab: lab.query("orders_amuont_sum"),
    "time": lambda lab: lab.query("paid", start="yesterdayish"),
    "sql": lambda lab: lab.sql("drop table orders"),
    "name in sql": lambda lab: lab.sql("select * from live.ordres"),
    "definition": lambda lab: lab.define_metric("paid"),
    "correction": lambda lab: lab.correct("orders", "email"),
    "source": lambda lab: lab.unwatch("nowhere"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_error_is_the_same(name: str, shop: Live) -> None:
    """Class, sentence, hint, code and details of an error do not depend on where it happens."""
    found = []
    with connect(shop.address, TOKEN) as far:
        for workspace in (shop.workspace, far):
            with pytest.raises(DataWatchError) as caught:
                WRONG[name](workspace)
            error = caught.value
            details = msgspec.json.decode(msgspec.json.encode(error.details, enc_hook=str))
            found.append((type(error), error.message, error.hint, error.code, details))
    assert found[0] == found[1]


def test_every_operation_is_a_method(workspace: Workspace) -> None:
    """Near and far, by its name; so a new operation needs nothing here."""
    for each in OPERATIONS:
        assert callable(getattr(workspace, each.name))
        assert each.name in dir(workspace)


def test_arrow_keeps_what_json_cannot(workspace: Workspace) -> None:
    """Decimals, microseconds, integers of any size and NaN come with their types."""
    table = workspace.sql_table(
        "select 123456789012345678901234567890::hugeint as huge, 1.50::decimal(9, 2) as money, "
        "'nan'::double as nan, timestamptz '2026-01-01 00:00:00.000001+00' as at"
    )
    assert table.schema.types[:3] == [pa.decimal128(38, 0), pa.decimal128(9, 2), pa.float64()]
    (row,) = table.to_pylist()
    assert int(row["huge"]) == 123456789012345678901234567890
    assert row["nan"] != row["nan"]
    assert row["at"] == datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_a_lab_is_the_same_object_both_ways(shop: Live) -> None:
    """The notebook's object over a server has the rows, frames and metrics of the local one."""
    near = Lab(shop.workspace)
    with dw.connect(f"{shop.address}?token={TOKEN}") as far:
        query = "select id, amount, status from live.orders order by id"
        assert near.sql(query).df().equals(far.sql(query).df())
        assert near.sql(query).polars().equals(far.sql(query).polars())
        assert list(near.metrics) == list(far.metrics)


def test_a_client_answers_as_the_workspace_does(shop: Live) -> None:
    """The SDK's methods are those of the same declarations."""
    with Client(shop.address, TOKEN) as client:
        assert client.ledger() == shop.workspace.ledger()
        assert client.query("paid", **SPAN) == shop.workspace.query("paid", **SPAN)
        assert client.sql_table("select 1 as one").column("one").to_pylist() == [1]
