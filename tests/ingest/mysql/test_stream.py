from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource, reading
from datawatch_lab.ingest.sources.mysql.stream import Stream
from datawatch_lab.ingest.sources.postgres import Selection
from tests.ingest.mysql.conftest import Shop
from tests.ingest.sink import Sink
from tests.waiting import eventually

pytestmark = pytest.mark.services


def _read(shop: Shop, sink: Sink, **options: Any) -> list[Any]:
    """Read what there is; gives the batches."""
    given = {"follow": False, **options}
    batches = list(MysqlSource(shop.url, MysqlOptions(**given)).batches(sink.offset))
    for batch in batches:
        sink.store(batch)
    return batches


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    """An empty sink."""
    return Sink(tmp_path / "sink.db")


def test_leaving_a_table_out_changes_no_identity(shop: Shop, tmp_path: Path) -> None:
    """Events of a table have the same ids whether or not another is read beside it."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    shop.query("CREATE TABLE b (id int PRIMARY KEY)")
    both, one = Sink(tmp_path / "both"), Sink(tmp_path / "one")
    only = Selection(["b"])
    _read(shop, both)
    _read(shop, one, selection=only)
    connection = shop.server.connect(shop.name, autocommit=False)
    with connection.cursor() as cursor:
        for number in range(3):
            cursor.execute("INSERT INTO a VALUES (%s), (%s)", [number, number + 100])
            cursor.execute("INSERT INTO b VALUES (%s), (%s)", [number, number + 100])
    connection.commit()
    connection.close()
    _read(shop, both)
    _read(shop, one, selection=only)
    ids = [[event["event_id"] for event in each.events("b", "c")] for each in (both, one)]
    assert len(set(ids[0])) == 6
    assert ids[0] == ids[1]
    assert not one.events("a")


def test_the_place_moves_on_while_nothing_is_wanted(
    shop: Shop, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes to other tables move the stored place, so that the log may be purged behind it."""
    shop.query("CREATE TABLE wanted (id int PRIMARY KEY)")
    shop.query("CREATE TABLE other (id int PRIMARY KEY)")
    only = Selection(["wanted"])
    _read(shop, sink, selection=only)
    before = dict(sink.offset or {})
    shop.query("INSERT INTO other VALUES (1)")
    monkeypatch.setattr(reading, "_TELL_AGAIN", 0.0)
    (batch, *_) = _read(shop, sink, selection=only)
    assert batch.received == 0
    after = dict(sink.offset or {})
    assert (after["file"], after["pos"]) > (before["file"], before["pos"])
    assert after["gtid"] != before["gtid"]


def test_tables_that_go_leave_no_rows(shop: Shop, sink: Sink) -> None:
    """Truncate, drop and the old name of a renaming empty the table; the new name is copied."""
    for name in ("cut", "gone", "old"):
        shop.query(f"CREATE TABLE {name} (id int PRIMARY KEY)")
        shop.query(f"INSERT INTO {name} VALUES (1), (2)")
    _read(shop, sink)
    shop.query("TRUNCATE cut")
    shop.query("DROP TABLE gone")
    shop.query("RENAME TABLE old TO young")
    shop.query("INSERT INTO cut VALUES (3)")
    shop.query("INSERT INTO young VALUES (3)")
    _read(shop, sink)
    _read(shop, sink)
    live = {name: sorted(k for (k,) in sink.live(name, ["id"])) for name in ("cut", "gone", "old")}
    assert live == {"cut": [3], "gone": [], "old": []}
    assert sorted(k for (k,) in sink.live("young", ["id"])) == [1, 2, 3]
    told = [(event["table"], event["extra"]["ddl_type"]) for event in sink.events(op="ddl")]
    assert told == [("cut", "TRUNCATE"), ("gone", "DROP"), ("old", "RENAME")]


def test_a_table_without_a_key_is_copied_once(shop: Shop, tmp_path: Path) -> None:
    """Equal rows are told apart, and a second copy finds the same identities."""
    shop.query("CREATE TABLE bare (a int, b varchar(5))")
    shop.query("INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (2, NULL)")
    first, again = Sink(tmp_path / "first"), Sink(tmp_path / "again")
    for each in (first, again):
        _read(shop, each)
    ids = [[event["event_id"] for event in each.events("bare")] for each in (first, again)]
    assert len(set(ids[0])) == 3
    assert ids[0] == ids[1]


def test_a_log_that_was_purged_is_told(shop: Shop, sink: Sink) -> None:
    """When the server does not keep what comes next, reading ends with what to do about it."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    _read(shop, sink)
    shop.query("INSERT INTO t VALUES (1)")
    shop.query("FLUSH BINARY LOGS")
    shop.query("INSERT INTO t VALUES (2)")
    shop.query("FLUSH BINARY LOGS")
    last = str(shop.query("SHOW MASTER STATUS")[0][0])

    def are_gone() -> bool:
        shop.query(f"PURGE BINARY LOGS TO '{last}'")
        return str(shop.query("SHOW BINARY LOGS")[0][0]) == last

    eventually(are_gone, "a log that a reader still holds stays")
    with pytest.raises(SourceError) as raised:
        _read(shop, sink)
    assert "watch it again" in raised.value.hint


def _keys(shop: Shop, table: str) -> list[object]:
    return [key for (key,) in shop.query(f"SELECT id FROM {table} ORDER BY id")]


def _wait_for_readers_to_go(shop: Shop) -> None:
    """Wait until the server has let go of the log's readers: it is not reset under them."""
    asked = "SELECT count(*) FROM information_schema.processlist WHERE command = 'Binlog Dump'"
    eventually(lambda: shop.query(asked) == [(0,)], "a reader of the log is left")


def _live(sink: Sink, table: str) -> list[object]:
    return sorted(key for (key,) in sink.live(table, ["id"]))


def test_other_databases_stay_out(shop: Shop, sink: Sink) -> None:
    """The log has the changes of all databases; those of the address come, also of new tables."""
    shop.query("CREATE TABLE mine (id int PRIMARY KEY)")
    with shop.server.database("secret"):
        shop.query("CREATE TABLE secret.salaries (id int PRIMARY KEY)")
        _read(shop, sink)
        shop.query("INSERT INTO secret.salaries VALUES (1)")
        shop.query("CREATE TABLE secret.more (id int PRIMARY KEY)")
        shop.query("INSERT INTO mine VALUES (1)")
        shop.query("CREATE TABLE later (id int PRIMARY KEY)")
        shop.query("INSERT INTO later VALUES (2)")
        _read(shop, sink)
    _read(shop, sink)
    assert {event["schema"] for event in sink.events()} == {shop.name}
    assert (_live(sink, "mine"), _live(sink, "later")) == ([1], [2])


def test_a_copy_that_broke_off_is_whole_although_the_log_stands_still(
    shop: Shop, sink: Sink
) -> None:
    """The second copy is as of the same place; its rows are told apart from those of the first."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    shop.query("INSERT INTO t SELECT seq FROM seq_1_to_90")
    options = MysqlOptions(follow=False, copy_rows=30)
    for number in range(2):
        batches: Any = MysqlSource(shop.url, options).batches(sink.offset)
        for _ in range(2 + number):
            sink.store(next(batches))
        batches.close()
    _read(shop, sink)
    assert _live(sink, "t") == _keys(shop, "t")


def test_it_is_watched_anew_after_the_log_was_purged(shop: Shop, sink: Sink) -> None:
    """Under another slot, as after removing, all is copied again, and what is gone goes."""
    for table in ("t", "still"):
        shop.query(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        shop.query(f"INSERT INTO {table} VALUES (1), (2), (3)")
    _read(shop, sink, slot="first")
    _read(shop, sink, slot="second")
    assert (_live(sink, "t"), _live(sink, "still")) == ([1, 2, 3], [1, 2, 3])
    shop.query("DELETE FROM t WHERE id = 1")
    shop.query("FLUSH BINARY LOGS")
    shop.query("INSERT INTO t VALUES (4)")
    last = str(shop.query("SHOW MASTER STATUS")[0][0])

    def are_gone() -> bool:
        shop.query(f"PURGE BINARY LOGS TO '{last}'")
        return str(shop.query("SHOW BINARY LOGS")[0][0]) == last

    eventually(are_gone, "a log that a reader still holds stays")
    with pytest.raises(SourceError, match="log"):
        _read(shop, sink, slot="second")
    _read(shop, sink, slot="third")
    shop.query("INSERT INTO t VALUES (5)")
    _read(shop, sink, slot="third")
    assert (_live(sink, "t"), _live(sink, "still")) == ([2, 3, 4, 5], [1, 2, 3])
    assert (sink.offset or {})["slot"] == "third"


def test_nothing_is_lost_after_the_log_was_reset(shop: Shop, sink: Sink) -> None:
    """GTIDs and files begin again; changes and copies of a new watch are none of the old one."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")

    def reset() -> None:
        shop.query("RESET MASTER")
        assert shop.query("SELECT @@gtid_binlog_pos") == [("",)]

    for number in range(3):
        slot = f"slot{number}"
        _wait_for_readers_to_go(shop)
        reset()
        _read(shop, sink, slot=slot)
        shop.query("INSERT INTO t VALUES (%s)", [number])
        shop.query("UPDATE t SET id = id + 100 WHERE id = %s", [number])
        _read(shop, sink, slot=slot)
        assert _live(sink, "t") == _keys(shop, "t")
    gtids = [event["txid"] for event in sink.events("t", "c")]
    assert len(gtids) == 3
    assert len(set(gtids)) == 1
    assert (sink.offset or {})["again"] == 2


def test_it_goes_on_at_a_server_that_took_over(shop: Shop, sink: Sink) -> None:
    """By GTID, though the files of the other one have larger numbers; identities stay."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    shop.query("INSERT INTO t VALUES (1)")
    _read(shop, sink)
    shop.query("INSERT INTO t VALUES (2)")
    stored = dict(sink.offset or {})
    places = [[*name, 2**60] for *name, _ in stored["since"]]
    there = {"origin": "mysql:other", "server": "other", "file": "binlog.999999", "since": places}
    resume: dict[str, Any] = stored | there
    batches = list(MysqlSource(shop.url, MysqlOptions(follow=False)).batches(resume))
    events = [event for batch in batches for event in batch.events.to_pylist()]
    assert [(event["op"], event["origin"]) for event in events] == [("c", "mysql:other")]
    last = batches[-1].offset
    assert last is not None
    assert last.position["server"] == stored["server"]
    again = list(MysqlSource(shop.url, MysqlOptions(follow=False)).batches(last.position))
    assert sum(batch.received for batch in again) == 0
    with pytest.raises(SourceError, match="another server"):
        list(MysqlSource(shop.url, MysqlOptions(follow=False, mode="file")).batches(resume))


def test_a_table_that_was_left_out_for_a_while_is_right_again(shop: Shop, sink: Sink) -> None:
    """What was changed while it was excluded is seen when it is included: it is copied again."""
    for table in ("a", "b"):
        shop.query(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        shop.query(f"INSERT INTO {table} VALUES (1), (2)")
    _read(shop, sink)
    without = Selection((), ["b"])
    _read(shop, sink, selection=without)
    shop.query("DELETE FROM b WHERE id = 1")
    shop.query("INSERT INTO b VALUES (3)")
    shop.query("INSERT INTO a VALUES (3)")
    _read(shop, sink, selection=without)
    _read(shop, sink)
    assert (_live(sink, "a"), _live(sink, "b")) == ([1, 2, 3], [2, 3])
    assert "t" not in {event["op"] for event in sink.events("a")}


def test_a_place_without_gtids_is_gone_on_with_by_file(shop: Shop, sink: Sink) -> None:
    """It was stored while they were off: what came since is read, not passed over."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    _read(shop, sink, mode="file")
    shop.query("INSERT INTO t VALUES (1)")
    shop.query("FLUSH BINARY LOGS")
    shop.query("INSERT INTO t VALUES (2)")
    resume = dict(sink.offset or {}) | {"gtid": ""}
    for batch in MysqlSource(shop.url, MysqlOptions(follow=False)).batches(resume):
        sink.store(batch)
    assert _live(sink, "t") == [1, 2]


def test_the_end_of_one_file_is_not_taken_for_that_of_the_next(
    shop: Shop, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation that is looked at alone, as on a slow machine, does not end the reading."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    _read(shop, sink)
    many = range(1, 2_000)
    shop.query(f"INSERT INTO t VALUES {', '.join(f'({each})' for each in many)}")
    shop.query("FLUSH BINARY LOGS")
    shop.query("INSERT INTO t VALUES (2000)")
    take = Stream.take
    monkeypatch.setattr(Stream, "take", lambda stream, wait, _most: take(stream, wait, 1))
    _read(shop, sink)
    assert _live(sink, "t") == [*many, 2_000]


def test_settings_that_change_while_it_is_read_are_told(shop: Shop, sink: Sink) -> None:
    """Rows in part and compressed ones end the watch with what to do, and do not spoil rows."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(900))")
    shop.query("INSERT INTO t VALUES (1, 2, repeat('x', 600))")
    _read(shop, sink)
    connection = shop.server.connect(shop.name)
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION binlog_row_image = 'MINIMAL'")
        cursor.execute("UPDATE t SET a = 3")
    connection.close()
    with pytest.raises(SourceError, match="parts of rows") as raised:
        _read(shop, sink)
    assert "binlog_row_image" in raised.value.hint
    _read(shop, sink, slot="anew")
    shop.query("SET GLOBAL log_bin_compress = ON")
    try:
        shop.query("UPDATE t SET a = 4")
    finally:
        shop.query("SET GLOBAL log_bin_compress = OFF")
    with pytest.raises(SourceError, match="compressed"):
        _read(shop, sink, slot="anew")
    assert sink.live("t", ["id"])[1,]["a"] == 3
