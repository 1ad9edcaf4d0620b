"""Quality in a workspace: batches, restarts, late parents, scores, changes of rules, masks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.config.rules import read_quality_rules
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.values import TableInfo
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine.quality import rules as rules_of
from datawatch_lab.engine.quality import trying
from datawatch_lab.engine.quality.scores import scores
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.service.access.door import carry_out
from datawatch_lab.service.operations import quality as operations
from tests.oracle import quality as oracle
from tests.quality.workbench import NOW, Workbench

PARENT = Rule("orders", "referential_integrity", field="customer_id", references="customers.id")
UNIQUE = Rule("orders", "unique", field="code")
STATUS = Rule("orders", "in_set", field="status", values=("paid", "open"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """An empty workspace whose rules are evaluated by the test."""
    made = Workbench(tmp_path / "w.duckdb", by_hand=True)
    yield made
    made.close()


CHANGES = st.lists(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from("cccud"),
            "row": st.fixed_dictionaries(
                {
                    "id": st.integers(1, 8),
                    "code": st.none() | st.integers(1, 5),
                    "amount": st.integers(-2, 5),
                    "customer_id": st.none() | st.integers(1, 6),
                }
            ),
        }
    ),
    min_size=4,
    max_size=24,
)


@given(changes=CHANGES, cut=st.integers(1, 20), parents=st.sets(st.integers(1, 6)))
@settings(max_examples=6)
def test_rules_count_the_same_over_batches_and_a_restart(
    changes: list[dict[str, Any]], cut: int, parents: set[int]
) -> None:
    """Rows, uniqueness, order and references agree with the oracle, parents coming last."""
    rules = [
        Rule("orders", "positive", field="amount"),
        UNIQUE,
        Rule("orders", "monotonic", field="amount"),
    ]
    with TemporaryDirectory() as folder:
        bench = Workbench(Path(folder) / "w.duckdb")
        ids = bench.add(*rules, PARENT)
        lines = [bench.line("orders", each["op"], each["row"]) for each in changes]
        bench.take(*lines[:cut])
        bench.restart()
        for line in lines[cut:]:
            bench.take(line)
        bench.insert("customers", *({"id": each} for each in sorted(parents)))
        for rule, id_ in zip(rules, ids, strict=False):
            assert bench.counted(id_) == oracle.looked_and_failed(rule.as_dict(), changes), rule
        expected = oracle.references(changes, "customer_id", sorted(parents))
        assert bench.counted(ids[-1]) == expected
        assert len(bench.violations(ids[-1])) == expected[1]
        bench.close()


def test_a_parent_may_come_after_its_child(bench: Workbench) -> None:
    """In one batch nothing is said; later, what was said is taken back; never, it stays."""
    (rule,) = bench.add(PARENT)
    bench.take(
        bench.line("orders", "c", {"id": 1, "customer_id": 7}),
        bench.line("customers", "c", {"id": 7}),
    )
    bench.insert("orders", {"id": 2, "customer_id": 8}, {"id": 3, "customer_id": 9})
    assert bench.counted(rule) == (3, 2)
    assert {each.value for each in bench.violations(rule)} == {"8", "9"}
    bench.insert("customers", {"id": 8})
    assert bench.counted(rule) == (3, 1)
    assert [each.value for each in bench.violations(rule)] == ["9"]
    assert [each.value for each in bench.violations(rule, "withdrawn")] == ["8"]


def test_a_parent_that_was_deleted_before_is_missing(bench: Workbench) -> None:
    """Deleted after the child came, it was there."""
    (rule,) = bench.add(PARENT)
    bench.insert("customers", {"id": 1}, {"id": 2})
    bench.take(
        bench.line("customers", "d", {"id": 1}),
        bench.line("orders", "c", {"id": 1, "customer_id": 1}),
        bench.line("orders", "c", {"id": 2, "customer_id": 2}),
        bench.line("customers", "d", {"id": 2}),
    )
    assert bench.counted(rule) == (2, 1)
    assert [each.key for each in bench.violations(rule)] == [{"id": 1}]


def test_a_rule_that_comes_later_counts_what_the_log_holds(bench: Workbench) -> None:
    """The same as if it had been there from the start, for rules with a memory too."""
    rows = [{"id": n, "code": n % 4, "status": "paid" if n % 3 else "lost"} for n in range(1, 13)]
    bench.insert("orders", *rows[:8])
    ids = bench.add(UNIQUE, STATUS)
    bench.insert("orders", *rows[8:])
    changes = [{"op": "c", "row": row} for row in rows]
    for rule, id_ in zip((UNIQUE, STATUS), ids, strict=True):
        assert bench.counted(id_) == oracle.looked_and_failed(rule.as_dict(), changes)


def test_evaluating_the_same_events_again_makes_no_second_violation(bench: Workbench) -> None:
    """Ids come from rule and event."""
    bench.insert("orders", {"id": 1, "status": "lost"})
    (rule,) = bench.add(STATUS)
    first = bench.violations(rule)
    rules_of.remove(bench.engine.quality, rule)
    assert bench.violations() == []
    assert bench.add(STATUS) == [rule]
    again = bench.violations(rule)
    assert [each.id for each in again] == [each.id for each in first]
    assert first[0].row == {"id": 1, "status": "lost"}


def test_changing_what_a_rule_checks_counts_anew_and_its_threshold_does_not(
    bench: Workbench,
) -> None:
    """The id stays in both cases."""
    bench.insert("orders", {"id": 1, "status": "lost"}, {"id": 2, "status": "paid"})
    (rule,) = bench.add(STATUS)
    quality = bench.engine.quality
    looser = Rule("orders", "in_set", field="status", values=("paid", "open"), threshold="50%")
    assert rules_of.change(quality, rule, looser).id == rule
    assert bench.counted(rule) == (2, 1)
    wider = Rule("orders", "in_set", field="status", values=("paid", "lost"))
    assert rules_of.change(quality, rule, wider).id == rule
    assert bench.counted(rule) == (2, 0)


def test_a_rule_that_was_made_into_another_stays_beside_the_first(bench: Workbench) -> None:
    """Adding the first again takes nothing from the other, though that has its id."""
    bench.insert("orders", {"id": 1, "status": "lost", "amount": -1})
    (first,) = bench.add(STATUS)
    other = Rule("orders", "positive", field="amount")
    rules_of.change(bench.engine.quality, first, other)
    (again,) = bench.add(STATUS)
    assert again != first
    assert bench.add(STATUS, other) == [again, first]
    assert bench.counted(first) == bench.counted(again) == (1, 1)
    kept = {each.id: each.rule for each in bench.engine.quality.rules}
    assert kept == {first: other, again: STATUS}
    rules_of.configure(bench.engine.quality, [STATUS])
    rules_of.configure(bench.engine.quality, [STATUS])
    assert {each.id: each.rule for each in bench.engine.quality.rules} == kept


@pytest.mark.parametrize("by", ["change", "add"])
def test_uniqueness_that_was_switched_off_knows_what_came_meanwhile(
    bench: Workbench, by: str
) -> None:
    """Switched on again it holds neither what has gone since, nor misses what is there."""
    quality = bench.engine.quality
    (id_,) = bench.add(UNIQUE)
    bench.insert("orders", {"id": 1, "code": "a"})
    bench.counted(id_)
    rules_of.change(quality, id_, replace(UNIQUE, enabled=False))
    bench.take(bench.line("orders", "d", {"id": 1, "code": "a"}))
    bench.insert("orders", {"id": 2, "code": "b"})
    quality.evaluate()
    if by == "change":
        rules_of.change(quality, id_, UNIQUE)
    else:
        assert bench.add(UNIQUE) == [id_]
    bench.insert("orders", {"id": 3, "code": "a"}, {"id": 4, "code": "b"})
    assert bench.counted(id_) == (4, 1)


def test_the_configuration_owns_its_rules_and_no_others(bench: Workbench) -> None:
    """A rule that it states no longer goes; one of a user stays."""
    quality = bench.engine.quality
    section = {"orders": {"validity": [{"rule": "positive", "field": "amount"}]}}
    stated = [Rule.of_config(each) for each in read_quality_rules(section)]
    bench.add(STATUS)
    rules_of.configure(quality, stated)
    assert {each.rule.rule for each in quality.rules} == {"positive", "in_set"}
    rules_of.configure(quality, [])
    assert [each.rule for each in quality.rules] == [STATUS]


def test_scores_are_means_by_weight_and_metrics_over_time(bench: Workbench) -> None:
    """A rule's score is its share of good rows; `dq_score_T` has the same by bucket."""
    bench.add(STATUS, Rule("orders", "not_null", field="status", weight=3.0), PARENT)
    bench.insert("orders", {"id": 1, "status": "lost"}, {"id": 2, "status": "paid"}, minute=90)
    bench.insert("orders", {"id": 3, "status": "paid"}, {"id": 4, "status": None}, minute=30)
    bench.engine.quality.evaluate()
    table = scores(bench.engine.quality).tables[0]
    assert table.dimensions == {"completeness": 75.0, "consistency": None, "validity": 100 * 2 / 3}
    assert table.score == pytest.approx((3 * 75.0 + 100 * 2 / 3) / 4)
    asked = QueryRequest("dq_score_orders", start="-2h", end="now", step="1h")
    points = [value for _, value in run(bench.engine, asked).series[0].points]
    assert points == [pytest.approx((50 + 3 * 100) / 4), pytest.approx((100 + 3 * 50) / 4)]
    by_dimension = QueryRequest(
        "dq_score_orders", start="-1h", end="now", group_by=("dimension",), stepped=False
    )
    found = {s.labels["dimension"]: s.value for s in run(bench.engine, by_dimension).series}
    assert found == {"completeness": 50.0, "validity": 100.0}
    whole = QueryRequest("dq_score", start="-2h", end="now", stepped=False)
    assert run(bench.engine, whole).series[0].value == pytest.approx(table.score)


def test_freshness_goes_by_the_clock(bench: Workbench) -> None:
    """Within the age it is well, after it is not, and new data makes it well again."""
    (rule,) = bench.add(Rule("orders", "max_age", threshold="5m"))
    bench.insert("orders", {"id": 1})
    quality = bench.engine.quality
    quality.tick()
    bench.clock.advance(timedelta(minutes=4))
    quality.tick()
    assert bench.counted(rule) == (2, 0)
    bench.clock.advance(timedelta(minutes=2))
    quality.tick()
    quality.tick()
    assert bench.counted(rule) == (3, 1)
    assert "6m old" in bench.violations(rule)[0].words
    bench.clock.advance(timedelta(minutes=1))
    bench.insert("orders", {"id": 2}, minute=-7)
    quality.tick()
    assert bench.counted(rule) == (4, 1)


def test_volume_is_judged_when_its_window_is_over(bench: Workbench) -> None:
    """A window with too few rows fails once."""
    bench.insert("orders", {"id": 0}, minute=1)
    (rule,) = bench.add(Rule("orders", "volume", min=2, window="5m"))
    quality = bench.engine.quality
    bench.clock.advance(timedelta(minutes=5))
    bench.insert("orders", {"id": 1}, {"id": 2}, {"id": 3}, minute=-5)
    bench.clock.advance(timedelta(minutes=10, seconds=30))
    bench.moves_on("orders")
    quality.tick()
    quality.tick()
    assert bench.counted(rule) == (2, 1)
    assert bench.violations(rule)[0].at == NOW + timedelta(minutes=10)


def test_volume_waits_for_what_a_source_has_yet_to_bring(bench: Workbench) -> None:
    """After a night without its source, hours are judged as they come, by the rows they have."""
    bench.insert("orders", {"id": 0}, minute=1)
    (rule,) = bench.add(Rule("orders", "volume", min=1, window="1h"))
    quality = bench.engine.quality
    bench.clock.advance(timedelta(hours=12))
    quality.tick()
    assert bench.counted(rule) == (0, 0)
    for hour in range(12):
        bench.clock.advance(timedelta(seconds=50))  # after a minute the clock would close for it
        bench.insert("orders", {"id": hour}, minute=-60 * hour - 30)
        quality.tick()
        assert bench.counted(rule)[1] == 0
    bench.clock.advance(timedelta(seconds=50))
    bench.moves_on("orders")
    quality.tick()
    assert bench.counted(rule) == (11, 0)  # the first hour began as the rule was made
    bench.clock.advance(timedelta(hours=30))
    quality.tick()
    assert bench.counted(rule) == (17, 6)  # for longer than the allowed lateness nothing came


def test_rows_that_come_after_their_window_was_judged_correct_its_verdict(
    bench: Workbench,
) -> None:
    """Also over a restart in between; windows before it are left as they are."""
    (rule,) = bench.add(Rule("orders", "volume", min=2, window="5m"))
    quality = bench.engine.quality
    bench.clock.advance(timedelta(minutes=21))
    bench.insert("orders", {"id": 1}, minute=-7)
    bench.moves_on("orders")
    quality.tick()
    assert bench.counted(rule) == (3, 3)
    bench.insert("orders", {"id": 2}, minute=-8)
    quality.evaluate()
    bench.restart()
    quality = bench.engine.quality
    bench.clock.advance(timedelta(minutes=1))
    quality.tick()
    assert bench.counted(rule) == (3, 2)
    assert [each.at for each in bench.violations(rule)] == [
        NOW + timedelta(minutes=minute) for minute in (15, 10)
    ]


def test_a_window_that_was_judged_again_holds_up_no_new_one(bench: Workbench) -> None:
    """What comes late is judged anew once a minute; a window that ends meanwhile does not wait."""
    (rule,) = bench.add(Rule("orders", "volume", min=1, window="5m"))
    quality = bench.engine.quality
    bench.clock.set(NOW + timedelta(minutes=21))
    bench.moves_on("orders")
    quality.tick()
    assert bench.counted(rule) == (3, 3)
    bench.clock.set(NOW + timedelta(minutes=25, seconds=50))
    bench.insert("orders", {"id": 1}, minute=-8)
    quality.evaluate()
    quality.tick()
    assert bench.counted(rule) == (3, 2)
    bench.clock.set(NOW + timedelta(minutes=26, seconds=10))
    bench.moves_on("orders")
    quality.tick()
    assert bench.counted(rule) == (4, 3)


def test_a_query_finds_rows_that_should_not_be(bench: Workbench) -> None:
    """Custom SQL passes the gate; what it refuses is refused when the rule is made."""
    bench.insert("orders", {"id": 1, "amount": -5})
    rule = Rule("orders", "sql", sql="SELECT * FROM orders WHERE amount < 0", window="1m")
    made = rules_of.add(bench.engine.quality, [rule])
    bench.clock.advance(timedelta(minutes=2))
    bench.engine.quality.tick()
    assert bench.counted(made[0].id) == (1, 1)
    with pytest.raises(InputError):
        rules_of.add(
            bench.engine.quality, [Rule("orders", "sql", sql="SELECT * FROM read_csv('x')")]
        )


def test_back_test_and_check_say_what_evaluation_says(bench: Workbench) -> None:
    """Over the log, a range of it, and over the rows that are there now."""
    for number, minute in ((0, 90), (10, 30)):
        rows = [{"id": number + n, "code": n % 4, "status": "lost"} for n in range(6)]
        bench.insert("orders", *rows, minute=minute)
    bench.take(bench.line("orders", "u", {"id": 1, "code": 77, "status": "paid"}))
    quality = bench.engine.quality
    ids = bench.add(UNIQUE, STATUS)
    for rule, id_ in zip((UNIQUE, STATUS), ids, strict=True):
        tried = trying.backtest(quality, rule)
        assert (tried.count.rows, tried.count.failed) == bench.counted(id_)
    half = trying.backtest(quality, STATUS, NOW - timedelta(hours=1), NOW)
    assert (half.count.rows, half.count.failed) == (6, 6)
    now = trying.check_now(quality, [STATUS])[0]
    assert (now.count.rows, now.count.failed) == (12, 11)


def test_a_back_test_reads_from_where_its_range_begins(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules on single rows read no change from before; those with a memory read all of them."""
    for number in range(4):
        rows = [{"id": 4 * number + n, "code": n, "status": "lost"} for n in range(4)]
        bench.insert("orders", *rows, minute=-60 * number)
        bench.clock.advance(timedelta(hours=1))
    read: list[tuple[int, int]] = []
    history = bench.engine.measures.history
    whole = history.batches

    def batches(table: TableInfo, after: int, upto: int) -> Iterator[TableBatch]:
        for batch in whole(table, after, upto):
            read.append((after, len(batch.events)))
            yield batch

    monkeypatch.setattr(history, "batches", batches)
    start = NOW + timedelta(hours=2)
    late = trying.backtest(bench.engine.quality, STATUS, start, NOW + timedelta(hours=9))
    assert (late.count.rows, late.count.failed) == (8, 8)
    assert read == [(8, 8)]
    held = trying.backtest(bench.engine.quality, UNIQUE, start)
    assert (held.count.rows, held.count.failed) == (8, 8)  # their values are held since before
    assert read[1:] == [(0, 16)]


def test_a_record_is_validated_without_being_stored(bench: Workbench) -> None:
    """What it would break is named; nothing changes."""
    bench.add(UNIQUE, STATUS, PARENT)
    bench.insert("customers", {"id": 1})
    bench.insert("orders", {"id": 1, "code": "a", "status": "paid", "customer_id": 1})
    bench.engine.quality.evaluate()
    before = [bench.counted(each.id) for each in bench.engine.quality.rules]
    bad = {"id": 2, "code": "a", "status": "lost", "customer_id": 5}
    broken = trying.validate(bench.engine.quality, "orders", bad)
    assert len(broken) == 3
    good = {"id": 2, "code": "b", "status": "open", "customer_id": 1}
    assert trying.validate(bench.engine.quality, "orders", good) == []
    assert [bench.counted(each.id) for each in bench.engine.quality.rules] == before


def test_a_rule_over_what_is_not_there_is_refused(bench: Workbench) -> None:
    """The nearest name is offered."""
    bench.insert("orders", {"id": 1, "status": "paid"})
    quality = bench.engine.quality
    with pytest.raises(NotFoundError, match="did you mean 'status'"):
        rules_of.add(quality, [Rule("orders", "not_null", field="statis")])
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        rules_of.add(quality, [Rule("order", "not_null", field="status")])
    with pytest.raises(InputError):
        rules_of.add(quality, [Rule("orders", "expression", expression="statuss > 1")])


def test_a_rule_that_cannot_be_evaluated_says_so_and_holds_no_other_up(bench: Workbench) -> None:
    """Its problem is told; the others count."""
    bad, good = bench.add(Rule("orders", "expression", expression="nowhere > 1"), STATUS)
    bench.insert("orders", {"id": 1, "status": "paid"})
    assert bench.counted(good) == (1, 0)
    assert "nowhere" in bench.engine.quality.problems[bad]


def test_a_window_that_cannot_be_judged_says_so_and_holds_no_other_up(bench: Workbench) -> None:
    """A bound that was stored before it was refused stops neither the cursor nor other rules."""
    kinds = ("mean", "stddev", "distribution_drift")
    rules = [Rule("orders", kind, field="amount", max="abc") for kind in kinds]
    stored = [StoredRule(id=r.id, rule=r, origin="user", created=NOW) for r in rules]
    bench.insert("orders", *({"id": n, "amount": n} for n in range(150)), minute=180)
    bench.engine.quality.put(stored)
    (good,) = bench.add(STATUS)
    rows = ({"id": n, "amount": n, "status": "paid"} for n in range(200, 220))
    bench.insert("orders", *rows)
    bench.insert("orders", {"id": 300, "amount": 1, "status": "lost"})
    assert bench.counted(good) == (21, 1)
    assert bench.engine.quality.cursor == bench.engine.last_seq
    problems = bench.engine.quality.problems
    assert all("abc" in problems[each.id] for each in rules)


def test_viewers_see_no_sensitive_value(bench: Workbench) -> None:
    """Keys and rows of violations are masked; unmasked ones need an editor."""
    bench.add(Rule("people", "email_format", field="email"))
    bench.insert("people", *({"id": n, "email": f"ann{n}@example.org"} for n in range(30)))
    bench.insert("people", {"id": 99, "email": "secret-address"})
    assert bench.engine.table("people").column("email").sensitive  # type: ignore[union-attr]
    ask = operations.ViolationsAsk()
    with acting(Who("eve", "viewer")):
        shown = carry_out(bench.engine, operations.quality_violations, ask)
        report = carry_out(bench.engine, operations.quality_report, operations.ScoreAsk())
    assert "secret-address" not in repr(shown)
    assert "secret-address" not in repr(report)
    assert shown.total == 1
    plain = operations.ViolationsAsk(masked=False)
    found = carry_out(bench.engine, operations.quality_violations, plain)
    assert found.violations[0].row["email"] == "secret-address"


def test_a_violation_is_acknowledged_once(bench: Workbench) -> None:
    """It is open no longer, and says who saw it."""
    bench.add(STATUS)
    bench.insert("orders", {"id": 1, "status": "lost"})
    (found,) = bench.violations()
    ask = operations.AcknowledgeAsk(id=found.id, user="ann")
    seen = carry_out(bench.engine, operations.acknowledge_violation, ask)
    assert (seen.state, seen.acknowledged_by) == ("acknowledged", "ann")
    assert bench.violations() == []


def test_what_fails_is_said_in_words(bench: Workbench) -> None:
    """With the share and the commonest wrong values."""
    bench.add(Rule("payments", "in_set", field="status", values=("paid",)))
    rows = [{"id": n, "status": "unknown" if n % 4 == 0 else "paid"} for n in range(20)]
    bench.insert("payments", *rows)
    found = carry_out(bench.engine, operations.quality_report, operations.ScoreAsk())
    assert found.recommendations[0].issue == "payments.status: 25.0 % invalid values (unknown)"
    assert found.score.tables[0].state == "bad"


def test_a_clock_that_goes_back_and_forth_judges_no_window_twice(bench: Workbench) -> None:
    """What was judged by a wrong clock is judged again in its place; after it things go on."""
    age, volume = bench.add(
        Rule("orders", "max_age", threshold="5m"), Rule("orders", "volume", min=1, window="5m")
    )
    bench.insert("orders", {"id": 1})
    quality = bench.engine.quality
    for jump in (0, 3, -3, 120, -120, 1, -1):
        bench.clock.advance(timedelta(minutes=jump))
        quality.tick()
        quality.tick()
    found = bench.counted(age)
    assert found == (4, 1)  # the minutes 0, 3, 120 and 1: the third is two hours later
    assert bench.counted(volume) == (0, 0)  # nothing was closed by the clock that ran ahead
    for minute, looked in ((7, 1), (12, 2)):
        bench.clock.set(NOW + timedelta(minutes=minute + 4))
        bench.insert("orders", {"id": minute}, minute=-minute)
        bench.moves_on("orders")
        quality.tick()
        quality.tick()
        assert bench.counted(volume) == (looked, 0)


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
        ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
    ],
)
def test_a_daily_rule_judges_each_day_of_the_zone_once(
    tmp_path: Path, zone: str, first: datetime, hours: int
) -> None:
    """The day on which the clock changes has 23 or 25 hours, all of them its own and no other's."""
    begun = first - timedelta(hours=25)
    bench = Workbench(tmp_path / "z.duckdb", now=begun, zone=zone, by_hand=True)
    (rule,) = bench.add(Rule("orders", "volume", min=hours, max=hours, window="1d"))
    quality = bench.engine.quality
    for number, length in enumerate((25, hours, 24)):
        begin = bench.clock.now() - bench.now
        rows = [begin / timedelta(minutes=1) + 60 * hour + 30 for hour in range(length)]
        bench.clock.advance(timedelta(hours=length))
        bench.take(*(bench.line("orders", "c", {"id": at}, -at) for at in rows))
        quality.tick()
        assert bench.counted(rule)[0] == number  # the day is not over before the delay of closing
        bench.clock.advance(timedelta(minutes=2))
        bench.moves_on("orders")
        quality.tick()
        quality.tick()
        assert bench.counted(rule)[0] == number + 1
        bench.clock.advance(timedelta(minutes=-2))
    wrong = [first + timedelta(hours=hours), first - timedelta(days=1)]
    assert [each.at for each in bench.violations(rule)] == wrong
    bench.close()
