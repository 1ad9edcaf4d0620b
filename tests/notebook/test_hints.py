"""Completion in strings of our calls, in SQL, and how little it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.notebook.completion import MOST, suggest
from datawatch_lab.notebook.hints import hints
from datawatch_lab.notebook.lab import Lab
from datawatch_lab.notebook.names import Names
from datawatch_lab.service.answers import MetricAnswer
from datawatch_lab.service.handle import Workspace
from tests.notebook.conftest import CountingCaller


def _words(text: str, lab: Lab, **names: Any) -> list[str]:
    return hints(text, {"lab": lab, **names}, lab)[1]


def test_names_of_things(lab: Lab) -> None:
    """Tables, metrics, columns and labels stand where they belong."""
    assert "orders_amount_sum" in _words('lab.metric("orders_amount_s', lab)
    assert _words('lab.table("ord', lab) == ["orders"]
    assert "amount" in _words('lab.table("orders").live(where="am', lab)
    assert "amount" in _words('lab.table("orders").live(where="status = 1 AND am', lab)
    assert _words('lab.table("orders").correct("amou', lab) == ["amount"]
    assert _words('lab.range("orders_by_status", by="', lab) == ["status"]
    assert "avg" in _words('lab.metric("orders_amount_sum").value(aggregation="', lab)
    assert "orders_total" in _words('lab.metrics["orders_to', lab)
    assert _words('lab.tables["ord', lab) == ["orders"]


def test_values_of_labels(lab: Lab) -> None:
    """Values stand in filters and in comparisons of SQL."""
    assert _words('lab.range("orders_by_status", where={"', lab) == ["status"]
    assert _words('lab.range("orders_by_status", where={"status": "p', lab) == ["paid"]
    metric = lab.metric("orders_by_status")
    assert set(_words('m.df(where={"status": "', lab, m=metric)) == {"open", "paid"}
    cell = "SELECT * FROM live.orders AS o WHERE o.status = 'p"
    assert suggest(cell, cell, lab.names) == ("p", ["paid"])
    cell = "SELECT * FROM live.orders WHERE status IN ('open', 'p"
    assert suggest(cell, cell, lab.names) == ("p", ["paid"])


def test_sql_in_a_string(lab: Lab) -> None:
    """SQL completes within ``lab.sql`` as it does in a cell."""
    assert "live.orders" in _words('lab.sql("SELECT * FROM live.or', lab)


def test_rules(fresh: Lab) -> None:
    """Names of rules stand where a rule is meant."""
    fresh.post([{"table": "t", "operation": "INSERT", "after": {"id": 1, "n": 2}, "id": "a"}])
    fresh.quality.add({"table": "t", "rule": "positive", "field": "n"})
    fresh.alerts().add("Too many", "> 5", metric="t_inserts_total")
    assert _words('lab.quality.rule("t', fresh) == ["t.n positive"]
    assert _words('lab.alerts().rule("', fresh) == ["Too many"]
    assert _words("lab.alerts().edit('T", fresh) == ["Too many"]


@pytest.mark.parametrize("text", ['open("ord', 'print(lab, "ord', 'frame.query("ord', "x = 'ord"])
def test_foreign_code_is_left_alone(lab: Lab, text: str) -> None:
    """Nothing is offered in strings of what is not ours."""
    assert _words(text, lab, frame=object()) == []


def test_a_key_pressed_asks_nothing(lab: Lab, caller: CountingCaller) -> None:
    """After the first, no key asks the workspace again."""
    _words('lab.metric("', lab)
    asked = len(caller.calls)
    assert asked == 1
    for text in (
        'lab.metric("o',
        'lab.metric("or',
        'lab.table("',
        'lab.range("orders_by_status", by="',
    ):
        _words(text, lab)
    assert len(caller.calls) == asked


class _Many:
    """A workspace of 500 tables with 30 metrics each; it counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def metrics(self) -> list[MetricAnswer]:
        """15,000 metrics."""
        self.asked += 1
        return [_metric(f"table_{t:03d}", f"metric_{n:02d}") for t in range(500) for n in range(30)]


def _metric(table: str, name: str) -> MetricAnswer:
    return MetricAnswer(
        name=f"{table}_{name}",
        table=table,
        field="",
        kind="",
        unit="1",
        labels=["status"],
        auto=True,
        description="",
        aggregation="sum",
        aggregations=["sum"],
    )


def _names(workspace: Any, spawn: Callable[[Callable[[], None]], None]) -> Names:
    return Names(workspace, spawn)


def test_500_tables_are_asked_for_once() -> None:
    """With 500 tables a hundred keys are one question, and no answer is longer than is read."""
    many = _Many()
    names = _names(many, lambda work: work())
    for _ in range(25):
        assert len(names.tables()) == 500
        assert len(suggest("SELECT * FROM metrics.", "", names)[1]) == MOST
        assert names.labels("table_007_metric_03") == ["status"]
        assert len(suggest("SELECT * FROM live.table_0", "", names)[1]) == 100
    assert many.asked == 1


def test_old_names_are_given_while_new_ones_come() -> None:
    """Names that were forgotten are given as they were until the question is answered."""
    many, waiting = _Many(), list[Callable[[], None]]()
    names = _names(many, lambda work: work())
    assert len(names.tables()) == 500
    later = _names(many, waiting.append)
    later._known = names._known
    later.forget()
    assert len(later.tables()) == 500  # old ones
    assert len(later.tables()) == 500
    assert len(waiting) == 1  # asked once, beside
    waiting[0]()
    assert many.asked == 2


def test_a_question_that_fails_gives_no_names(lab: Lab) -> None:
    """A workspace that refuses leaves completion empty, and the next key asks again."""

    class Broken:
        asked = 0

        def metrics(self) -> list[MetricAnswer]:
            self.asked += 1
            raise DataWatchError("closed")

    broken = Broken()
    names = _names(broken, lambda work: work())
    assert names.metrics() == []
    assert names.metrics() == []
    assert broken.asked == 2
    assert isinstance(lab.workspace, Workspace)
