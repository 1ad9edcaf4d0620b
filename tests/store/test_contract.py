"""What `core.storage.Store` promises, over every implementation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from datawatch_lab.core.batches import Offset
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.storage import LOG_SCHEMA, MeasureRead, Span, Store
from datawatch_lab.core.values import (
    Column,
    Correction,
    LedgerCounts,
    MeasureDef,
    MeasureKind,
    Role,
    SeriesDef,
    Stated,
    TableInfo,
)
from tests.store.builders import (
    ALWAYS,
    NOON,
    ORDERS,
    appends,
    identify,
    ledger_rows,
    log_rows,
    make_commit,
    partial,
    quarantine_rows,
    states_of,
    strings,
)

Opener = Callable[[], Store]


def test_an_empty_store_answers_every_question(store: Store) -> None:
    """Nothing stored gives empty answers, not errors."""
    catalogue = store.catalogue()
    assert (catalogue.tables, catalogue.series, catalogue.last_seq) == ([], [], 0)
    assert store.ledger() == {}
    assert store.quarantine() == []
    assert list(store.read_log(1)) == []
    assert store.measure_span([1, 2]) is None
    assert store.measure_span([]) is None
    assert store.compact() == 0
    assert store.version == 0
    assert states_of(store, "1m", [1]) == {"partials": [], "bins": [], "registers": []}


def test_the_catalogue_survives_reopening(opener: Opener) -> None:
    """What a commit defined is there after close and open, exactly."""
    table = TableInfo(
        id=7,
        schema="sales",
        table='or"ders',
        name="sales_orders",
        key=("id", "line"),
        columns=(
            Column(name="id", type="integer", role=Role.ID, confidence=0.9, reason="a key."),
            Column(name="E-Mail", sensitive=True, corrected_by="user"),
        ),
        sampled=12,
    )
    measure = MeasureDef(id=3, table_id=7, kind=MeasureKind.STATE, field="status")
    series = SeriesDef(id=9, measure_id=3, labels=(("op", "c"), ("status", 'pa"id,ü')))
    first = opener()
    first.commit(
        make_commit(
            log=log_rows(first, ["a", "b"], 1),
            tables=[table],
            measures=[measure],
            series=[series],
            offsets=[Offset("file", {"line": 3, "deep": [1, {"x": None}]})],
            watermarks={("file", 7): NOON + timedelta(microseconds=1)},
            cursors={"metrics": 2},
            evidence={7: b"\x00\xff"},
        )
    )
    before, version = first.catalogue(), first.version
    first.close()
    second = opener()
    after = second.catalogue()
    assert after == before
    assert second.version == version == 1
    assert after.tables == [table]
    assert (after.measures, after.series) == ([measure], [series])
    assert after.offsets == {"file": {"line": 3, "deep": [1, {"x": None}]}}
    assert after.watermarks == {("file", 7): NOON + timedelta(microseconds=1)}
    assert (after.cursors, after.evidence, after.last_seq) == ({"metrics": 2}, {7: b"\x00\xff"}, 2)


def test_later_definitions_replace_earlier_ones(store: Store) -> None:
    """A table, an offset, a watermark and a cursor have one value: the last."""
    for count in (1, 2, 3):
        store.commit(
            make_commit(
                tables=[msgspec.structs.replace(ORDERS, sampled=count)],
                offsets=[Offset("file", {"line": count})],
                watermarks={("file", 1): NOON + timedelta(hours=count)},
                cursors={"metrics": count},
                evidence={1: bytes([count])},
            )
        )
    store.compact()
    catalogue = store.catalogue()
    assert [table.sampled for table in catalogue.tables] == [3]
    assert catalogue.offsets == {"file": {"line": 3}}
    assert catalogue.watermarks == {("file", 1): NOON + timedelta(hours=3)}
    assert (catalogue.cursors, catalogue.evidence) == ({"metrics": 3}, {1: b"\x03"})
    assert store.version == 3


def test_an_event_is_seen_once_it_is_in_the_log_or_in_quarantine(opener: Opener) -> None:
    """Identity is judged against both, also after reopening; nothing else is seen."""
    store = opener()
    store.commit(
        make_commit(log=log_rows(store, ["a", "b"], 1), quarantine=quarantine_rows(store, [b"bad"]))
    )
    asked = ["a", "c", b"bad".hex(), "b"]
    assert identify(store, asked).seen.tolist() == [True, False, True, True]
    assert identify(store, asked, origin="other").seen.tolist() == [False] * 4
    store.close()
    assert identify(opener(), asked).seen.tolist() == [True, False, True, True]


def test_of_repeats_in_one_call_the_first_stands(store: Store) -> None:
    """Only the later ones are seen; identity is by origin, table and id together."""
    found = store.identify(
        strings(["pg", "pg", "pg", "pg", None, ""]),
        strings(["o", "o", "p", "o", "o", "o"]),
        strings(["1", "1", "1", "2", "1", "1"]),
    )
    assert found.seen.tolist() == [False, True, False, False, False, True]
    assert found.hi[0] == found.hi[1]
    assert found.lo[0] == found.lo[1]
    assert len(set(zip(found.hi.tolist(), found.lo.tolist(), strict=True))) == 4


def test_identity_is_the_same_in_every_version(store: Store) -> None:
    """The halves are those of the MD5 of the three texts: files of old releases stay readable."""
    found = store.identify(strings(["pg"]), strings(["public.orders"]), strings(["é-1"]))
    digest = hashlib.md5("pg\x1fpublic.orders\x1fé-1".encode()).digest()  # noqa: S324 not a secret
    assert (int(found.hi[0]) << 64) + int(found.lo[0]) == int.from_bytes(digest, "little")


def test_the_log_gives_back_exactly_what_came(store: Store) -> None:
    """Digits, spacing, escapes and order of fields of an image are kept."""
    images = ['{"b": 1.10,  "a":123456789012345678901234567890}', None, '{"ü":"\\u00e9","n":null}']
    rows = log_rows(store, ["a", "b", "c"], 1, images=images)
    store.commit(make_commit(log=rows))
    (frame,) = store.read_log(1)
    assert frame.columns == LOG_SCHEMA.names
    assert frame["after"].to_list() == images
    assert frame.to_arrow().cast(LOG_SCHEMA).equals(rows)


def test_the_log_is_read_by_table_range_and_chunk(store: Store) -> None:
    """Frames hold at most a chunk, in order, without gaps, within (after_seq, to_seq]."""
    ids = [f"e{n}" for n in range(1000)]
    store.commit(make_commit(log=log_rows(store, ids[:600], 1)))
    store.commit(make_commit(log=log_rows(store, ids[600:601], 601, table=2)))
    store.commit(make_commit(log=log_rows(store, ids[601:], 602)))
    frames = list(store.read_log(1, after_seq=10, to_seq=900, chunk=37))
    assert max(frame.height for frame in frames) <= 37
    read = [seq for frame in frames for seq in frame["seq"].to_list()]
    assert read == [seq for seq in range(11, 901) if seq != 601]
    (rare,) = store.read_log(2, chunk=5)
    assert rare["event_id"].to_list() == ["e600"]


def test_reading_the_log_gives_what_was_there_at_the_start(store: Store) -> None:
    """What is committed while it is read is left for the next reading."""
    store.commit(make_commit(log=log_rows(store, [f"e{n}" for n in range(20)], 1)))
    frames = store.read_log(1, chunk=10)
    first = next(frames)
    store.commit(make_commit(log=log_rows(store, ["later"], 21)))
    assert first.height + sum(frame.height for frame in frames) == 20


def test_the_ledger_adds_up_increments(store: Store) -> None:
    """Increments sum by source and table, also negative ones of a replay, also when compacted."""
    store.commit(make_commit(ledger=ledger_rows(("f", "orders", 10, 7, 1, 1, 1))))
    store.commit(
        make_commit(ledger=ledger_rows(("f", "orders", 0, 1, 0, 0, -1), ("f", "", 1, 0, 0, 0, 1)))
    )
    expected = {
        ("f", "orders"): LedgerCounts(10, 8, 1, 1, 0),
        ("f", ""): LedgerCounts(1, 0, 0, 0, 1),
    }
    assert store.ledger() == expected
    store.compact()
    assert store.ledger() == expected
    assert all(counts.balanced for counts in store.ledger().values())


def test_quarantine_lists_waiting_rows_and_remembers_replayed_ones(opener: Opener) -> None:
    """Rows keep their bytes and ids; a replayed one leaves the waiting list, not the file."""
    store = opener()
    store.commit(make_commit(quarantine=quarantine_rows(store, [b"\xff\x00", b"{", b"]"])))
    store.commit(make_commit(quarantine=quarantine_rows(store, [b"later"], kind="late")))
    rows = store.quarantine()
    assert [row.raw for row in rows] == [b"\xff\x00", b"{", b"]", b"later"]
    assert [row.line for row in rows[:3]] == [1, 2, 3]
    assert rows[0].received == NOON
    store.commit(make_commit(replayed={rows[1].id: 5, rows[3].id: 0}))
    assert [row.id for row in store.quarantine()] == [rows[0].id, rows[2].id]
    assert [row.id for row in store.quarantine(state="replayed")] == [rows[1].id, rows[3].id]
    assert len(store.quarantine(state="")) == 4
    assert [row.raw for row in store.quarantine(ids=[rows[2].id, rows[1].id])] == [b"]"]
    assert [row.raw for row in store.quarantine(limit=1)] == [b"\xff\x00"]
    store.close()
    again = opener()
    again.commit(make_commit(quarantine=quarantine_rows(again, [b"new"])))
    assert again.quarantine()[-1].id == max(row.id for row in rows) + 1


def test_series_merge_into_groups_steps_and_spans(store: Store) -> None:
    """Two series of a group merge; spans of several levels join; steps align to the origin."""
    store.commit(
        make_commit(
            appends=appends(
                [partial(1, NOON + timedelta(minutes=m), 1.0, m) for m in range(180)]
                + [partial(2, NOON + timedelta(minutes=m), 10.0, m) for m in range(180)]
                + [partial(3, NOON, 100.0, 1)]
            )
        )
    )
    hour = timedelta(hours=1)
    read = MeasureRead(
        groups={1: 5, 2: 5, 3: 6},
        spans=[
            Span("1m", NOON, NOON + hour),
            Span("1h", NOON + hour, NOON + 2 * hour),
            Span("1s", NOON + 2 * hour, NOON + 2 * hour + timedelta(minutes=30)),
        ],
        step=timedelta(minutes=90),
        origin=NOON - timedelta(minutes=60),
    )
    rows = (
        store.read_measures(read)
        .partials.sort("group", "bucket")
        .select("group", "bucket", "n", "sum")
    )
    at = NOON - timedelta(minutes=60)
    assert rows.rows() == [
        (5, at, 60, 330.0),
        (5, at + timedelta(minutes=90), 180, 990.0),
        (5, at + timedelta(minutes=180), 60, 330.0),
        (6, at, 1, 100.0),
    ]
    whole = store.read_measures(MeasureRead(groups={1: 0, 2: 0}, spans=[Span("1d", *ALWAYS)]))
    assert whole.partials.select("group", "bucket", "n").rows() == [(0, None, 360)]
    assert (whole.bins.height, whole.registers.height) == (0, 0)
    assert whole.bins.columns == ["group", "bucket", "bin", "n"]


def test_measure_span_is_of_minutes(store: Store) -> None:
    """From the start of the first to the end of the last minute, of the series asked for."""
    moments = [NOON + timedelta(seconds=61), NOON + timedelta(hours=5, seconds=59)]
    store.commit(make_commit(appends=appends([partial(1, at, 1.0, 1) for at in moments])))
    store.commit(
        make_commit(appends=appends([partial(2, datetime(1969, 5, 5, tzinfo=UTC), 1.0, 1)]))
    )
    expected = (NOON + timedelta(minutes=1), NOON + timedelta(hours=5, minutes=1))
    assert store.measure_span([1]) == expected
    assert store.measure_span([1, 2]) == (datetime(1969, 5, 5, tzinfo=UTC), expected[1])
    assert store.measure_span([3]) is None


def test_dropped_measures_take_their_series_and_states_along(store: Store) -> None:
    """States of other measures stay, whether compacted or not."""
    store.commit(
        make_commit(
            measures=[MeasureDef(id=n, table_id=1, kind=MeasureKind.VALUE) for n in (1, 2)],
            series=[SeriesDef(id=n, measure_id=n) for n in (1, 2)],
            appends=appends(
                [partial(n, NOON, 1.0, 1) for n in (1, 2)],
                [(n, NOON, 4, 1) for n in (1, 2)],
                [(n, NOON, 4, 1) for n in (1, 2)],
            ),
        )
    )
    for _ in range(2):
        store.compact()
    store.commit(make_commit(appends=appends([partial(n, NOON, 2.0, 2) for n in (1, 2)])))
    kept = states_of(store, "1h", [2])
    store.commit(make_commit(dropped_measures=[1]))
    assert states_of(store, "1h", [1, 2]) == kept
    assert [one.id for one in store.catalogue().series] == [2]
    assert [one.id for one in store.catalogue().measures] == [2]


def test_dropped_series_take_their_states_along(store: Store) -> None:
    """The measure and its other series stay, whether compacted or not."""
    labels = {1: (), 2: (("state", "open"),)}
    store.commit(
        make_commit(
            measures=[MeasureDef(id=1, table_id=1, kind=MeasureKind.VALUE)],
            series=[SeriesDef(id=n, measure_id=1, labels=labels[n]) for n in labels],
            appends=appends(
                [partial(n, NOON, 1.0, 1) for n in (1, 2)],
                [(n, NOON, 4, 1) for n in (1, 2)],
                [(n, NOON, 4, 1) for n in (1, 2)],
            ),
        )
    )
    for _ in range(2):
        store.compact()
    store.commit(make_commit(appends=appends([partial(n, NOON, 2.0, 2) for n in (1, 2)])))
    kept = states_of(store, "1h", [1])
    store.commit(make_commit(dropped_series=[2]))
    assert states_of(store, "1h", [1, 2]) == kept
    assert [one.id for one in store.catalogue().series] == [1]
    assert [one.id for one in store.catalogue().measures] == [1]


def test_what_is_stated_of_a_table_is_kept(store: Store) -> None:
    """Key, who named it, declared types and users' corrections come back as they were."""
    stated = Stated(
        key=("id", "line"),
        types={"amount": "number"},
        corrections={"state": Correction(role=Role.TEXT, sensitive=True)},
    )
    table = TableInfo(
        id=1, schema="", table="t", name="t", key=("id", "line"), key_from="source", stated=stated
    )
    store.commit(make_commit(tables=[table]))
    assert list(store.catalogue().tables) == [table]


def test_a_failing_commit_changes_nothing(store: Store) -> None:
    """Everything or nothing: a column of the wrong kind in the last statement undoes the first."""
    store.commit(make_commit(log=log_rows(store, ["a"], 1)))
    rows = log_rows(store, ["b"], 2)
    broken = appends([partial(1, NOON, 1.0, 1)])
    wrong = broken.partials.set_column(0, "series", strings(["no number"]))
    bad = type(broken)(wrong, broken.bins, broken.registers)
    with pytest.raises(WorkspaceError, match="could not store"):
        store.commit(make_commit(log=rows, appends=bad, cursors={"metrics": 2}))
    assert store.version == 1
    assert store.catalogue().last_seq == 1
    assert store.catalogue().cursors == {}
    assert identify(store, ["a", "b"]).seen.tolist() == [True, False]
    store.commit(make_commit(log=rows))
    assert store.catalogue().last_seq == 2


def test_a_closed_store_says_so(store: Store) -> None:
    """Both asking and storing are refused with a sentence; closing twice is harmless."""
    store.close()
    store.close()
    with pytest.raises(WorkspaceError, match="closed"):
        store.ledger()
    with pytest.raises(WorkspaceError, match="closed"):
        store.commit(make_commit())
