"""Rows of SQL, of live tables and of changes: what they hold, how they show themselves."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.rows import Rows
from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn
from datawatch_lab.views.format import escape
from tests.notebook.conftest import HOSTILE, ORDERS, START, event, order

HOUR = timedelta(hours=1)


def test_rows_are_like_a_frame(lab: Lab) -> None:
    """Length, shape, columns and their types, a column by name, completion of names."""
    rows = lab.sql("SELECT id, amount, status FROM live.orders ORDER BY id")
    assert (len(rows), rows.shape) == (ORDERS, (ORDERS, 3))
    assert list(rows) == rows.columns == rows._ipython_key_completions_()
    assert rows.types == {"id": "integer", "amount": "number", "status": "text"}
    assert rows["id"].tolist() == list(range(ORDERS))
    assert isinstance(rows.df(), pd.DataFrame)
    assert rows.dicts()[1] == {"id": 1, "amount": 1.0, "status": "paid"}
    with pytest.raises(NotFoundError, match="did you mean 'status'"):
        rows["statsu"]


def test_what_reads_arrow_reads_rows(lab: Lab) -> None:
    """Both polars and pyarrow take them as they are."""
    rows = lab.sql("SELECT id, amount FROM live.orders ORDER BY id")
    assert pl.DataFrame(rows).equals(rows.polars())
    assert pa.table(rows).column("id").to_pylist() == list(range(ORDERS))


def test_a_single_value(lab: Lab) -> None:
    """Of one row with one column; of anything else it is refused."""
    assert lab.sql("SELECT count(*) FROM live.orders").value() == ORDERS
    paid = lab.sql("SELECT count(*) FROM live.orders WHERE status = 'paid'").value()
    named = "SELECT count(*) FROM live.orders WHERE status = $status"
    assert lab.sql(named, parameters={"status": "paid"}).value() == paid
    with pytest.raises(InputError, match="2 rows, 1 column are no single value"):
        lab.sql("SELECT id FROM live.orders LIMIT 2").value()


def test_a_cut_answer_says_so(lab: Lab) -> None:
    """In HTML and as text, with the limit."""
    rows = lab.sql("SELECT id FROM live.orders", limit=5)
    assert rows.truncated
    assert "there is more" in rows._repr_html_()
    assert "cut" in repr(rows)


def test_displays_of_rows_are_bounded() -> None:
    """Fifty rows are shown, long values are cut, and both are told."""
    values: list[list[Any]] = [[number, "x" * 5_000, None, [1, 2]] for number in range(1_000)]
    kinds = (("n", "integer"), ("text", "text"), ("none", "null"), ("list", "list"))
    rows = Rows(SqlAnswer([SqlColumn(*each) for each in kinds], values, False, 1.0))
    html = rows._repr_html_()
    assert html.count("<tr>") == markup.SHOWN + 1
    assert "950 more" in html
    assert len(html) < 30_000
    assert len(repr(rows)) < 10_000


def test_live_rows_of_a_table(lab: Lab) -> None:
    """A condition, an order and a limit; what is wrong in them is named."""
    orders = lab.table("orders")
    top = orders.live(2, where="status = 'paid' -- only", order="amount DESC")
    assert top["id"].tolist() == [59, 58]
    assert len(orders.live()) == ORDERS
    assert len(orders.head()) == 10
    assert "live.orders" in top._repr_html_()
    with pytest.raises(NotFoundError, match="did you mean 'status'"):
        orders.live(where="statsu = 'paid'")
    with pytest.raises(InputError):
        orders.live(where="true) UNION SELECT 1 --")


def test_personal_values_are_masked(lab: Lab) -> None:
    """In live rows and in changes, unless the owner asks for them."""
    customers = lab.table("customers")
    for rows in (customers.live(), customers.head(), customers.changes()):
        assert set(rows["email"]) == {"•••"}
        assert "customers.email" in rows.masked
        assert "ana" not in rows._repr_html_().lower()
        assert "ana" not in repr(rows).lower()
    assert "ana7@example.com" in set(customers.live(masked=False)["email"])


def test_changes_come_newest_first(fresh: Lab) -> None:
    """With what happened and the row before."""
    for number in range(30):  # so many that the key shows
        fresh.post(order(number))
    update = event(99, "orders", {"id": 1, "status": "refunded"}, START + HOUR) | {
        "operation": "UPDATE",
        "before": {"id": 1, "status": "paid"},
    }
    fresh.post(update)
    changes = fresh.table("orders").changes(where="id = 1")
    assert changes["_op"].tolist() == ["u", "c"]
    assert json.loads(changes["_before"][0])["status"] == "paid"
    assert fresh.table("orders").live(where="id = 1")["status"].tolist() == ["refunded"]


def test_names_that_sql_must_quote(lab: Lab) -> None:
    """A name with signs in it is found, and its card says how to write it."""
    assert len(lab.table(HOSTILE).live()) == 3
    assert escape(f'live."{HOSTILE}"') in lab.table(HOSTILE)._repr_html_()


def test_names_that_differ_by_case(fresh: Lab) -> None:
    """SQL ignores case, yet each of two such tables gives its own rows."""
    fresh.post([event(n, "Orders", {"id": n, "kind": "big"}, START) for n in range(3)])
    fresh.post([event(n, "orders", {"id": n, "kind": "small"}, START) for n in range(5)])
    assert set(fresh.table("Orders").live()["kind"]) == {"big"}
    assert set(fresh.table("orders").live()["kind"]) == {"small"}
    assert len(fresh.table("orders").changes()) == 5
