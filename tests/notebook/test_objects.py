"""Tables, metrics and the lab itself: what they hold, how they show themselves, what they ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from datawatch_lab.core.errors import InputError, NotFoundError, WorkspaceError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.metric import Metric, Metrics
from datawatch_lab.notebook.objects import Lab, connect
from datawatch_lab.notebook.objects import open as open_lab
from datawatch_lab.notebook.tables import Table, Tables
from datawatch_lab.service.answers import ColumnAnswer, MetricAnswer, TableAnswer
from datawatch_lab.service.handle import Workspace
from tests.notebook.conftest import HOSTILE, ORDERS, CountingCaller, order

Make = Callable[[Lab], object]

SHOWN: dict[str, Make] = {
    "lab": lambda lab: lab,
    "status": lambda lab: lab.status,
    "tables": lambda lab: lab.tables,
    "metrics": lambda lab: lab.metrics,
    "table": lambda lab: lab.table("orders"),
    "hostile table": lambda lab: lab.table(HOSTILE),
    "columns": lambda lab: lab.table(HOSTILE).columns,
    "metric": lambda lab: lab.metric("orders_amount_sum"),
    "answer": lambda lab: lab.range("orders_amount_sum"),
    "rows": lambda lab: lab.sql("SELECT * FROM live.orders"),
    "hostile rows": lambda lab: lab.table(HOSTILE).head(),
    "no rows": lambda lab: lab.sql("SELECT id FROM live.orders WHERE id < 0"),
    "changes": lambda lab: lab.table("customers").changes(),
    "comparison": lambda lab: lab.metric("orders_amount_sum").compare(step="1m"),
    "comparison by label": lambda lab: lab.metric("orders_amount_sum").compare(by="status"),
    "corrections": lambda lab: lab.corrections("orders_amount_sum"),
    "ledger": lambda lab: lab.ledger(),
    "quarantine": lambda lab: lab.quarantine(),
}
"""Everything that shows itself."""


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_showing_asks_nothing(lab: Lab, caller: CountingCaller, make: Make) -> None:
    """What was asked for shows itself, in HTML and as text, without another call."""
    shown = make(lab)
    caller.calls.clear()
    html, text = shown._repr_html_(), repr(shown)  # type: ignore[attr-defined]  # all have one
    assert html.startswith('<div class="dw-out">')
    assert text.startswith("<")
    assert not caller.calls


@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_html_is_escaped_and_needs_no_script(lab: Lab, make: Make) -> None:
    """Names from data never become elements, and no output has scripts or addresses in it."""
    html = make(lab)._repr_html_()  # type: ignore[attr-defined]  # all have one
    assert "<img" not in html
    assert "<script" not in html
    assert not re.search(r"https?://", html)


def test_a_hostile_name_is_shown_as_text(lab: Lab) -> None:
    """The name of a table stands there as it is spelt, not left out."""
    assert "&lt;img src=x onerror=alert(1)&gt;" in lab.tables._repr_html_()
    assert "&lt;img src=x onerror=alert(1)&gt;" in lab.table(HOSTILE)._repr_html_()


def test_tables_by_name_and_attribute(lab: Lab) -> None:
    """A table is found by its name and as an attribute; names that are no identifiers by name."""
    tables = lab.tables
    assert set(tables) == {"orders", "customers", HOSTILE}
    assert tables.orders is tables["orders"]  # type: ignore[attr-defined]  # set at run time
    assert tables["orders"].rows == ORDERS
    assert tables["orders"].key == ("id",)
    assert HOSTILE in tables
    assert tables.get("nothing") is None
    assert tables._ipython_key_completions_() == list(tables)


def test_an_unknown_name_names_the_nearest(lab: Lab) -> None:
    """A misspelt table or metric is refused with the nearest that there is."""
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        lab.tables["ordres"]
    with pytest.raises(NotFoundError, match="did you mean 'orders_amount_sum'"):
        lab.metrics["orders_amuont_sum"]
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        lab.metrics.of("ordres")


def test_columns_tell_role_reason_and_sensitivity(lab: Lab) -> None:
    """A table shows each column's role with its confidence and reason, and what is masked."""
    customers = lab.table("customers")
    frame = customers.columns.df()
    assert frame.loc["email", "sensitive"]
    assert frame.loc["id", "role"] == "id"
    html = customers._repr_html_()
    assert "sensitive, masked" in html
    assert customers.columns["id"].reason[:20] in html.replace("&#x27;", "'")


def test_metrics_of_a_table_and_search(lab: Lab) -> None:
    """A table knows its metrics; searching looks at names and meanings."""
    own = lab.table("orders").metrics
    assert "orders_amount_sum" in own
    assert all(metric.table == "orders" for metric in own.values())
    assert own.keys() == lab.metrics.of("orders").keys()
    assert "orders_amount_sum" in lab.metrics.search("SUM OF AMOUNT")


def test_frames_of_listings(lab: Lab) -> None:
    """Listings give a frame with a row for each of their things."""
    tables, metrics = lab.tables.df(), lab.metrics.df()
    assert list(tables.index) == list(lab.tables)
    assert tables.loc["orders", "rows"] == ORDERS
    assert isinstance(tables["last_event"].dtype, pd.DatetimeTZDtype)
    assert list(metrics.index) == list(lab.metrics)
    assert metrics.loc["orders_amount_sum", "table"] == "orders"


def _many(count: int) -> tuple[Metrics, Tables]:
    columns = [ColumnAnswer(f"c{n}", "text", "text", 0.5, "why", False) for n in range(count)]
    raws = [TableAnswer(f"t{n}", None, [], columns) for n in range(count)]
    metrics = Metrics(
        {
            f"m{n}": Metric(
                Workspace.__new__(Workspace),
                MetricAnswer(f"m{n}", f"t{n % 70}", "", "counter", "1", [], True, "a metric"),
            )
            for n in range(count)
        }
    )
    return metrics, Tables({raw.name: Table(raw, Lab.__new__(Lab)) for raw in raws})


def test_displays_are_bounded() -> None:
    """However much there is, fifty rows are shown, and how many more there are."""
    metrics, tables = _many(500)
    for shown in (metrics, tables, tables["t0"]):
        html = shown._repr_html_()
        assert html.count("<tr>") <= 2 * markup.SHOWN + 1
        assert "more" in html
        assert len(html) < 60_000
    assert "450 more" in tables._repr_html_()
    assert len(repr(tables).splitlines()) < 30


def test_names_are_asked_for_once_while_they_are_fresh(lab: Lab, caller: CountingCaller) -> None:
    """Completion looks at names at every key; within two seconds they are asked for once."""
    for _ in range(5):
        assert "orders_amount_sum" in lab.metrics
    assert caller.calls == ["list_metrics"]


def test_own_writes_are_seen_at_once(fresh: Lab) -> None:
    """After events were posted, their table is there without waiting."""
    assert not fresh.tables
    fresh.post(order(1))
    assert "orders" in fresh.tables
    assert "orders_amount_sum" in fresh.metrics


def test_a_file_is_read_once(fresh: Lab, tmp_path: Path) -> None:
    """Reading a file gives its account; the same file again brings duplicates only."""
    import json

    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(json.dumps(order(n)) for n in range(9)) + "\nnonsense\n")
    first = fresh.ingest(file, progress=False)
    assert (first.counts.received, first.counts.applied, first.counts.quarantined) == (10, 9, 1)
    again = fresh.ingest(file, progress=False)
    assert (again.counts.duplicate, again.counts.applied) == (10, 0)
    assert "10 received = 9 applied" in repr(first)
    assert fresh.ledger().balanced


def test_a_closed_lab_says_so(tmp_path: Path) -> None:
    """Closing twice does no harm; questions after it are refused in words."""
    lab = open_lab(tmp_path / "w.duckdb")
    lab.close()
    lab.close()
    assert "(closed)" in repr(lab)
    with pytest.raises(WorkspaceError, match="closed"):
        _ = lab.status


def test_a_workspace_nobody_holds_is_released(tmp_path: Path) -> None:
    """A lab that was dropped without closing frees its file; a metric that is kept holds it."""
    import gc

    path = tmp_path / "w.duckdb"
    lab = open_lab(path)
    lab.post(order(1))
    metric = lab.metric("orders_amount_sum")
    del lab
    gc.collect()
    assert metric.value(start="2026-01-05T00:00:00Z", end="2026-01-06T00:00:00Z") == 1.0
    del metric
    gc.collect()
    with open_lab(path) as again:
        assert "orders" in again.tables


def test_looking_creates_no_file(tmp_path: Path) -> None:
    """With ``create=False`` a missing workspace is an error and stays missing."""
    with pytest.raises(WorkspaceError):
        open_lab(tmp_path / "nothing.duckdb", create=False)
    assert not list(tmp_path.iterdir())


def test_an_address_is_told_from_a_file() -> None:
    """`connect` refuses what is no address and points at `open`."""
    with pytest.raises(InputError, match=r"open\(path\)"):
        connect("shop.duckdb")


def test_objects_load_no_plotting() -> None:
    """Opening, listing and showing load neither panel nor holoviews nor bokeh."""
    import subprocess
    import sys

    code = (
        "import sys, tempfile, datawatch_lab as dw\n"
        "with tempfile.TemporaryDirectory() as d, dw.open(d + '/w.duckdb') as lab:\n"
        "    lab.tables._repr_html_(), lab.metrics._repr_html_(), lab._repr_html_()\n"
        "print(sorted({'panel', 'holoviews', 'bokeh', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]"


def test_a_column_is_corrected_in_place(tmp_path: Path) -> None:
    """The table that was asked shows the new role; its metrics follow; a reset takes it back."""
    with open_lab(tmp_path / "w.duckdb") as lab:
        for number in range(30):
            lab.post(order(number))
        table = lab.table("orders")
        assert "orders_by_status" in table.metrics
        assert table.correct("status", role="text", sensitive=True) is table
        assert (table.columns["status"].role, table.columns["status"].sensitive) == ("text", True)
        assert "orders_by_status" not in lab.table("orders").metrics
        assert table.correct("status", reset=True).columns["status"].role == "status"
        with pytest.raises(NotFoundError, match="no role 'txt'; did you mean 'text'"):
            table.correct("status", role="txt")
        with pytest.raises(NotFoundError, match="did you mean 'status'"):
            table.correct("statu", role="text")
        with pytest.raises(InputError, match="nothing to set"):
            table.correct("status")
        with pytest.raises(InputError, match="neither role nor sensitive"):
            table.correct("status", role="text", reset=True)


def test_a_key_says_who_named_it(lab: Lab) -> None:
    """In the listing, as text and as HTML."""
    assert lab.table("orders").key_from == "inferred"
    assert "id (inferred)" in repr(lab.tables)
    assert "key id (inferred)" in lab.table("orders")._repr_html_()
