from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.sources.postgres import (
    PostgresOptions,
    PostgresSource,
    Selection,
    remove,
    server_stats,
    slot_status,
)
from datawatch_lab.ingest.sources.postgres.address import Address
from tests.ingest.postgres.conftest import Shop
from tests.ingest.sink import Sink
from tests.ingest.source_contract import sink
from tests.services.postgres import PASSWORD, URL_PASSWORD
from tests.waiting import PATIENCE, eventually

__all__ = ["sink"]

pytestmark = pytest.mark.services


def _read(url: str, sink: Sink, **options: Any) -> list[dict[str, Any]]:
    """Read what there is; gives the events that came."""
    before = len(sink.events())
    source = PostgresSource(url, PostgresOptions(follow=False, **options))
    for batch in source.batches(sink.offset):
        sink.store(batch)
        assert batch.offset is not None
        source.stored(batch.offset.position)
    return sink.events()[before:]


def _wait_for_readers_to_go(shop: Shop) -> None:
    """Wait until the server has let go of its slots' readers: it hears later that they ended."""
    active = "SELECT 1 FROM pg_replication_slots WHERE active AND database = current_database()"
    eventually(lambda: not shop.query(active), "a slot is still being read")


@contextmanager
def _following(url: str, sink: Sink) -> Iterator[None]:
    """Read in a thread for as long as the context lasts."""
    source = PostgresSource(url)

    def read() -> None:
        for batch in source.batches(sink.offset):
            sink.store(batch)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    eventually(lambda: source.reading)
    try:
        yield
    finally:
        source.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


_TYPES = """
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TYPE mood AS ENUM ('sad', 'so "so"');
CREATE TYPE place AS (street text, number int);
CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0);
CREATE TABLE kinds (
    id int PRIMARY KEY, i2 smallint, i8 bigint, n numeric, n2 numeric(12,2), f4 real, f8 float8,
    yes bool, vc varchar(20), c char(5), by bytea, d date, t time, tz timetz,
    ts timestamp, tstz timestamptz, iv interval, j json, jb jsonb, u uuid, r int4range,
    ip inet, cash money, b bit(4), m mood, ms mood[], p place, pr price, prs price[],
    ia int[], ta text[], ba bool[], ja jsonb[], tza timestamptz[], h hstore,
    half numeric(10,2) GENERATED ALWAYS AS (n2 / 2) STORED);
"""
_ROW = """
INSERT INTO kinds VALUES ({id}, 1, 9223372036854775807, 'NaN', 12.50, 0.1, 1e300,
    true, 'a "b" \\ c', 'ab', '\\xdeadbeef', '2024-02-29', '12:00:00.5', '12:00:00+02',
    '2024-02-29 12:00:00', '2024-02-29 12:00:00.123456+02', '1 year 2 days 03:04:05',
    '{{"a": 1.50}}', '{{"a": [1, "x"]}}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1,5)',
    '192.168.0.1/24', '-1234.56', '1010', 'so "so"', '{{sad,"so \\"so\\""}}', ROW('a, b', 3), 9.99,
    '{{1.50,NULL}}', '{{{{1,2}},{{3,NULL}}}}', '{{a,"b,c",NULL}}', '{{t,f}}',
    ARRAY['{{"a": 1}}'::jsonb],
    '{{"2024-01-01 00:00:00+00"}}', 'a=>1, b=>NULL');
"""
_JSON = (
    '{"id":%d,"i2":1,"i8":9223372036854775807,"n":"NaN","n2":12.50,"f4":0.1,"f8":1e+300,'
    '"yes":true,"vc":"a \\"b\\" \\\\ c","c":"ab   ","by":"\\\\xdeadbeef","d":"2024-02-29",'
    '"t":"12:00:00.5","tz":"12:00:00+02","ts":"2024-02-29T12:00:00",'
    '"tstz":"2024-02-29T10:00:00.123456Z","iv":"P1Y2DT3H4M5S","j":{"a": 1.50},'
    '"jb":{"a": [1, "x"]},"u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","r":"[1,5)",'
    '"ip":"192.168.0.1/24","cash":-1234.56,"b":"1010","m":"so \\"so\\"",'
    '"ms":["sad","so \\"so\\""],"p":"(\\"a, b\\",3)","pr":9.99,"prs":[1.50,null],'
    '"ia":[[1,2],[3,null]],"ta":["a","b,c",null],"ba":[true,false],"ja":[{"a": 1}],'
    '"tza":["2024-01-01T00:00:00Z"],"h":{"a":"1","b":null}}'
)


def test_every_type_reads_the_same_from_snapshot_and_stream(shop: Shop, tmp_path: Path) -> None:
    """A row of all common types has one image, whichever way it came; generated columns have none.

    Settings of the role that change how values are written do not matter.
    """
    shop.query(_TYPES)
    shop.query(f"ALTER DATABASE {shop.name} SET DateStyle = 'German'")
    shop.query(f"ALTER DATABASE {shop.name} SET TimeZone = 'Asia/Tokyo'")
    shop.query(f"ALTER DATABASE {shop.name} SET bytea_output = 'escape'")
    shop.query(_ROW.format(id=1))
    texts = []
    declared: dict[str, str] = {}
    position = None
    for number in (1, 2):
        source = PostgresSource(shop.url, PostgresOptions(follow=False))
        for batch in source.batches(position):
            texts += batch.events.column("after").to_pylist()
            assert batch.offset is not None
            position = batch.offset.position
            declared |= dict(next(iter(batch.declared.values())).types) if batch.declared else {}
        if number == 1:
            shop.query(_ROW.format(id=2))
    assert texts == [_JSON % 1, _JSON % 2]
    assert declared["pr"] == declared["cash"] == declared["f4"] == "number"
    assert declared["i8"] == "integer"
    assert declared["jb"] == declared["ms"] == declared["h"] == "json"
    assert declared["m"] == declared["tstz"] == declared["by"] == "text"


def test_a_large_value_that_did_not_change_is_missing(shop: Shop, sink: Sink) -> None:
    """Unchanged TOAST is not sent: the field is missing, not null, and the live row keeps it."""
    shop.query("CREATE TABLE docs (id int PRIMARY KEY, body text, seen int)")
    shop.query("ALTER TABLE docs ALTER body SET STORAGE EXTERNAL")
    shop.query("INSERT INTO docs VALUES (1, repeat('x', 10000), 0)")
    _read(shop.url, sink)
    shop.query("UPDATE docs SET seen = 1")
    (event,) = _read(shop.url, sink)
    assert event["after"] == {"id": 1, "seen": 1}
    assert sink.live("docs", ["id"])[1,] == {"id": 1, "body": "x" * 10_000, "seen": 1}


def test_a_key_that_changes_names_the_old_one(shop: Shop, sink: Sink) -> None:
    """An update of the primary key is one event with the old key as its before image."""
    shop.query(
        "CREATE TABLE t (a int, b text, c int, PRIMARY KEY (b, a)); "
        "INSERT INTO t VALUES (1, 'x', 5)"
    )
    _read(shop.url, sink)
    shop.query("UPDATE t SET a = 2")
    (event,) = _read(shop.url, sink)
    assert (event["op"], event["before"], event["after"]) == (
        "u",
        {"a": 1, "b": "x"},
        {"a": 2, "b": "x", "c": 5},
    )


def test_truncate_empties_each_of_its_tables(shop: Shop, sink: Sink) -> None:
    """One TRUNCATE of two tables is an event for each."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    _read(shop.url, sink)
    shop.query("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); TRUNCATE a, b")
    events = _read(shop.url, sink)
    assert sorted((e["table"], e["op"]) for e in events if e["op"] == "t") == [
        ("a", "t"),
        ("b", "t"),
    ]
    assert sink.live("a", ["id"]) == sink.live("b", ["id"]) == {}


def test_tables_without_a_key_can_still_be_written(shop: Shop, sink: Sink) -> None:
    """Watching breaks no update of a table without a key; its inserts come, its rows once."""
    shop.query("CREATE TABLE audit (what text, n int); INSERT INTO audit VALUES ('a', 1), ('a', 1)")
    _read(shop.url, sink)
    shop.query("INSERT INTO audit VALUES ('', NULL)")
    shop.query("UPDATE audit SET n = 5 WHERE n = 1; DELETE FROM audit WHERE what = ''")
    _read(shop.url, sink)
    events = sink.events("audit")
    assert [e["op"] for e in events] == ["r", "r", "c"]
    assert events[2]["after"] == {"what": "", "n": None}


def test_full_identity_gives_whole_rows_before(shop: Shop, sink: Sink) -> None:
    """With REPLICA IDENTITY FULL before images have every column; the primary key is declared."""
    shop.query("CREATE TABLE f (id int PRIMARY KEY, v text)")
    shop.query("ALTER TABLE f REPLICA IDENTITY FULL; INSERT INTO f VALUES (1, 'old')")
    source = PostgresSource(shop.url, PostgresOptions(follow=False))
    keys = {batch.declared["public", "f"].key for batch in source.batches(None) if batch.declared}
    assert keys == {("id",)}
    _read(shop.url, sink)
    shop.query("UPDATE f SET v = 'new'")
    (event,) = _read(shop.url, sink)
    assert event["before"] == {"id": 1, "v": "old"}


def test_partitions_come_as_their_parent(shop: Shop, sink: Sink) -> None:
    """Rows of partitions, also of one attached later, are rows of the partitioned table."""
    shop.query("CREATE TABLE p (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)")
    shop.query("CREATE TABLE p24 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")
    shop.query("INSERT INTO p VALUES (1, '2024-05-05')")
    _read(shop.url, sink)
    shop.query("CREATE TABLE p25 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')")
    shop.query(
        "INSERT INTO p VALUES (2, '2025-05-05'); UPDATE p SET at = '2025-06-06' WHERE id = 1"
    )
    _read(shop.url, sink)
    assert {e["table"] for e in sink.events()} == {"p"}
    assert set(sink.live("p", ["id", "at"])) == {(2, "2025-05-05"), (1, "2025-06-06")}


def test_lists_choose_tables_and_columns(shop: Shop, sink: Sink) -> None:
    """Include, exclude and column lists hold for the snapshot, the stream and tables made later."""
    shop.query(
        "CREATE SCHEMA sales; CREATE TABLE sales.orders (id int PRIMARY KEY, v text, secret text)"
    )
    shop.query(
        "CREATE TABLE sales.orders_old (id int PRIMARY KEY); "
        "CREATE TABLE users (id int PRIMARY KEY)"
    )
    shop.query("INSERT INTO sales.orders VALUES (1, 'a', 'x'); INSERT INTO users VALUES (1)")
    selection = Selection(("sales.*",), ("*_old",), {"sales.orders": ("v",)})
    _read(shop.url, sink, selection=selection)
    shop.query(
        "INSERT INTO sales.orders VALUES (2, 'b', 'x'); INSERT INTO sales.orders_old VALUES (1)"
    )
    shop.query("INSERT INTO users VALUES (2); CREATE TABLE sales.new (id int PRIMARY KEY)")
    shop.query("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO sales.new VALUES (5)")
    _read(shop.url, sink, selection=selection)
    assert {e["table"] for e in sink.events()} == {"orders", "new"}
    assert {e["schema"] for e in sink.events()} == {"sales"}
    assert list(sink.live("orders", ["id"]).values()) == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    assert set(sink.live("new", ["id"])) == {(5,)}


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_a_copy_that_broke_off_begins_anew(shop: Shop, sink: Sink, key: str) -> None:
    """Rows that went in between are gone, rows that came are there, and none is twice.

    With a key the table is emptied first; without, rows are known by their place.
    """
    shop.query(f"CREATE TABLE a (id int {key}, v text)")
    shop.query("INSERT INTO a SELECT n, repeat('x', 20) FROM generate_series(1, 3000) n")
    options = PostgresOptions(follow=False, copy_bytes=8_192)
    first = PostgresSource(shop.url, options).batches(None)
    for batch, _ in zip(first, range(3), strict=False):
        sink.store(batch)
    first.close()  # type: ignore[attr-defined]
    copied = len(sink.events("a"))
    assert 0 < copied < 3_000
    if key:
        shop.query("DELETE FROM a WHERE id < 10; UPDATE a SET v = 'y' WHERE id = 11")
    shop.query("INSERT INTO a VALUES (5000, 'new')")
    _read(shop.url, sink)
    shop.query("INSERT INTO a VALUES (5001, 'newer')")
    _read(shop.url, sink)
    there = {row[0] for row in shop.query("SELECT id FROM a")}
    if key:
        assert [e["op"] for e in sink.events("a", "t")] == ["t"]
        assert {row["id"] for row in sink.live("a", ["id"]).values()} == there
        assert sink.live("a", ["id"])[11,]["v"] == "y"
    else:
        ids = [event["after"]["id"] for event in sink.events("a")]
        assert sorted(ids) == sorted(there)  # type: ignore[type-var]


def test_a_table_that_is_included_later_gets_its_snapshot(shop: Shop, sink: Sink) -> None:
    """Its rows are copied then, and no change is lost or twice; the others are not copied again."""
    shop.query(
        "CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY, n int)"
    )
    shop.query("INSERT INTO a VALUES (1, 0); INSERT INTO b VALUES (1, 0), (2, 0)")
    _read(shop.url, sink, selection=Selection(("a",)))
    shop.query("UPDATE b SET n = 1 WHERE id = 1; DELETE FROM b WHERE id = 2; UPDATE a SET n = 1")
    _read(shop.url, sink, selection=Selection(("a", "b")))
    shop.query("UPDATE b SET n = n + 1")
    _read(shop.url, sink, selection=Selection(("a", "b")))
    assert [e["op"] for e in sink.events("a")] == ["r", "u"]
    assert [(e["op"], e["after"]) for e in sink.events("b")] == [
        ("r", {"id": 1, "n": 1}),
        ("u", {"id": 1, "n": 2}),
    ]


def test_a_table_that_was_left_out_for_a_while_is_right_again(shop: Shop, sink: Sink) -> None:
    """What was changed while it was excluded is seen when it is included: it is copied again."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2)")
    shop.query("CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1), (2)")
    without = Selection((), ("b",))
    _read(shop.url, sink)
    _read(shop.url, sink, selection=without)
    shop.query("DELETE FROM b WHERE id = 1; INSERT INTO b VALUES (3)")
    _read(shop.url, sink, selection=without)
    shop.query("INSERT INTO a VALUES (3)")
    _read(shop.url, sink)
    assert set(sink.live("a", ["id"])) == {(1,), (2,), (3,)}
    assert set(sink.live("b", ["id"])) == {(2,), (3,)}
    assert "t" not in {event["op"] for event in sink.events("a")}


def test_refusals_before_the_copy_say_what_to_do(shop: Shop) -> None:
    """A right that is missing, a standby, a lock: none is an internal error; some may pass."""

    def refused(url: str) -> SourceError:
        with pytest.raises(SourceError) as raised:
            list(PostgresSource(url, PostgresOptions(follow=False)).batches(None))
        return raised.value

    shop.query("DROP ROLE IF EXISTS maker")
    shop.query(f"CREATE ROLE maker LOGIN REPLICATION PASSWORD '{PASSWORD}'")
    shop.query("CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO maker")
    url = shop.server.url("maker", shop.name)
    try:
        error = refused(url)
        assert f"GRANT CREATE ON DATABASE {shop.name} TO maker" in error.hint
        assert not error.details.get("retry")
        shop.query(f"GRANT CREATE ON DATABASE {shop.name} TO maker")
        shop.query("ALTER ROLE maker SET default_transaction_read_only = on")
        error = refused(url)
        assert "standby" in error.hint
        assert error.details["retry"]
        shop.query("ALTER ROLE maker RESET ALL; ALTER ROLE maker SET lock_timeout = '20ms'")
        with shop.server.connect(shop.name) as holding:
            holding.cursor().execute("LOCK TABLE a IN ACCESS EXCLUSIVE MODE")
            error = refused(url)
        holding.close()
        assert "lock timeout" in error.message
        assert error.details["retry"]
    finally:
        shop.query("DROP OWNED BY maker; DROP ROLE maker")


def test_a_new_slot_begins_with_a_new_snapshot(shop: Shop, sink: Sink) -> None:
    """When the slot is gone the error says so; with another slot keyed tables are right again."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY, n int); INSERT INTO a VALUES (1, 0), (2, 0)")
    _read(shop.url, sink)
    _wait_for_readers_to_go(shop)
    shop.query("SELECT pg_drop_replication_slot('datawatch')")
    shop.query("DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (3, 0)")
    with pytest.raises(SourceError, match="no replication slot 'datawatch'"):
        _read(shop.url, sink)
    _read(shop.url, sink, slot="second")
    assert set(sink.live("a", ["id"])) == {(2,), (3,)}


def test_ddl_is_told_by_the_database_where_it_may(shop: Shop, sink: Sink) -> None:
    """A superuser's source gets the commands themselves, once, before the rows that follow them."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    _read(shop.url, sink)
    shop.query("ALTER TABLE a ADD COLUMN v text")
    shop.query("INSERT INTO a VALUES (1, 'x')")
    shop.query("CREATE TABLE b (id int PRIMARY KEY)")
    shop.query("DROP TABLE b")
    events = _read(shop.url, sink)
    told = [(e["op"], e["table"], (e["extra"] or {}).get("ddl_command")) for e in events]
    assert told == [
        ("ddl", "a", "ALTER TABLE a ADD COLUMN v text"),
        ("c", "a", None),
        ("ddl", "b", "CREATE TABLE b (id int PRIMARY KEY)"),
        ("ddl", "b", "DROP TABLE b"),
    ]
    assert events[0]["extra"]["columns"] == [
        {"name": "id", "type": "integer"},
        {"name": "v", "type": "text"},
    ]


@pytest.mark.parametrize("told", [True, False], ids=["event trigger", "inferred"])
def test_rows_that_ddl_altered_are_read_again(shop: Shop, sink: Sink, told: bool) -> None:
    """New names, defaults and values come for all rows, once; widening and dropping bring none.

    Changes made before and after the rows are read stay in their order.
    """
    shop.query("CREATE TABLE a (id int PRIMARY KEY, v text, n int, m int)")
    shop.query("INSERT INTO a SELECT i, 'v' || i, i, i FROM generate_series(1, 50) i")
    _read(shop.url, sink, event_trigger=told)
    for step, column, again in (
        ("RENAME v TO w", "w", True),
        ("ADD COLUMN d int DEFAULT 7", "d", True),
        ("ALTER n TYPE bigint", "n", False),
        ("ALTER n TYPE text USING 'x' || n", "n", True),
        ("ADD COLUMN empty text", "empty", False),
        ("DROP COLUMN m", "n", False),
    ):
        shop.query(f"ALTER TABLE a {step}")
        shop.query("UPDATE a SET id = id WHERE id = 50")
        shop.query("DELETE FROM a WHERE id = (SELECT min(id) FROM a)")
        events = _read(shop.url, sink, event_trigger=told)
        there = {id_: value for id_, value in shop.query(f"SELECT id, {column} FROM a")}  # noqa: C416 — typed
        assert sum(e["op"] == "r" for e in events) == again * len(there)
        assert [e["op"] for e in events if e["op"] != "r"] == ["ddl", "u", "d"]
        assert {row["id"]: row.get(column) for row in sink.live("a", ["id"]).values()} == there
    assert len(sink.live("a", ["id"])) == 44


def test_reading_again_that_broke_off_begins_anew(shop: Shop, sink: Sink) -> None:
    """A reader that died while it read altered rows again does so once more, and loses nothing."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY, v text)")
    shop.query("INSERT INTO a SELECT n, repeat('x', 20) FROM generate_series(1, 3000) n")
    _read(shop.url, sink)
    shop.query("ALTER TABLE a RENAME v TO w")
    options = PostgresOptions(follow=False, copy_bytes=8_192)
    batches = PostgresSource(shop.url, options).batches(sink.offset)
    for batch in batches:
        sink.store(batch)
        if batch.backfill:
            break
    batches.close()  # type: ignore[attr-defined]
    assert 3_000 < len(sink.events("a", "r")) < 6_000
    shop.query("DELETE FROM a WHERE id > 2900; UPDATE a SET w = 'y' WHERE id % 3 = 0")
    _read(shop.url, sink)
    live = sink.live("a", ["id"])
    assert sorted((id_, row["w"]) for (id_,), row in live.items()) == sorted(
        shop.query("SELECT id, w FROM a")
    )
    assert all(row.get("v") is None for row in live.values())


def test_rows_that_cannot_be_read_again_do_not_end_the_stream(shop: Shop, sink: Sink) -> None:
    """Without a free slot a warning says so; the changes come all the same, and the rows later."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x')")
    _read(shop.url, sink)
    shop.query("ALTER TABLE a RENAME v TO w")
    (free,) = shop.query(
        "SELECT current_setting('max_replication_slots')::int - count(*) FROM pg_replication_slots"
    )[0]
    taken = [f"{shop.name}_{number}" for number in range(int(str(free)))]
    for name in taken:
        shop.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
    shop.query("INSERT INTO a VALUES (2, 'y')")
    assert [e["op"] for e in _read(shop.url, sink)] == ["ddl", "c"]
    for name in taken:
        shop.query("SELECT pg_drop_replication_slot(%s)", [name])
    assert {e["after"]["w"] for e in _read(shop.url, sink)} == {"x", "y"}


def test_tables_that_others_make_are_published_at_once(shop: Shop, sink: Sink) -> None:
    """A plain role makes a table and fills it in one transaction: its rows come, its DDL works.

    A key that comes and goes moves the table between the publications, so updates never fail.
    """
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    _read(shop.url, sink)
    shop.query("DROP ROLE IF EXISTS plain; CREATE ROLE plain; GRANT ALL ON SCHEMA public TO plain")
    try:
        with _following(shop.url, sink):
            for step in (
                "CREATE TABLE mine (id int, v text); INSERT INTO mine VALUES (1)",
                "UPDATE mine SET v = 'unseen'",
                "ALTER TABLE mine ADD PRIMARY KEY (id)",
                "UPDATE mine SET v = 'seen'",
                "ALTER TABLE mine DROP CONSTRAINT mine_pkey",
                "UPDATE mine SET v = 'unseen again'",
                "INSERT INTO mine VALUES (2, 'last')",
            ):
                shop.query(f"SET ROLE plain; {step}")
            eventually(lambda: len(sink.events("mine", "c")) == 2)
        changes = [(e["op"], e["after"]) for e in sink.events("mine")]
        assert changes == [
            ("ddl", None),
            ("c", {"id": 1, "v": None}),
            ("ddl", None),
            ("u", {"id": 1, "v": "seen"}),
            ("ddl", None),
            ("c", {"id": 2, "v": "last"}),
        ]
    finally:
        shop.query("DROP OWNED BY plain; DROP ROLE plain")


def test_ddl_is_inferred_where_the_role_may_not_more(shop: Shop, sink: Sink) -> None:
    """A role without a superuser's rights reads its own tables, and changes of columns show.

    Tables of others are left out, and its publication is made without them.
    """
    shop.query("DROP ROLE IF EXISTS keeper")
    shop.query(f"CREATE ROLE keeper LOGIN REPLICATION PASSWORD '{PASSWORD}'")
    shop.query(
        f"GRANT CREATE ON DATABASE {shop.name} TO keeper; GRANT ALL ON SCHEMA public TO keeper"
    )
    shop.query("CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO keeper")
    shop.query("CREATE TABLE b (id int PRIMARY KEY)")
    url = shop.server.url("keeper", shop.name)
    try:
        _read(url, sink)
        shop.query("ALTER TABLE a ADD COLUMN v text")
        shop.query("INSERT INTO a VALUES (1, 'x'); INSERT INTO b VALUES (1)")
        events = _read(url, sink)
        assert [(e["op"], e["table"]) for e in events] == [("ddl", "a"), ("c", "a")]
        assert events[0]["extra"]["inferred"] is True
        assert not shop.query("SELECT 1 FROM pg_event_trigger")
    finally:
        shop.query("DROP OWNED BY keeper; DROP ROLE keeper")


def test_a_publication_of_somebody_else_is_used_as_it_is(shop: Shop, sink: Sink) -> None:
    """Its tables, column lists and row filters hold for the snapshot too, and it is not changed."""
    shop.query(
        "CREATE TABLE a (id int PRIMARY KEY, v text, secret text); "
        "CREATE TABLE b (id int PRIMARY KEY)"
    )
    shop.query("INSERT INTO a SELECT n, 'v', 's' FROM generate_series(1, 10) n")
    shop.query("CREATE PUBLICATION theirs FOR TABLE a (id, v) WHERE (id > 5)")
    _read(shop.url, sink, publication="theirs")
    shop.query("INSERT INTO a VALUES (20, 'v', 's'), (0, 'v', 's'); INSERT INTO b VALUES (1)")
    _read(shop.url, sink, publication="theirs")
    assert {e["table"] for e in sink.events()} == {"a"}
    assert set(sink.live("a", ["id"])) == {(n,) for n in (6, 7, 8, 9, 10, 20)}
    assert all(set(e["after"]) == {"id", "v"} for e in sink.events())
    assert not shop.query("SELECT 1 FROM pg_event_trigger")


def test_a_transaction_larger_than_a_batch_is_cut(shop: Shop) -> None:
    """Parts of it carry the offset before it, only the last one that behind it."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    position = None
    for batch in PostgresSource(shop.url, PostgresOptions(follow=False)).batches(None):
        assert batch.offset is not None
        position = batch.offset.position
    shop.query("INSERT INTO a SELECT generate_series(1, 5000)")
    options = PostgresOptions(follow=False, batch_rows=1_000)
    batches = list(PostgresSource(shop.url, options).batches(position))
    assert len(batches) >= 5
    places = [batch.offset.position["lsn"] for batch in batches if batch.offset]
    assert len(set(places)) == 2
    assert places[-1] != places[0] == places[-2]
    assert sum(batch.received for batch in batches) == 5_000


def test_another_database_under_the_same_name_is_refused(shop: Shop, sink: Sink) -> None:
    """A stored position of another cluster or database is not gone on from."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    _read(shop.url, sink)
    position = {**(sink.offset or {}), "system": "1/other"}
    with pytest.raises(SourceError, match="another database"):
        list(PostgresSource(shop.url, PostgresOptions(follow=False)).batches(position))


def test_a_slot_that_somebody_reads_is_not_taken(
    shop: Shop, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second reader of one slot is told after a while that it needs a name of its own."""
    from datawatch_lab.ingest.sources.postgres import source

    shop.query("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
    _read(shop.url, sink)
    first = PostgresSource(shop.url)
    batches = first.batches(sink.offset)
    shop.query("INSERT INTO a VALUES (2)")
    next(batches)
    monkeypatch.setattr(source, "_SLOT_BUSY", 0.5)
    with pytest.raises(SourceError, match="active") as raised:
        _read(shop.url, sink)
    assert "another name" in raised.value.hint
    first.stop()
    list(batches)


def test_passwords_are_in_no_text(shop: Shop, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """Neither names, reprs, offsets, logs nor the database's statements hold the password."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    with caplog.at_level(logging.DEBUG):
        source = PostgresSource(shop.url, PostgresOptions(follow=False))
        batches = list(source.batches(None))
    offsets = [json.dumps(batch.offset.position) for batch in batches if batch.offset]
    texts = [source.name, repr(source), repr(source.address), str(source.address), *offsets]
    for text in (*texts, caplog.text, *(batch.source for batch in batches)):
        assert PASSWORD not in text
        assert URL_PASSWORD not in text


@pytest.mark.parametrize("url", ["postgresql://u:hush@h/db?nix=1", "host=h password=hush nix"])
def test_an_address_that_cannot_be_read_keeps_its_password(url: str) -> None:
    """The error says what is wrong with the address, and not the password in it."""
    with pytest.raises(InputError) as raised:
        Address.parse(url)
    assert "hush" not in str(raised.value)


def test_the_lag_of_a_slot_is_told(shop: Shop, sink: Sink) -> None:
    """A slot that nobody reads falls behind; its status says by how much."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    _read(shop.url, sink)
    shop.query("INSERT INTO a SELECT generate_series(1, 5000)")
    _wait_for_readers_to_go(shop)
    (status,) = slot_status(shop.url, "datawatch")
    assert status.lag_bytes > 100_000
    assert status.retained_bytes >= status.lag_bytes
    assert not status.active
    assert status.wal_status == "reserved"
    assert slot_status(shop.url, "none") == []


def test_the_server_tells_its_statistics(shop: Shop) -> None:
    """One row with load, cache, size and lag; what is not installed is None."""
    connection = shop.server.connect(shop.name)
    stats = server_stats(connection)
    connection.close()
    assert stats["database"] == shop.name
    assert stats["connections"] >= 1
    assert 0 <= stats["cache_hit_rate"] <= 1
    assert stats["size_bytes"] > 1_000_000
    assert stats["mean_query_ms"] is None


def test_all_that_was_made_can_be_taken_back(shop: Shop, sink: Sink) -> None:
    """After `remove` no slot, publication, trigger or function is left."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    _read(shop.url, sink)
    _wait_for_readers_to_go(shop)
    connection = shop.server.connect(shop.name)
    remove(connection, "datawatch", "datawatch")
    connection.close()
    left = shop.query(
        "SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database() "
        "UNION ALL SELECT pubname FROM pg_publication "
        "UNION ALL SELECT evtname FROM pg_event_trigger "
        "UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'datawatch'::regnamespace"
    )
    assert left == []
