from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.sources.demo_simulator import Shop, Simulator
from datawatch_lab.ingest.sources.demo_truth import Incident, IncidentKind, Truth

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
Event = dict[str, Any]


def _lines(simulator: Simulator, start: datetime, end: datetime) -> list[bytes]:
    return [line for chunk in simulator.history(start, end) for line in chunk]


def _events(lines: Iterable[bytes]) -> Iterator[Event]:
    """The well-formed events among lines, each once."""
    seen = set()
    for line in lines:
        event = _parsed(line)
        if event is not None and event["id"] not in seen:
            seen.add(event["id"])
            yield event


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    known = event.get("operation") in ("INSERT", "UPDATE", "DELETE", "DDL") and "table" in event
    dated = not event.get("timestamp", "about").startswith("about")
    return event if known and dated and ("after" in event or "ddl_command" in event) else None


def _at(event: Event) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


@pytest.fixture(scope="module")
def three_days() -> list[Event]:
    """Events of a small shop's first three days, each once, in order of arrival."""
    shop = Shop(orders_per_minute=3.0, bad_share=0.01, duplicate_share=0.01, late_share=0.01)
    return list(_events(_lines(shop.opened(START), START, START + 3 * DAY)))


def test_same_seed_same_bytes() -> None:
    """Two simulators of one seed and start say the same; another seed says something else."""
    end = START + timedelta(hours=6)
    first, again, other = (_lines(Simulator(seed, START), START, end) for seed in (7, 7, 8))
    assert len(first) > 1_000
    assert first == again
    assert first != other


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 12 * 3_600 * 1_000_000), min_size=1, max_size=4))
def test_pieces_make_the_whole(cuts: list[int]) -> None:
    """Wherever history is cut, and with new simulators after a cut, lines and offsets agree."""
    times = [START, *(START + timedelta(microseconds=c) for c in sorted(cuts))]
    times.append(START + timedelta(hours=12))
    whole = list(Simulator(3, START).stretches(times[0], times[-1]))
    pieces = [
        stretch
        for begin, end in pairwise(times)
        for stretch in Simulator(3, START).stretches(begin, end)
    ]
    assert [x for s in pieces for x in s.lines] == [x for s in whole for x in s.lines]
    offsets = np.concatenate([s.offsets for s in pieces])
    assert np.array_equal(offsets, np.concatenate([s.offsets for s in whole]))
    assert (np.diff(offsets) > 0).all()


def test_live_goes_on_where_history_ended() -> None:
    """Live events, asked for at any pace, continue the same stream."""
    middle, end = START + timedelta(hours=6), START + timedelta(hours=7)
    simulator = Simulator(7, START)
    lines = _lines(simulator, START, middle)
    now = middle
    while now < end:
        now = min(end, now + timedelta(seconds=17))
        lines += simulator.live(now)
    assert lines == _lines(Simulator(7, START), START, end)
    assert simulator.live(middle) == []


def test_chunks_are_of_some_thousand() -> None:
    """History comes in chunks that are worth a batch each and none that is huge."""
    sizes = [len(chunk) for chunk in Simulator(7, START).history(START, START + 2 * DAY)]
    assert min(sizes[:-1]) >= 5_000
    assert max(sizes) < 20_000


def test_default_traffic_is_lively() -> None:
    """Orders come every minute of a usual hour, and something arrives at least every 30 s."""
    simulator = Simulator(7, START, incidents=False)
    noon = START + timedelta(days=1, hours=12)
    events = list(_events(_lines(simulator, noon, noon + timedelta(hours=1))))
    orders = Counter(_at(e).minute for e in events if _is_order(e))
    gaps = np.diff(sorted(_at(e).timestamp() for e in events))
    assert len(orders) >= 58
    assert 6 < sum(orders.values()) / 60 < 14
    assert np.quantile(gaps, 0.99) < 10


def _is_order(event: Event) -> bool:
    return (event["table"], event["operation"]) == ("orders", "INSERT")


def test_before_images_are_the_rows_as_they_were(three_days: list[Event]) -> None:
    """Played in order of time, each before image is what the row last became."""
    ordered = sorted(
        (e for e in three_days if e["operation"] != "DDL"),
        key=lambda e: (e["timestamp"], e["position"]["sequence"]),
    )
    newest_known = max(_at(e) for e in ordered) - timedelta(hours=49)
    rows: dict[tuple[str, object], Event] = {}
    checked = 0
    for event in (e for e in ordered if _at(e) < newest_known):
        before, after = event["before"], event["after"]
        key = (event["table"], (before or after)["id"])
        assert (key in rows) == (event["operation"] != "INSERT"), event
        if before is not None:
            assert {"coupon_code": None} | before == {"coupon_code": None} | rows.pop(key)
            checked += 1
        if after is not None:
            rows[key] = after
    assert checked > 2_000


def test_positions_and_times_ascend(three_days: list[Event]) -> None:
    """Positions are unique and ordered as event times are; captured comes after the event."""
    events = three_days
    by_position = sorted(events, key=lambda e: (_lsn(e), e["position"]["sequence"]))
    assert [e["timestamp"] for e in by_position] == sorted(e["timestamp"] for e in events)
    assert len({(_lsn(e), e["position"]["sequence"]) for e in events}) == len(events)
    lags = [datetime.fromisoformat(e["metadata"]["captured_at"]) - _at(e) for e in events]
    assert min(lags) >= timedelta(milliseconds=100)


def _lsn(event: Event) -> int:
    high, low = event["position"]["lsn"].split("/")
    return (int(high, 16) << 32) + int(low, 16)


def test_transactions_hold_several_rows(three_days: list[Event]) -> None:
    """A payment and the order it pays share a transaction, time and ascending sequence."""
    groups: dict[str, list[Event]] = {}
    for event in three_days:
        groups.setdefault(event["transaction_id"], []).append(event)
    pairs = [g for g in groups.values() if {e["table"] for e in g} == {"orders", "payments"}]
    assert len(pairs) > 1_000
    assert all(len({e["timestamp"] for e in pair}) == 1 for pair in pairs)


def test_planted_counts_are_true() -> None:
    """The truth's counts of lines, faults, duplicates, late and DDL are those of the stream."""
    shop = Shop(orders_per_minute=3.0, bad_share=0.01, duplicate_share=0.02, late_share=0.03)
    simulator = shop.opened(START)
    start, end = START + timedelta(hours=18), START + timedelta(hours=60)
    lines = _lines(simulator, start, end)
    good = [e for e in map(_parsed, lines) if e is not None]
    truth = simulator.truth(start, end)
    planted = truth.planted
    assert planted.received == len(lines)
    assert planted.malformed == len(lines) - len(good)
    behind = Counter(_behind(good))
    assert behind == {"late": planted.late, "delayed": planted.delayed}
    assert planted.late > 5
    assert planted.ddl == sum(e["operation"] == "DDL" for e in good) == 1
    # An original may arrive before the stretch and its duplicate in it.
    assert 0 <= len({e["id"] for e in good}) - planted.events < 10
    assert planted.events + planted.duplicate == len(good)


def _behind(events: Iterable[Event]) -> Iterator[str]:
    newest = START
    for event in events:
        ago = newest - _at(event)
        if ago > timedelta(minutes=9):
            yield "late" if ago > DAY else "delayed"
        newest = max(newest, _at(event))


def test_counts_by_table_add_up() -> None:
    """The tables' counts add up to the planted counts."""
    truth = Simulator(7, START).truth(START, START + DAY)
    for field in ("events", "malformed", "duplicate", "invalid", "delayed", "late", "ddl"):
        by_table = sum(getattr(counts, field) for counts in truth.tables.values())
        assert by_table == getattr(truth.planted, field)


def test_invalid_rows_are_planted() -> None:
    """Inserted rows with senseless values are as many as the truth says."""
    simulator = Simulator(7, START, bad_share=0.02, duplicate_share=0.0)
    inserted = [
        e for e in _events(_lines(simulator, START, START + DAY)) if e["operation"] == "INSERT"
    ]
    faults = Counter(fault for e in inserted for fault in [_fault(e)] if fault)
    assert sum(faults.values()) == simulator.truth(START, START + DAY).planted.invalid
    assert set(faults) == {"negative", "no customer", "status", "email"}


def _fault(event: Event) -> str:
    row = event["after"]
    if row.get("amount", "").startswith("-"):
        return "negative"
    if event["table"] == "orders" and row["customer_id"] is None:
        return "no customer"
    if row.get("status", "").endswith("?"):
        return "status"
    return "" if "@" in row.get("email", "@") else "email"


def test_truth_is_plain_data() -> None:
    """The truth goes to JSON and back unchanged."""
    truth = Simulator(7, START).truth(START, START + 2 * DAY)
    assert msgspec.json.decode(msgspec.json.encode(truth), type=Truth) == truth
    assert truth.incidents
    assert all(START <= i.start < i.end for i in truth.incidents)


def test_all_kinds_of_incident_come_within_four_days() -> None:
    """Whoever looks at four days has seen each kind of incident at least once."""
    for seed in range(5):
        truth = Simulator(seed, START, orders_per_minute=0.5).truth(START, START + 4 * DAY)
        kinds = {i.kind for i in truth.incidents}
        assert kinds == {
            *("spike", "drop", "outage", "payment_failures", "lag", "price_error", "trend"),
        }


def _incident(kind: IncidentKind, magnitude: float) -> Incident:
    start = START + timedelta(hours=30)
    return Incident(
        id="x",
        kind=kind,
        table="orders",
        metric="",
        start=start,
        end=start + timedelta(hours=2),
        magnitude=magnitude,
        description="",
    )


def _during(kind: IncidentKind, magnitude: float) -> tuple[list[Event], list[Event]]:
    """Events of the same two hours with and without an incident."""
    incident = _incident(kind, magnitude)
    found = []
    for incidents in ((incident,), ()):
        simulator = Simulator(7, START, incidents=incidents, late_share=0.0)
        stop = incident.end + timedelta(minutes=30)
        events = _events(_lines(simulator, incident.start, stop))
        found.append([e for e in events if incident.start <= _at(e) < incident.end])
    return found[0], found[1]


@pytest.mark.parametrize(("kind", "factor"), [("drop", 0.2), ("spike", 3.0), ("trend", 1.4)])
def test_an_incident_changes_the_rate_as_told(kind: IncidentKind, factor: float) -> None:
    """Orders during a drop, spike or shift of trend are the told multiple of the usual."""
    with_it, without = (sum(map(_is_order, events)) for events in _during(kind, factor))
    assert with_it / without == pytest.approx(factor, rel=0.15)


def test_nothing_happens_in_an_outage() -> None:
    """No event at all is dated within an outage; usually there are hundreds."""
    with_it, without = _during("outage", 0.0)
    assert with_it == []
    assert len(without) > 500


def test_payments_fail_as_told() -> None:
    """The share of failed payments is the told one."""
    events, usual = (
        [e["after"]["status"] == "failed" for e in found if "method" in (e.get("after") or {})]
        for found in _during("payment_failures", 0.6)
    )
    assert np.mean(events) == pytest.approx(0.6, abs=0.06)
    assert np.mean(usual) < 0.1


def test_capture_lags_as_told() -> None:
    """The greatest lag is the told one, and order of arrival stays order of event time."""
    events, _ = _during("lag", 300.0)
    lags = [
        (datetime.fromisoformat(e["metadata"]["captured_at"]) - _at(e)).total_seconds()
        for e in events
    ]
    assert max(lags) == pytest.approx(300, abs=1)
    assert [_at(e) for e in events] == sorted(_at(e) for e in events)


def test_prices_go_wrong_as_told() -> None:
    """About three orders in ten cost a hundred times too much."""
    events, usual = (
        np.array([float(e["after"]["amount"]) for e in found if _is_order(e)])
        for found in _during("price_error", 100.0)
    )
    assert np.mean(events > 2_000) == pytest.approx(0.3, abs=0.1)
    assert np.mean(usual > 2_000) < 0.02


def test_a_column_comes_with_its_ddl(three_days: list[Event]) -> None:
    """Rows carry the new column from its ALTER TABLE on, not before."""
    events = [e for e in three_days if e["table"] == "orders"]
    (ddl,) = [e for e in events if e["operation"] == "DDL"]
    assert ddl["ddl_command"] == "ALTER TABLE orders ADD COLUMN coupon_code varchar(20)"
    for event in events:
        if event["operation"] != "DDL":
            image = event["after"] or event["before"]
            assert ("coupon_code" in image) == (_at(event) >= _at(ddl))
    assert any((e.get("after") or {}).get("coupon_code") for e in events)


def test_evenings_are_busier_than_nights_by_the_wall_clock() -> None:
    """The season follows the wall clock of the time zone."""
    for zone in ("UTC", "Asia/Tokyo"):
        shop = Shop(orders_per_minute=3.0, incidents=False, timezone=zone)
        simulator = shop.opened(START)
        hours = Counter(
            _at(e).astimezone(ZoneInfo(zone)).hour
            for e in _events(_lines(simulator, START, START + 2 * DAY))
            if _is_order(e)
        )
        assert hours[19] + hours[20] > 2 * (hours[3] + hours[4])


def test_business_grows() -> None:
    """Months later there are more orders in the same hours of the week."""
    later = START + timedelta(weeks=26)
    counts = []
    for start in (START, later):
        simulator = Simulator(7, START, incidents=False)
        events = _events(_lines(simulator, start, start + timedelta(hours=12)))
        counts.append(sum(map(_is_order, events)))
    assert counts[1] / counts[0] == pytest.approx(1 + 26 * 0.012, rel=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"orders_per_minute": 0.0},
        {"bad_share": 0.5},
        {"timezone": "Mars/Olympus"},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    """An option out of range is an error that names it."""
    with pytest.raises(InputError, match="demo: "):
        Shop(**wrong).opened(START)


def test_a_start_without_zone_is_refused() -> None:
    """A naive start is ambiguous, and refused."""
    with pytest.raises(InputError, match="no time zone"):
        Simulator(1, datetime(2026, 1, 1))  # noqa: DTZ001 - that is the fault
