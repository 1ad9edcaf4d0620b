"""SQL in a cell: a data frame of it, its options, its errors, its completion."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from datawatch_lab.notebook.frames import pandas_frame, polars_frame
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.objects import open as open_lab
from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn
from tests.notebook.conftest import lines


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension, and a workspace with orders and customers as the default."""
    path = tmp_path / "w.duckdb"
    with open_lab(path) as lab:
        lab.workspace.post(("\n".join(lines()) + "\n").encode())
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(path))
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    found = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path / "ipython"))
    found.run_line_magic("load_ext", "datawatch_lab")
    yield found
    found.run_line_magic("unload_ext", "datawatch_lab")
    for each in [*found.user_ns.values()]:
        if isinstance(each, Lab):
            each.close()
    atexit.unregister(found.atexit_operations)
    found.atexit_operations()  # type: ignore[no-untyped-call]
    InteractiveShell.clear_instance()


def _run(shell: InteractiveShell, cell: str) -> Any:
    done: Any = shell.run_cell(cell, store_history=False)  # type: ignore[no-untyped-call]
    done.raise_error()
    return done.result


def test_a_cell_names_variables_of_the_notebook(shell: InteractiveShell) -> None:
    """They are bound as they are; what cannot be one is refused by its name."""
    count = "%%datawatch\nSELECT count(*) AS n FROM live.orders WHERE "
    shell.user_ns |= {
        "one": "paid",
        "some": ("paid", "open' OR 1=1"),
        "most": np.int64(3),
        "since": datetime(2020, 1, 1, tzinfo=UTC),
        "frame": pd.DataFrame(),
    }
    paid = _run(shell, count + "status = 'paid'")["n"][0]
    assert _run(shell, count + "status = $one")["n"][0] == paid
    assert _run(shell, count + "status IN $some")["n"][0] == paid
    assert _run(shell, count + "id < $most")["n"][0] == _run(shell, count + "id < 3")["n"][0]
    assert _run(shell, count + "$since::TIMESTAMP < now()::TIMESTAMP")["n"][0] > 0
    with pytest.raises(UsageError, match=r"\$frame, for which there is no value"):
        _run(shell, count + "status = $one AND id = $frame")


def _complete(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        return [each.text for each in shell.Completer.completions(text, len(text))]


def test_a_cell_of_sql_gives_a_frame(shell: InteractiveShell) -> None:
    """Of pandas, each column of its type."""
    frame = _run(
        shell,
        "%%datawatch\nSELECT id, amount, status FROM changes.orders ORDER BY id LIMIT 3",
    )
    assert isinstance(frame, pd.DataFrame)
    assert frame["id"].tolist() == [0, 1, 2]
    assert frame["amount"].dtype == "float64"
    assert frame["status"].tolist() == ["open", "paid", "paid"]


def test_a_frame_may_be_of_polars_and_have_a_name(shell: InteractiveShell) -> None:
    """Then the cell shows nothing."""
    cell = "%%datawatch found --polars --limit 5\nSELECT time, value FROM metrics.orders_amount_sum"
    assert _run(shell, cell) is None
    frame = shell.user_ns["found"]
    assert isinstance(frame, pl.DataFrame)
    assert frame.schema == {"time": pl.Datetime("us", "UTC"), "value": pl.Float64()}
    assert frame.height == 5


def test_sensitive_values_are_masked_unless_the_owner_asks(shell: InteractiveShell) -> None:
    """As in every display."""
    query = "SELECT DISTINCT email FROM changes.customers"
    assert _run(shell, f"%%datawatch\n{query}")["email"].tolist() == ["•••"]
    assert len(_run(shell, f"%%datawatch --unmasked\n{query}")) == 20


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("%%datawatch\nSELECT * FROM live.ordrs", "did you mean 'orders'"),
        ("%%datawatch\nDROP TABLE changes.log", "DROP is not allowed"),
        ("%%datawatch --pandas\nSELECT 1", "unrecognized arguments: --pandas"),
        ("%%datawatch --limit x\nSELECT 1", "invalid int value"),
        ("%%datawatch 1x\nSELECT 1", "no name that Python knows"),
        ("%%datawatch 'x\nSELECT 1", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_without_a_trace(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, word: str
) -> None:
    """In one line on standard error."""
    shell.run_cell(cell)  # type: ignore[no-untyped-call]
    said = capsys.readouterr()
    assert word in said.err
    assert "Traceback" not in said.err + said.out


def test_a_cut_answer_says_so(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless the limit was the user's own."""
    assert len(_run(shell, "%%datawatch\nSELECT * FROM range(100001)")) == 100_000
    assert "Cut at 100,000 rows" in capsys.readouterr().out


def test_names_complete_in_a_cell(shell: InteractiveShell) -> None:
    """Schemas and tables after FROM, metrics below their schema, columns elsewhere."""
    _run(shell, "%datawatch open")
    assert _complete(shell, "%%datawatch --po") == ["--polars"]
    after = _complete(shell, "%%datawatch\nSELECT * FROM ")
    assert {"live.", "changes.", "metrics.", "orders", "customers"} <= set(after)
    assert _complete(shell, "%%datawatch\nSELECT * FROM live.ord") == ["live.orders"]
    assert "metrics.orders_amount_sum" in _complete(shell, "%%datawatch\nFROM metrics.orders_am")
    assert _complete(shell, "%%datawatch\nFROM live.orders\nSELECT am") == ["amount"]
    assert _complete(shell, "%%datawatch\nSELECT *\nFROM live.orders o WHERE o.sta") == ["o.status"]
    hostile = _complete(shell, "%%datawatch\nSELECT * FROM live.")
    assert 'live."<img src=x onerror=alert(1)>"' in hostile
    columns = _complete(shell, "%%datawatch\nFROM metrics.orders_inserts_total SELECT ")
    assert {"time", "status", "value"} <= set(columns)
    assert "_before" in _complete(shell, "%%datawatch\nFROM changes.orders SELECT _b")


def test_python_cells_complete_as_before(shell: InteractiveShell) -> None:
    """Nothing of SQL is offered there."""
    assert "live." not in _complete(shell, "x = li")


ANSWER = SqlAnswer(
    columns=[
        SqlColumn(name, name)
        for name in ("integer", "number", "decimal", "boolean", "text", "timestamp", "date", "list")
    ],
    rows=[
        [1, 1.5, "1.50", True, "a", "2026-01-01T00:00:00Z", "2026-01-01", [1]],
        ["9007199254740993", None, None, None, None, None, None, None],
    ],
    truncated=False,
    elapsed_ms=1.0,
)


def test_frames_keep_types_and_nulls() -> None:
    """Of both libraries; large integers lose no digit."""
    frame = pandas_frame(ANSWER)
    assert [str(each) for each in frame.dtypes[:4]] == ["Int64", "float64", "float64", "boolean"]
    assert frame["integer"].tolist() == [1, 9007199254740993]
    assert str(frame["timestamp"].dt.tz) == "UTC"
    other = polars_frame(ANSWER)
    assert other["integer"].to_list() == [1, 9007199254740993]
    assert str(other["decimal"][0]) == "1.50"
    assert other["boolean"].to_list() == [True, None]
    assert other.schema["date"] == pl.Date


def test_an_answer_without_rows_has_its_columns() -> None:
    """A frame of nothing is still one of these columns."""
    empty = SqlAnswer(ANSWER.columns, [], truncated=False, elapsed_ms=0.0)
    names = [column.name for column in ANSWER.columns]
    assert list(pandas_frame(empty).columns) == names
    assert polars_frame(empty).columns == names


def test_a_frame_is_named_and_drawn(shell: InteractiveShell) -> None:
    """``--out`` names the frame, ``--plot`` draws it: lines over a time, bars over a text."""
    drawn = _run(
        shell,
        "%%datawatch --out found --plot\nSELECT status, sum(amount) AS total "
        "FROM live.orders GROUP BY 1",
    )
    assert type(drawn).__name__ == "Bars"
    assert len(drawn) == len(shell.user_ns["found"]) == 2
    lines = _run(
        shell,
        "%%datawatch --plot line\nSELECT time, status, value FROM metrics.orders_by_status",
    )
    assert sorted(each.label for each in lines) == ["open", "paid"]


def test_what_cannot_be_drawn_is_said(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a number there is nothing to draw; the columns that there are are named."""
    shell.run_cell("%%datawatch --plot\nSELECT status FROM live.orders")  # type: ignore[no-untyped-call]
    said = capsys.readouterr().err
    assert "nothing to draw" in said
    assert "status" in said
    assert "Traceback" not in said
