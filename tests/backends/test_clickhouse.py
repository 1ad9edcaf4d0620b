"""The contract of metric back ends over a real ClickHouse, and what is particular to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.backends import (
    MINUTE,
    STATES,
    VALUES,
    Asked,
    BackendError,
    KeptFor,
    Points,
    labels_json,
    series_key,
)
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.store.backends import clickhouse_native as native
from datawatch_lab.store.backends import clickhouse_sql as sql
from datawatch_lab.store.backends.clickhouse import ClickHouse
from tests.backends.backend_contract import EMPTY_VALUES, BackendContract, check, states
from tests.backends.round_trip import EVERY_METRIC, round_trip
from tests.conftest import missing
from tests.exchanged import Exchanged
from tests.services import clickhouse, clickhouse_today
from tests.waiting import eventually

pytestmark = pytest.mark.services
DAY = datetime(2026, 3, 1, tzinfo=UTC)
NOTHING = pl.DataFrame(schema=STATES)
KINDS = {"u": "UInt64", "i": "Int64", "x": "Nullable(Float64)", "at": "DateTime('UTC')"} | {
    "text": "String",
    "maybe": "Nullable(String)",
}


@pytest.fixture(scope="module")
def server() -> Iterator[clickhouse.Server]:
    """A private ClickHouse; skipped, or failed, where there is none."""
    if clickhouse.find() is None:
        missing("ClickHouse server", clickhouse.HOW_TO_GET_ONE)
    made = clickhouse.Server()
    yield made
    made.close()


@pytest.fixture(scope="module")
def prepared(server: clickhouse.Server) -> Iterator[ClickHouse]:
    """The back end in a database whose name has to be quoted."""
    server.query("CREATE DATABASE `mé\\`trics; --`")
    made = ClickHouse(
        server.url, database="mé`trics; --", username="default", password=clickhouse.PASSWORD
    )
    made.prepare()
    yield made
    made.close()


class TestClickHouse(BackendContract):
    """ClickHouse 18.16 and newer."""

    @pytest.fixture
    def backend(self, prepared: ClickHouse) -> ClickHouse:
        """The back end, prepared."""
        return prepared

    @pytest.fixture
    def served(self, server: clickhouse.Server) -> str:
        """What the server calls itself."""
        return f"ClickHouse {server.version}"


@pytest.fixture(scope="module")
def today() -> Iterator[ClickHouse]:
    """The back end over the engine of today's ClickHouse, prepared."""
    if not clickhouse_today.find():
        missing("engine of today's ClickHouse", clickhouse_today.HOW_TO_GET_ONE)
    server = clickhouse_today.Server()
    made = ClickHouse(server.url)
    made.prepare()
    yield made
    made.close()
    server.close()


class TestClickHouseToday(BackendContract):
    """The same statements and blocks on the engine of today's ClickHouse."""

    @pytest.fixture
    def backend(self, today: ClickHouse) -> ClickHouse:
        """The back end, prepared."""
        return today

    @pytest.fixture
    def served(self, today: ClickHouse) -> str:
        """What the server calls itself: one that has TTL."""
        assert not today.capabilities.notes
        return today.health().version


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "u": st.integers(0, 2**64 - 1),
                "i": st.integers(-(2**63), 2**63 - 1),
                "x": st.none() | st.floats(allow_nan=False),
                "at": st.integers(0, 2**32 - 1),
                "text": st.text(max_size=200),
                "maybe": st.none() | st.text(max_size=3),
            }
        ),
        max_size=8,
    ),
    st.integers(0, 3),
)
def test_blocks_are_read_as_they_were_written(rows: list[dict[str, object]], times: int) -> None:
    """Whatever is in a frame is in it after it was a block; blocks follow one another."""
    plain = {"u": pl.UInt64, "i": pl.Int64, "x": pl.Float64, "at": pl.UInt32}
    frame = pl.DataFrame(rows, schema={**plain, "text": pl.String, "maybe": pl.String})
    got = native.decode(native.encode(frame, KINDS) * times)
    assert got.rows() == frame.rows() * times
    if rows and times:
        with pytest.raises(ValueError, match="ends too early"):
            native.decode(native.encode(frame, KINDS)[:-1])


def test_a_block_of_another_type_is_refused() -> None:
    """A type that is not asked for is named, not guessed at."""
    with pytest.raises(ValueError, match="Array"):
        native.decode(b"\x01\x01\x01a\x0bArray(UInt8)\x00")


@pytest.mark.parametrize("kind", ["prepared", "today"])
def test_names_that_are_statements_are_names(kind: str, request: pytest.FixtureRequest) -> None:
    """Quotes, backslashes, NUL: what is written is what people read in the tables."""
    backend: ClickHouse = request.getfixturevalue(kind)
    name = "x'); DROP TABLE datawatch_states; --\\' {a:String} \0 \" é"
    labels = labels_json([("'; DROP DATABASE x; --", "\0\\'✓"), ("", "")])
    values = pl.DataFrame(
        [{"metric": name, "labels": labels, "minute": DAY, "value": 2.5}], schema=VALUES
    )
    for value in (2.5, 3.5):
        again = values.with_columns(pl.lit(value).alias("value"))
        backend.write(Points(NOTHING, again))
    found = backend._ask(
        f"SELECT metric, labels, value FROM {sql.name(backend._database)}.datawatch_values FINAL "
        f"WHERE metric = {sql.text(name)} AND labels = {sql.text(labels)} FORMAT Native"
    )
    assert found.rows() == [(name, labels, 3.5)]
    assert backend.health().ok


@pytest.mark.parametrize("kind", ["prepared", "today"])
def test_minutes_that_a_table_cannot_hold_are_counted(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """What is before 1970 or after 2105 is refused for good; the rest is stored."""
    backend: ClickHouse = request.getfixturevalue(kind)
    about = f"{kind}/value/ages"
    years = [DAY.replace(year=year) for year in (1960, 2026, 2200)]
    frame = pl.concat(states([(0, 0, [1.0])], each, about) for each in years)
    with pytest.raises(BackendError, match="2 points") as failed:
        backend.write(Points(frame, EMPTY_VALUES))
    assert (failed.value.retry, failed.value.rejected) == (False, 2)
    keys = (series_key(about, "{}"),)
    assert check(backend, frame[1:2], Asked(keys, DAY, DAY + MINUTE)) == 1


def test_a_new_server_is_told_how_long_to_keep(today: ClickHouse) -> None:
    """Tables get a TTL, again only when it is another."""
    today._run("CREATE DATABASE kept")
    other = ClickHouse(today.address, database="kept")
    other.prepare()
    other.write(Points(states([(0, 0, [1.0])], DAY, "kept/value/x"), EMPTY_VALUES))
    for days in (40_000, 30_000, 30_000):
        other.retain(KeptFor(*(timedelta(days=days + each) for each in range(4))))
        made = other._tables()
        for table in sql.TIMED:
            seconds = (days + 3 if table == sql.HOURS else days) * 86_400
            assert f"TTL minute + toIntervalSecond({seconds})" in made[table]
    other.close()


@pytest.mark.parametrize("kind", ["prepared", "today"])
def test_hours_outlive_their_minutes(kind: str, request: pytest.FixtureRequest) -> None:
    """When minutes are gone, steps of hours still are DuckDB's; what is not over is in minutes."""
    backend: ClickHouse = request.getfixturevalue(kind)
    about = f"{kind}/value/hours"
    frame = pl.concat(
        states([(0, 0, [float(place)])], DAY + place * 10 * MINUTE, about) for place in range(200)
    )
    for part in frame.iter_slices(30):
        backend.write(Points(part, EMPTY_VALUES))
    late = states([(0, 0, [-7.0, 1e6])], DAY + 50 * MINUTE, about)
    backend.write(Points(late, EMPTY_VALUES))
    key = series_key(about, "{}")
    over = DAY + timedelta(hours=33)  # the newest hour is not
    backend._run(
        f"ALTER TABLE {sql.name(backend._database)}.{sql.STATES} DELETE "
        f"WHERE series = {int(key, 16)} AND minute < toDateTime({int(over.timestamp())}, 'UTC')"
    )
    start, end = DAY, DAY + timedelta(hours=34)
    minutes = Asked((key,), start + 10 * MINUTE, over, 10 * MINUTE)
    eventually(lambda: not backend.read(minutes).height)  # the server deletes in the background
    both = pl.concat([frame, late])
    for hours in (1, 17, None):
        step = None if hours is None else timedelta(hours=hours)
        assert check(backend, both, Asked((key,), start, end, step))


@pytest.mark.parametrize("kind", ["prepared", "today"])
def test_many_months_in_one_write(kind: str, request: pytest.FixtureRequest) -> None:
    """A server takes at most a hundred partitions at once; a long catch-up has more."""
    backend: ClickHouse = request.getfixturevalue(kind)
    about = f"{kind}/value/months"
    months = [DAY.replace(year=2010 + each // 12, month=1 + each % 12) for each in range(110)]
    frame = pl.concat(states([(0, 0, [float(each.month)])], each, about) for each in months)
    backend.write(Points(frame, EMPTY_VALUES))
    keys = (series_key(about, "{}"),)
    start, end = months[0], months[-1] + MINUTE
    assert check(backend, frame, Asked(keys, start, end)) == 1


def test_a_clock_that_was_set_back_loses_no_correction(server: clickhouse.Server) -> None:
    """The later write holds, whatever the clock says meanwhile."""
    clock = ManualClock(DAY)
    made = ClickHouse(server.url, password=clickhouse.PASSWORD, clock=clock)
    made.prepare()
    first = states([(0, 0, [1.0])], DAY, "clock/value/x")
    later = states([(0, 0, [2.0, 3.0])], DAY, "clock/value/x")
    made.write(Points(first, EMPTY_VALUES))
    clock.advance(timedelta(days=-1))
    made.write(Points(later, EMPTY_VALUES))
    keys = (series_key("clock/value/x", "{}"),)
    check(made, pl.concat([first, later]), Asked(keys, DAY, DAY + MINUTE))
    made.close()


def test_an_old_server_has_old_minutes_deleted(server: clickhouse.Server) -> None:
    """Without TTL the back end deletes, once a day, with a write."""
    server.query("CREATE DATABASE kept")
    clock = ManualClock(DAY + timedelta(days=10))
    made = ClickHouse(server.url, database="kept", password=clickhouse.PASSWORD, clock=clock)
    made.prepare()
    assert "no TTL" in made.capabilities.notes[0]
    made.write(Points(states([(0, 0, [1.0])], DAY, "kept/value/x"), EMPTY_VALUES))
    made.retain(KeptFor(*[timedelta(days=5)] * 4))
    fresh = states([(0, 0, [1.0])], clock.now(), "kept/value/x")
    made.write(Points(fresh, EMPTY_VALUES))
    # The server deletes in the background.
    eventually(lambda: server.query("SELECT count() FROM kept.datawatch_states") == "1\n")
    made.close()


def test_a_server_that_crashed_is_caught_up(server: clickhouse.Server) -> None:
    """While it is away every call says so and may be tried again; then nothing is missing."""
    made = ClickHouse(server.url, password=clickhouse.PASSWORD)
    made.prepare()
    about = "away/value/x"
    frame = states([(0, minute, [float(minute)]) for minute in range(4)], DAY, about)
    made.write(Points(frame[:2], EMPTY_VALUES))
    server.stop()
    try:
        with pytest.raises(BackendError, match="points wait") as failed:
            made.write(Points(frame[2:], EMPTY_VALUES))
        assert failed.value.retry
        with pytest.raises(BackendError, match="does not answer"):
            made.read(Asked(("0" * 16,), DAY, DAY + MINUTE))
        assert "Check that it runs" in made.health().problem
    finally:
        server.start()
    made.write(Points(frame[1:], EMPTY_VALUES))
    keys = (series_key(about, "{}"),)
    assert check(made, frame, Asked(keys, DAY, DAY + 4 * MINUTE, MINUTE)) == 4
    made.close()


@EVERY_METRIC
def test_a_workspace_sends_and_asks(
    tmp_path: Path, server: clickhouse.Server, exchanged: Exchanged, whole: bool
) -> None:
    """ClickHouse gets what waited and what came late, and answers as the workspace does."""
    server.query(f"CREATE DATABASE shop{whole:d}")
    made = ClickHouse(server.url, database=f"shop{whole:d}", password=clickhouse.PASSWORD)
    assert round_trip(tmp_path, made, server, exchanged, whole=whole) > 50


def test_refusals_say_what_to_do_and_no_password(server: clickhouse.Server) -> None:
    """Wrong password, missing database, missing grant: each has a sentence and no secret."""
    wrong, right = "s3cret-wrong", clickhouse.PASSWORD
    for user, secret, database, word, todo in (
        ("default", wrong, "default", "user default or the password", "storage.clickhouse.pass"),
        ("default", right, "nowhere", "nowhere doesn't exist", "CREATE DATABASE nowhere"),
        ("reader", right, "grants", "readonly", "GRANT SELECT, INSERT"),
        ("stranger", right, "grants", "denied", "allow_databases"),
    ):
        server.query("CREATE DATABASE IF NOT EXISTS grants")
        made = ClickHouse(server.url, database=database, username=user, password=secret)
        with pytest.raises(BackendError) as failed:
            made.prepare()
        message = str(failed.value)
        assert word in message
        assert todo in message
        health = made.health()
        assert not health.ok
        for text in (message, health.problem, repr(made), made.address):
            assert "s3cret" not in text
        made.close()


def test_a_password_in_the_address_is_used_and_not_shown(server: clickhouse.Server) -> None:
    """An address may hold user and password, percent-encoded; it is shown without them."""
    secret = clickhouse.PASSWORD.replace("/", "%2F").replace("@", "%40")
    made = ClickHouse(server.url.replace("//", f"//default:{secret}@"))
    made.prepare()
    assert made.health().ok
    assert made.address == f"{server.url}/"
    made.close()


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    """The error names the setting and does not show what may hold a password."""
    with pytest.raises(ConfigError, match=r"storage\.clickhouse\.url") as failed:
        ClickHouse("clickhouse://ada:s3cret@host:9000/db")
    assert "s3cret" not in str(failed.value)
