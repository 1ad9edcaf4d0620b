from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource, reading
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
