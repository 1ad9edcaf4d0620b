"""Custom metrics and formulas on a real store: defined, filled, kept, changed, dropped."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError, NotFoundError, WorkspaceError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import Commit
from datawatch_lab.core.values import Aggregation, CustomMetric, Formula
from datawatch_lab.engine import Engine
from datawatch_lab.engine import custom as custom_module
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.ingest.decode import decode
from tests.waiting import PATIENCE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(number: int, op: str = "INSERT", minute: float = 0, **row: Any) -> bytes:
    """A change of an order, ``minute`` minutes before now."""
    after = {"id": number, "amount": f"{number}.50", "quantity": number % 3, "status": "paid"} | row
    image = {"before": after} if op == "DELETE" else {"after": after}
    return json.dumps(
        {
            "id": f"{op}{number}",
            "table": "orders",
            "operation": op,
            "timestamp": (NOW - timedelta(minutes=minute)).isoformat(),
            **image,
        }
    ).encode()


def take(engine: Engine, *events: bytes) -> None:
    """Submit events and wait until they are durable."""
    count = len(events)
    batch = decode(list(events), list(range(1, count + 1)), [-1] * count, source="test")
    engine.submit(batch).result()


def values(engine: Engine, metric: str, **how: Any) -> dict[tuple[str, ...], float | None]:
    """Values of a metric over the last day, by the values of its labels."""
    request = QueryRequest(metric, start="-1d", end="now+1h", stepped=False, **how)
    return {tuple(each.labels.values()): each.value for each in run(engine, request).series}


def define(engine: Engine, name: str, *, backfill: bool = True, **what: Any) -> None:
    """Define a metric over orders and wait until it is filled."""
    what["aggregation"] = Aggregation(what.get("aggregation", "count"))
    custom = CustomMetric(name=name, table="orders", **what)
    engine.measures.custom.define(engine, custom, backfill=backfill)
    filled(engine, name)


def filled(engine: Engine, name: str) -> None:
    """Wait for the back-fill of a metric."""
    filler = next((t for t in threading.enumerate() if t.name == "datawatch-backfill"), None)
    if filler is not None:
        filler.join(PATIENCE)
    measure = engine.measures.custom.measure(name)
    assert measure is not None
    assert measure.coverage is not None
    assert measure.coverage.complete or not measure.coverage.backfill


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on a new workspace with thirty orders."""
    made = Engine.open(tmp_path / "w.duckdb", clock=ManualClock(NOW))
    take(made, *(event(number) for number in range(1, 31)))
    yield made
    made.close()


def test_it_is_filled_from_the_log_and_goes_on_with_what_comes(engine: Engine) -> None:
    """What was there before counts as much as what comes after."""
    define(engine, "volume", expression="amount * quantity", aggregation="sum")
    expected = sum((n + 0.5) * (n % 3) for n in range(1, 31))
    assert values(engine, "volume") == {(): expected}
    take(engine, event(31))
    assert values(engine, "volume") == {(): expected + 31.5}


def test_a_filter_counts_only_rows_of_which_it_is_true(engine: Engine) -> None:
    """Rows of which it is false, or not known, do not count."""
    take(engine, event(40, status=None), event(41, status="open"))
    define(engine, "paid", filter="status = 'paid' and amount > 10")
    assert values(engine, "paid") == {(): 21.0}
    define(engine, "not_paid", filter="status <> 'paid'")
    assert values(engine, "not_paid") == {(): 1.0}


def test_without_a_back_fill_it_counts_from_now_on_and_says_since_when(engine: Engine) -> None:
    """Buckets before that are unknown, not zero."""
    define(engine, "later", backfill=False)
    measure = engine.measures.custom.measure("later")
    assert measure is not None
    assert measure.coverage is not None
    assert (measure.coverage.complete, measure.coverage.since) == (False, NOW)
    take(engine, event(31, minute=-1))
    assert values(engine, "later") == {(): 1.0}
    before = QueryRequest("later", start="-3h", end="-2h", stepped=False)
    assert run(engine, before).series[0].value is None


def test_labels_are_combined(engine: Engine) -> None:
    """One series per combination; a query may ask for some of the labels, or filter by them."""
    take(engine, event(40, status="open", quantity=2), event(41, status="open", quantity=None))
    define(engine, "by_both", group_by=("status", "quantity"))
    both = values(engine, "by_both", group_by=("status", "quantity"))
    assert both == {
        ("paid", "0"): 10.0,
        ("paid", "1"): 10.0,
        ("paid", "2"): 10.0,
        ("open", "2"): 1.0,
        ("open", "(null)"): 1.0,
    }
    assert values(engine, "by_both", group_by=("status",)) == {("open",): 2.0, ("paid",): 30.0}
    only = values(engine, "by_both", filters=(("quantity", "2"), ("status", "paid")))
    assert only == {(): 10.0}
    assert values(engine, "by_both") == {(): 32.0}


def test_label_sets_beyond_the_limit_share_one(tmp_path: Path) -> None:
    """The total is right all the same."""
    limited = Settings(max_label_sets=5)
    with_few = Engine.open(tmp_path / "w.duckdb", settings=limited, clock=ManualClock(NOW))
    take(with_few, *(event(number) for number in range(1, 21)))
    define(with_few, "by_id", group_by=("id",))
    found = values(with_few, "by_id", group_by=("id",))
    assert len(found) <= 6
    assert found["__other__",] == 20 - (len(found) - 1)
    assert values(with_few, "by_id") == {(): 20.0}
    with_few.close()


def test_every_kind_of_change_can_be_counted(engine: Engine) -> None:
    """Deletes go by the image before."""
    take(engine, event(1, "UPDATE", amount="100"), event(2, "DELETE", amount="7.25"))
    for on, total in (
        ("inserts", sum(n + 0.5 for n in range(1, 31))),
        ("updates", 100.0),
        ("deletes", 7.25),
        ("changes", sum(n + 0.5 for n in range(1, 31)) + 107.25),
    ):
        define(engine, f"sum_{on}", on=on, expression="amount", aggregation="sum")
        assert values(engine, f"sum_{on}") == {(): total}


def test_a_custom_metric_of_one_column_is_the_automatic_one(engine: Engine) -> None:
    """For every aggregation that both know."""
    define(engine, "mine", expression="amount", aggregation="avg")
    metric = engine.metric("mine")
    for aggregation in engine.measures.aggregations(metric):
        how = {"aggregation": aggregation.value}
        assert values(engine, "mine", **how) == values(engine, "orders_amount_sum", **how)


def test_distinct_values_by_label(engine: Engine) -> None:
    """Only for a metric that is defined so: sketches are large."""
    take(engine, event(40, status="open", quantity=2), event(41, status="open", quantity=2))
    define(engine, "kinds", expression="quantity", aggregation="distinct", group_by=("status",))
    assert values(engine, "kinds", group_by=("status",)) == {("open",): 1.0, ("paid",): 3.0}
    define(engine, "plain", expression="quantity", aggregation="sum")
    with pytest.raises(InputError, match="distinct"):
        values(engine, "plain", aggregation="distinct")


def test_it_survives_a_restart(engine: Engine) -> None:
    """Definition, states, coverage and formulas."""
    define(engine, "volume", expression="amount * quantity", aggregation="sum")
    half = Formula(name="half", expression="volume / 2")
    engine.measures.custom.define_formula(engine, half)
    before = values(engine, "volume")
    engine.close()
    again = Engine.open(engine.path, clock=ManualClock(NOW))
    assert values(again, "volume") == before
    assert values(again, "half") == {(): (before[()] or 0) / 2}
    take(again, event(31))
    assert values(again, "volume")[()] == (before[()] or 0) + 31.5
    again.close()


def test_a_back_fill_goes_on_after_a_restart(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing twice, nothing left out."""
    monkeypatch.setattr(custom_module, "STEP_EVENTS", 7)
    monkeypatch.setattr(custom_module.CustomMetrics, "resume", lambda *_: None)
    custom = CustomMetric(name="volume", table="orders")
    made = engine.measures.custom.define(engine, custom, backfill=True)
    assert made.coverage is not None
    assert (made.coverage.done, made.coverage.complete) == (7, False)
    take(engine, event(31))
    engine.close()
    monkeypatch.undo()
    again = Engine.open(engine.path, clock=ManualClock(NOW))
    values(again, "volume")  # a question sets it going
    filled(again, "volume")
    assert values(again, "volume") == {(): 31.0}
    again.close()


def test_events_go_on_while_the_log_is_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each counts once, whether it came before, in between or after."""
    monkeypatch.setattr(custom_module, "STEP_EVENTS", 2)
    custom = CustomMetric(name="volume", table="orders", group_by=("status",))
    made = engine.measures.custom.define(engine, custom, backfill=True)
    assert made.coverage is not None
    assert not made.coverage.complete
    for number in range(31, 61):
        take(engine, event(number))
    filled(engine, "volume")
    assert values(engine, "volume", group_by=("status",)) == {("paid",): 60.0}


def test_a_commit_that_fails_does_not_lose_or_repeat_a_piece(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again; what was counted in vain is forgotten."""
    store, commits = engine.store.commit, []

    def commit(what: Commit) -> int:
        commits.append(what)
        if len(commits) in (1, 3):
            raise WorkspaceError("the disk is full")
        return store(what)

    monkeypatch.setattr(custom_module, "STEP_EVENTS", 11)
    monkeypatch.setattr(engine.store, "commit", commit)
    define(engine, "volume", group_by=("status",))
    assert len(commits) >= 5
    assert values(engine, "volume", group_by=("status",)) == {("paid",): 30.0}


def test_a_commit_that_keeps_failing_leaves_no_metric(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so; when the disk has room again, it can be defined."""

    def commit(what: Commit) -> int:
        raise WorkspaceError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "commit", commit)
        with pytest.raises(WorkspaceError):
            define(engine, "volume")
    assert "volume" not in engine.metrics()
    define(engine, "volume")
    assert values(engine, "volume") == {(): 30.0}


def test_a_change_makes_the_states_anew(engine: Engine) -> None:
    """Unless only what it is called differs."""
    custom = engine.measures.custom
    define(engine, "volume", expression="amount", aggregation="sum")
    first = custom.measure("volume")
    same = CustomMetric(
        name="volume",
        table="orders",
        expression="amount",
        aggregation=Aggregation.SUM,
        unit="EUR",
    )
    custom.define(engine, same, backfill=True, replace=True)
    second = custom.measure("volume")
    assert first is not None
    assert second is not None
    assert (second.id, engine.metric("volume").unit) == (first.id, "EUR")
    other = CustomMetric(
        name="volume", table="orders", expression="quantity", aggregation=Aggregation.SUM
    )
    custom.define(engine, other, backfill=True, replace=True)
    filled(engine, "volume")
    assert values(engine, "volume") == {(): float(sum(n % 3 for n in range(1, 31)))}


def test_dropping_forgets_it_and_its_name_is_free_again(engine: Engine) -> None:
    """Also after a restart."""
    define(engine, "volume", expression="amount", aggregation="sum")
    engine.measures.custom.drop(engine, "volume")
    with pytest.raises(NotFoundError):
        engine.metric("volume")
    define(engine, "volume")
    assert values(engine, "volume") == {(): 30.0}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"name": "orders_total"}, "already"),
        ({"name": "two words"}, "not a name"),
        ({"expression": "amuont", "aggregation": Aggregation.SUM}, "did you mean 'amount'"),
        ({"expression": "status", "aggregation": Aggregation.SUM}, "sum needs a number"),
        ({"aggregation": Aggregation.P95}, "p95 needs an expression"),
        ({"filter": "amount"}, "a boolean is needed"),
        ({"table": "ordres"}, "did you mean 'orders'"),
        ({"group_by": ("stat",)}, "did you mean 'status'"),
        ({"group_by": ("status", "status")}, "twice"),
    ],
)
def test_a_faulty_definition_is_refused(engine: Engine, what: Any, message: str) -> None:
    """With a sentence that names the fault; nothing is stored."""
    before = dict(engine.metrics())
    with pytest.raises(InputError, match=message):
        engine.measures.custom.define(
            engine, CustomMetric(**{"name": "mine", "table": "orders", **what}), backfill=True
        )
    assert engine.metrics() == before


def test_an_automatic_metric_is_neither_changed_nor_dropped(engine: Engine) -> None:
    """The error says why; an unknown name is not found."""
    custom = engine.measures.custom
    with pytest.raises(InputError, match="automatic"):
        custom.drop(engine, "orders_total")
    with pytest.raises(NotFoundError):
        custom.drop(engine, "nothing")


def test_a_later_automatic_metric_does_not_take_a_name(engine: Engine) -> None:
    """The custom metric keeps it; the automatic one is spelled otherwise."""
    define(engine, "orders_weight_sum")
    take(engine, *(event(number, weight=number * 1.5) for number in range(50, 80)))
    assert not engine.metric("orders_weight_sum").auto
    assert engine.metric("orders__weight_sum").auto


def test_formulas_go_by_bucket_and_by_label(engine: Engine) -> None:
    """Parts without the labels of another count for all of its label sets."""
    take(engine, event(40, status="open", amount="9"))
    custom = engine.measures.custom
    mean = Formula(name="mean", expression="orders_amount_sum / orders_inserts_total")
    custom.define_formula(engine, mean)
    share = Formula(name="share", expression="orders_by_status / orders_rows")
    custom.define_formula(engine, share)
    total = sum(n + 0.5 for n in range(1, 31))
    assert values(engine, "mean") == {(): pytest.approx((total + 9) / 31)}
    by = values(engine, "mean", group_by=("status",))
    assert by == {("open",): 9.0, ("paid",): pytest.approx(total / 30)}
    assert values(engine, "share")["open",] == pytest.approx(1 / 31)


def test_a_formula_of_formulas_with_other_aggregations(engine: Engine) -> None:
    """``p95(metric)`` asks a metric otherwise than by its name."""
    custom = engine.measures.custom
    custom.define_formula(
        engine, Formula(name="spread", expression="max(orders_amount_sum) - min(orders_amount_sum)")
    )
    custom.define_formula(engine, Formula(name="twice", expression="2 * spread"))
    assert values(engine, "twice") == {(): 58.0}
    with pytest.raises(InputError, match="no aggregation of its own"):
        values(engine, "twice", aggregation="sum")


def test_a_division_by_zero_gives_no_value(engine: Engine) -> None:
    """Neither an error nor infinity."""
    formula = Formula(name="odd", expression="orders_inserts_total / orders_deletes_total")
    engine.measures.custom.define_formula(engine, formula)
    assert values(engine, "odd") == {(): None}


def test_formulas_do_not_go_in_a_circle(engine: Engine) -> None:
    """The error shows the way round."""
    custom = engine.measures.custom
    custom.define_formula(engine, Formula(name="a", expression="orders_total + 1"))
    custom.define_formula(engine, Formula(name="b", expression="a + 1"))
    with pytest.raises(InputError, match="a → b → a"):
        custom.define_formula(engine, Formula(name="a", expression="b + 1"), replace=True)


def test_a_metric_that_a_formula_uses_is_not_dropped(engine: Engine) -> None:
    """The error says who uses it."""
    custom = engine.measures.custom
    define(engine, "volume", expression="amount", aggregation="sum")
    custom.define_formula(engine, Formula(name="half", expression="volume / 2"))
    with pytest.raises(InputError, match="used by the formula half"):
        custom.drop(engine, "volume")
    custom.drop(engine, "half")
    custom.drop(engine, "volume")
    assert "volume" not in engine.metrics()


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.none() | st.decimals(-999, 999, places=2).map(str),
            "quantity": st.none() | st.integers(-3, 9),
            "status": st.none() | st.sampled_from(["paid", "open", "void"]),
        },
    ),
    min_size=1,
    max_size=25,
)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS, data=st.data())
def test_any_batching_and_back_fill_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    """As computing from all rows: whenever it is defined, however events come."""
    seed = [event(1000 + n, amount="1.25", quantity=2, status="paid") for n in range(25)]
    events = [event(number, minute=number, **row) for number, row in enumerate(rows)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    defined_at = data.draw(st.integers(0, len(cuts)))
    engine = Engine.open(
        tmp_path_factory.mktemp("w") / "w.duckdb", clock=ManualClock(NOW + timedelta(hours=1))
    )
    take(engine, *seed)
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(events)], strict=True)):
        if number == defined_at:
            define(
                engine,
                "mine",
                expression="amount * quantity",
                filter="status <> 'void'",
                aggregation="sum",
                group_by=("status",),
            )
        if start < end:
            take(engine, *events[start:end])
    expected: dict[tuple[str, ...], float] = {("paid",): 25 * 2.5}
    for row in rows:
        if None not in row.values() and row["status"] != "void":
            key = (row["status"],)
            expected[key] = expected.get(key, 0.0) + float(row["amount"]) * row["quantity"]
    found = values(engine, "mine", group_by=("status",))
    engine.close()
    assert found.keys() == expected.keys()
    assert found == {key: pytest.approx(value, abs=1e-6) for key, value in expected.items()}
