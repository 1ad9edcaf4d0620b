"""What detection once kept wrongly, or for ever: endless sums, settings, feedback, what goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from datawatch_lab.anomaly.evidence import LARGEST
from datawatch_lab.core.anomalies import AnomalySettings, DetectorSetting
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Aggregation, CustomMetric, MeasureKind
from datawatch_lab.engine import Engine
from datawatch_lab.engine.detection import Detection, preview
from datawatch_lab.engine.detection.actions import say
from datawatch_lab.engine.detection.choosing import choose, watched_name
from datawatch_lab.engine.detection.feedback import BEYOND
from datawatch_lab.engine.detection.models import BURST_SECONDS, Budget
from datawatch_lab.engine.detection.parts import error_rate_of
from datawatch_lab.engine.detection.preview import Histories, history_of
from datawatch_lab.engine.detection.slots import Slot
from datawatch_lab.engine.detection.wall import Wall
from datawatch_lab.ingest.decode import decode
from datawatch_lab.service.operations.detectors import (
    DetectorBody,
    DetectorsAsk,
    detectors,
    save_detector,
)
from datawatch_lab.store.anomalies import AnomalyFilter, AnomalyStore
from tests.engine.test_detection import LOUD, MINUTES, SPIKE, START, Shop, _of, counts, rows

TOTAL = ("orders_total", ())


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked at but when a test says so."""
    monkeypatch.setattr(Detection, "_wake", lambda _: None)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """An empty workspace."""
    made = Shop(tmp_path / "shop.duckdb")
    yield made
    made.engine.close()


def priced(minute: int, amount: float) -> list[bytes]:
    """Ten orders of a minute at one price."""
    found = [json.loads(line) for line in rows(minute, 10)]
    for each in found:
        each["after"]["amount"] = amount
    return [json.dumps(each).encode() for each in found]


def test_sums_beyond_doubles_are_clipped(shop: Shop) -> None:
    """Ten orders of 1e308 are one anomaly with a finite value; all that is stored can be read."""
    for begin in range(0, 140, 20):
        shop.clock.set(START + timedelta(minutes=begin + 20))
        lines = [
            each
            for minute in range(begin, begin + 20)
            for each in priced(minute, 1e308 if minute == 130 else 20.5 + minute % 3)
        ]
        shop.take(lines)
    (one,) = [each for each in _of(shop.found(), "orders_amount_sum") if each.value == LARGEST]
    assert np.isfinite([one.value, one.expected.min, one.expected.max, one.deviation]).all()
    assert one.severity == "high"
    shop.restart()
    assert one.id in {each.id for each in shop.detection.between(START, shop.clock.now())}


def test_what_cannot_be_read_is_left_out(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A stored anomaly without a value is told in the log; all others are listed as before."""
    shop.feed(counts(MINUTES, SPIKE))
    known = {each.id for each in shop.found()}
    bad = _of(shop.found(), "orders_total")[0].id
    with shop.engine.store.anomalies.writing() as con:
        con.execute(
            "UPDATE meta.anomalies SET document = replace(document, '\"value\":60.0', "
            "'\"value\":null') WHERE id = ?",
            [bad],
        )
    assert {each.id for each in shop.found()} == known - {bad}
    assert shop.engine.store.anomalies.one(bad) is None
    assert "cannot be read and is left out" in caplog.text


# ---------------------------------------------------------------------------- the wall clock


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)])  # noqa: DTZ001 — of UTC
def test_the_wall_clock_goes_on_through_changes(change: datetime) -> None:
    """In Berlin two hours of a year are left out and come twice; offsets are those of the zone."""
    start = int((change.replace(tzinfo=UTC) - timedelta(hours=3)).timestamp())
    moments = start + 900 * np.arange(24, dtype=np.int64)
    found = Wall("Europe/Berlin").seconds(moments) - moments
    summer = change.month == 3
    assert set(found[:12]) == {3_600.0 if summer else 7_200.0}
    assert set(found[12:]) == {7_200.0 if summer else 3_600.0}
    assert np.array_equal(Wall("UTC").seconds(moments), moments)


def _berlin(change: datetime) -> list[bytes]:
    """Four weeks before a change of clocks and two days after it: dear from eight to eight."""
    wall = Wall("Europe/Berlin")
    first = change - timedelta(days=28)
    rng, lines = np.random.default_rng(1), []
    for number in range(24 * 30):
        at = first + timedelta(hours=number)
        hour = int(wall.seconds(np.array([int(at.timestamp())]))[0] // 3_600 % 24)
        amount = (100.0 if 8 <= hour < 20 else 10.0) + float(rng.normal(0, 1))
        after = {"id": number, "amount": round(amount, 3)}
        event = {"type": "INSERT", "table": "orders", "timestamp": at.isoformat(), "after": after}
        lines.append(json.dumps(event).encode())
    return lines


@pytest.mark.parametrize("month", [3, 10])
def test_profiles_go_by_the_wall_clock(tmp_path: Path, month: int) -> None:
    """What is usual at eight is usual at eight when clocks have changed; by UTC it is strange."""
    day = datetime(2026, month, 29 if month == 3 else 25, 1, tzinfo=UTC)
    lines, clock, strange = _berlin(day), ManualClock(day + timedelta(days=2)), {}
    late = timedelta(days=400)
    for zone in ("Europe/Berlin", "UTC"):
        settings = Settings(timezone=zone, allowed_lateness=late)
        path = tmp_path / f"{zone[:3]}.duckdb"
        with closing(Engine.open(path, settings=settings, clock=clock)) as engine:
            engine.submit(decode(lines, range(720), range(720), source="shop")).result()
            history = history_of(engine, "orders_amount_avg")
            assert history.step == timedelta(hours=1)
            after = history.starts >= day.timestamp()
            strange[zone] = float(history.scored.raw[after].max())
    assert strange["Europe/Berlin"] + 0.5 < strange["UTC"]


def test_detectors_go_by_the_wall_clock(tmp_path: Path) -> None:
    """Live too; where the workspace gets another zone they are made anew."""
    shop = Shop(tmp_path / "berlin.duckdb")
    shop.engine.close()
    for zone, offset in (("Europe/Berlin", 1), ("UTC", 0)):
        settings = Settings(timezone=zone, allowed_lateness=timedelta(days=2))
        shop.engine = Engine.open(shop.path, settings=settings, clock=shop.clock)
        shop.detection = shop.engine.beside(Detection)
        if offset:
            shop.feed(counts(MINUTES, {}))
        shop.found()
        with shop.detection.with_detectors() as detectors:
            hour = int(detectors.levels.of["hour"][detectors.places[TOTAL]])
            assert hour == int(START.timestamp()) // 3_600 + (MINUTES - 2) // 60 + offset
        shop.engine.close()


# ---------------------------------------------------------------------------- settings, feedback


def _setting(shop: Shop, metric: str, **labels: str) -> DetectorSetting:
    return DetectorSetting(metric=metric, labels=labels, sensitivity=8.0, at=shop.clock.now())


def test_a_setting_holds_by_any_name_of_a_series(shop: Shop) -> None:
    """It is kept under the watched name; what is not watched is refused with what is."""
    shop.feed(counts(100, {}))
    shop.found()
    before = shop.detection.in_force(TOTAL)
    kept = choose(shop.detection, _setting(shop, "orders_created_rate"))
    assert (kept.metric, kept.labels) == (TOTAL[0], {})
    assert before is not None
    assert (shop.detection.in_force(TOTAL) or 0.0) > before + 1.0
    assert watched_name(shop.engine, "orders_created_rate") == "orders_total"
    part = choose(shop.detection, _setting(shop, "orders_created_rate", city="ulm"))
    assert part.metric == "orders_inserts_total"
    assert part.labels == {"city": "ulm"}
    with pytest.raises(InputError, match="orders_amount_max is not watched") as refused:
        choose(shop.detection, _setting(shop, "orders_amount_max"))
    assert "orders_amount_avg" in str(refused.value.hint)
    assert len(shop.engine.store.anomalies.chosen()) == 2


def test_the_answer_says_by_which_name_a_series_is_watched(shop: Shop) -> None:
    """What was chosen is found by the other name too; of a name that is watched nothing is said."""
    shop.feed(counts(100, {}))
    shop.found()
    body = DetectorBody(metric="orders_created_rate", sensitivity=0.4)
    saved = save_detector.function(shop.engine, body)
    assert (saved.metric, saved.asked) == ("orders_total", "orders_created_rate")
    plain = DetectorBody(metric="orders_amount_avg", sensitivity=0.4)
    assert save_detector.function(shop.engine, plain).asked == ""
    found = detectors.function(shop.engine, DetectorsAsk(metric="orders_created_rate"))
    assert [each.id for each in found.chosen] == [saved.id]
    assert len(detectors.function(shop.engine, DetectorsAsk()).chosen) == 2


def test_feedback_follows_what_was_said_last(shop: Shop) -> None:
    """Said again it adds nothing; something else takes it back; two anomalies count both."""
    shop.feed(counts(230, {**SPIKE, **dict.fromkeys(range(200, 206), LOUD)}))
    first, second = sorted(_of(shop.found(), "orders_total"), key=lambda each: each.started_at)
    start = say(shop.detection, first.id, "real", "ada", "")
    assert start.after.opens == pytest.approx(start.before.opens - 0.1)
    again = say(shop.detection, first.id, "real", "ada", "")
    assert again.after == again.before == start.after
    assert "said already" in again.said
    both = say(shop.detection, second.id, "real", "ada", "")
    assert both.after.opens == pytest.approx(start.before.opens - 0.2)
    expected = say(shop.detection, second.id, "expected", "ada", "")
    assert expected.after.opens == pytest.approx(start.after.opens)
    assert expected.after.least > BEYOND * 3.0
    shop.restart()
    say(shop.detection, first.id, "known_event", "ada", "")
    back = say(shop.detection, second.id, "known_event", "ada", "")
    assert back.after == start.before
    assert back.flagged_after >= 2


def test_feedback_older_than_the_log_waits_for_its_series(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Detectors that begin anew see no close as old as it; once its series is there it holds."""
    shop.feed(counts(230, {**SPIKE, **dict.fromkeys(range(200, 206), LOUD)}))
    first = min(_of(shop.found(), "orders_total"), key=lambda each: each.started_at)
    said = say(shop.detection, first.id, "expected", "ada", "")
    marks = [
        msgspec.structs.replace(each, number=1) for each in shop.engine.store.anomalies.marks()
    ]
    monkeypatch.setattr(AnomalyStore, "marks", lambda _: marks)
    monkeypatch.setattr(AnomalyStore, "checkpoint", lambda _: None)
    shop.restart()
    shop.found()
    assert (shop.detection.in_force(TOTAL) or 0.0) > 0.0
    assert shop.detection._detectors is not None
    place = shop.detection._detectors.places[TOTAL]
    assert shop.detection._detectors.watched[place].floor == pytest.approx(said.after.least)
    assert not shop.detection._marks


def test_feedback_on_what_is_gone_is_kept(shop: Shop) -> None:
    """Of a metric that is not watched: kept, said so, and nothing is counted."""
    shop.feed(counts(MINUTES, SPIKE))
    one = _of(shop.found(), "orders_total")[0]
    gone = msgspec.structs.replace(one, id="gone", metric_name="orders_gone_total")
    shop.engine.store.anomalies.save([gone])
    found = say(shop.detection, "gone", "expected", "ada", "")
    assert (found.days, found.flagged_before, found.flagged_after) == (0.0, 0, 0)
    assert "not watched" in found.said
    assert found.anomaly.feedback is not None


# ---------------------------------------------------------------------------- what goes on


def test_what_is_not_found_again_is_over(shop: Shop) -> None:
    """An episode found after the last stored state ends when other settings do not find it."""
    shop.feed(counts(100, {}))
    shop.detection.catch_up()
    shop.detection.checkpoint()
    shop.feed(counts(134, SPIKE)[100:], first=100)
    (one,) = _of(shop.found(), "orders_total")
    assert one.active
    told: list[str] = []
    shop.detection.listen(lambda changed: told.extend(e.id for e in changed if e.ended_at))
    shop.detection.change(AnomalySettings(sensitivity=8.0))
    after = shop.detection.get(_of(shop.found(), "orders_total")[0].id)
    assert after.ended_at == one.until
    assert one.id in told
    assert shop.detection.active() == []


def test_what_goes_on_ends_with_its_metric(shop: Shop) -> None:
    """A custom metric that is dropped while its episode is open leaves nothing that goes on."""
    shop.feed(counts(100, {}))
    metric = CustomMetric(name="big_orders", table="orders", aggregation=Aggregation.COUNT)
    shop.engine.measures.custom.define(shop.engine, metric, backfill=True)
    shop.feed(counts(134, SPIKE)[100:], first=100)
    assert [each.active for each in _of(shop.found(), "big_orders")] == [True]
    shop.engine.measures.custom.drop(shop.engine, "big_orders")
    shop.feed(counts(136, SPIKE)[134:], first=134)
    shop.found()
    (one,) = shop.engine.store.anomalies.found(AnomalyFilter(metric="big_orders"))
    assert not one.active
    assert "orders_total" in {each.metric_name for each in shop.detection.active()}


def test_late_rows_leave_critical_and_names(shop: Shop) -> None:
    """An episode that they change keeps its error rate's severity and River's names."""
    shop.feed(counts(MINUTES, SPIKE))
    one = _of(shop.found(), "orders_total")[0]
    with shop.detection.with_detectors() as detectors:
        going = detectors.recent[one.id]
        going.anomaly = msgspec.structs.replace(
            one, severity="critical", algorithms=(*one.algorithms, "adwin")
        )
    shop.take(rows(131, 5, late=True))
    after = next(each for each in shop.found() if each.id == one.id)
    assert (after.revised, after.severity) == (True, "critical")
    assert after.algorithms[-1] == "adwin"


def test_late_rows_are_seen_whatever_the_clock_says(shop: Shop) -> None:
    """At the same moment as others, and before it, when the clock was set back."""
    shop.feed(counts(MINUTES, SPIKE))
    one = _of(shop.found(), "orders_total")[0]
    minute = int((one.peak_at - START).total_seconds()) // 60
    seen: list[float] = []
    for back in (0, 0, 60):
        shop.clock.advance(timedelta(seconds=-back))
        shop.take([each.replace(b'"id": ', b'"id": 9%d' % len(seen)) for each in rows(minute, 7)])
        seen.append(next(each for each in shop.found() if each.id == one.id).value)
    assert seen == [LOUD + 7, LOUD + 14, LOUD + 21]


def test_silence_in_an_hour_that_is_new_is_missing_data(shop: Shop) -> None:
    """Its first zeros are not what is usual there: found at once, and as long as it lasts."""
    shop.feed(counts(120, {}))
    shop.silence(70)
    (gap,) = _of(shop.found(), "orders_total")
    assert (gap.type, gap.active) == ("missing", True)
    assert gap.started_at <= START + timedelta(minutes=122)
    assert gap.buckets >= 65


# ---------------------------------------------------------------------------- previews, shares


def test_few_histories_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one question the newest answer; of all together so many rows."""
    shop.feed(counts(100, {}))
    kept = shop.engine.beside(Histories)._known
    history_of(shop.engine, "orders_total")
    shop.feed(counts(120, {})[100:], first=100)
    newest = history_of(shop.engine, "orders_total")
    assert [*kept.values()] == [newest]
    monkeypatch.setattr(preview, "_MOST_ROWS", len(newest.x) + 10)
    other = history_of(shop.engine, "orders_amount_sum")
    assert [*kept.values()] == [other]


@pytest.mark.parametrize(
    ("kind", "metric", "rate"),
    [
        (MeasureKind.NULLS, "payments_error_null_ratio", None),
        (MeasureKind.CUSTOM, "payment_error_rate", 0.2),
        (MeasureKind.CUSTOM, "share_of_ulm", None),
    ],
)
def test_a_share_of_nulls_is_no_error_rate(
    kind: MeasureKind, metric: str, rate: float | None
) -> None:
    """However its column is called; a ratio that somebody named after errors is one."""
    slot = Slot(
        metric=metric,
        labels=(),
        table="payments",
        table_id=1,
        unit="ratio",
        fold="avg",
        members=(1,),
        counted=False,
        since=0.0,
        spread=True,
        kind=kind,
    )
    assert error_rate_of([slot], 0, np.array([0.2])) == rate


def test_what_a_model_spends_is_spent_however_it_ends() -> None:
    """A block that fails leaves no more of the budget than one that does not."""
    spent = iter([0.0, 0.4, 0.4, 0.4])
    budget = Budget(clock=lambda: 0.0, spent=lambda: next(spent))
    with pytest.raises(ZeroDivisionError), budget.spending():
        raise ZeroDivisionError
    assert budget._left == pytest.approx(BURST_SECONDS - 0.4)
