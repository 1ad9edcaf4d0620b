from __future__ import annotations

from collections.abc import Iterator

import pytest

from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.sources.findings import Check
from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource, doctor
from datawatch_lab.ingest.sources.postgres import Selection
from tests.ingest.mysql.conftest import Shop
from tests.services.mariadb import Server

pytestmark = pytest.mark.services


def _by_name(found: list[Check]) -> dict[str, Check]:
    return {each.check: each for each in found}


def test_a_good_server_passes(shop: Shop) -> None:
    """A server with all settings, and tables with keys: every check is well."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    found = doctor(shop.url)
    assert [each for each in found if not each.ok and not each.advice] == []
    assert _by_name(found)["tables"].detail == "1 of 1 tables are fine."


@pytest.fixture
def bent(mariadb_server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A global setting that is wrong for a while; gives its name."""
    name, value = request.param
    before = mariadb_server.query(f"SELECT @@global.{name}")[0][0]
    mariadb_server.query(f"SET GLOBAL {name} = '{value}'")
    yield name
    mariadb_server.query(f"SET GLOBAL {name} = '{before}'")


@pytest.mark.parametrize(
    "bent",
    [
        ("binlog_format", "MIXED"),
        ("binlog_row_image", "MINIMAL"),
        ("binlog_row_metadata", "MINIMAL"),
    ],
    indirect=True,
)
def test_a_wrong_setting_is_named_and_refused(shop: Shop, bent: str) -> None:
    """Doctor says which setting and how to set it; the source does not begin."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    fault = _by_name(doctor(shop.url))[bent]
    assert not fault.ok
    assert fault.fix.startswith(f"SET GLOBAL {bent} = ")
    with pytest.raises(SourceError, match=bent):
        list(MysqlSource(shop.url, MysqlOptions(follow=False)).batches(None))


def test_missing_rights_are_named(shop: Shop) -> None:
    """Who may not read the log is told which grants; a table that may not be read is named."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    poor = shop.server.user("poor", f"SELECT ON {shop.name}.*")
    grants = _by_name(doctor(f"{poor}/{shop.name}"))["grants"]
    assert grants.fix == (
        "As an administrator: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'poor'@'%';"
    )
    blind = shop.server.user("blind", "REPLICATION SLAVE, REPLICATION CLIENT ON *.*")
    found = _by_name(doctor(f"{blind}/{shop.name}"))
    assert found["grants"].ok
    assert not found["tables"].ok
    assert "GRANT SELECT" in found["tables"].fix


def test_a_reader_with_just_the_rights_can_read(shop: Shop) -> None:
    """The grants that the documentation names are enough for copy and stream."""
    shop.query("CREATE TABLE t (id int PRIMARY KEY)")
    shop.query("INSERT INTO t VALUES (1)")
    url = shop.server.user("reader", "SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.*")
    source = MysqlSource(f"{url}/{shop.name}", MysqlOptions(follow=False))
    assert sum(batch.received for batch in source.batches(None)) == 1
    assert source.lag() == 0


def test_a_table_without_a_key_is_advice(shop: Shop) -> None:
    """It can be read, but it has no live table; so it is said, and stands in nobody's way."""
    shop.query("CREATE TABLE bare (a int)")
    fault = _by_name(doctor(shop.url, selection=Selection(["bare"])))["primary key"]
    assert fault.advice
    assert "ADD PRIMARY KEY" in fault.fix


def test_a_server_that_is_away_is_told(shop: Shop) -> None:
    """No answer, no database, no address: each in words, none with the password."""
    (away,) = doctor("mysql://u:s3cret@127.0.0.1:9/x")
    assert "host and the port" in away.fix
    assert "s3cret" not in repr(away)
    (gone,) = [each for each in doctor(shop.server.url(database="nowhere")) if not each.ok]
    assert "no table to read in the database nowhere" in gone.detail
    with pytest.raises(InputError) as raised:
        doctor("mysql://u:s3cret@host:port/x")
    assert "s3cret" not in str(raised.value)
