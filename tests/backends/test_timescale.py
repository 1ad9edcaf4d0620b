"""The contract of metric back ends over TimescaleDB itself and over a plain PostgreSQL."""

from __future__ import annotations

import os
import signal
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
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.store.backends import timescale_sql as sql
from datawatch_lab.store.backends.buckets import down, up
from datawatch_lab.store.backends.timescale import Timescale
from tests.backends.backend_contract import EMPTY_VALUES, BackendContract, check, states
from tests.backends.round_trip import EVERY_METRIC, round_trip
from tests.exchanged import Exchanged
from tests.services import timescale
from tests.services.postgres import PASSWORD, URL_PASSWORD, Server

pytestmark = pytest.mark.services
DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTHING = pl.DataFrame(schema=STATES)


@pytest.fixture(scope="session")
def timescale_server(pytestconfig: pytest.Config) -> Iterator[timescale.Server]:
    """TimescaleDB in WebAssembly for the session; skipped where it cannot be had."""
    cache = pytestconfig.cache
    assert cache is not None
    folder = timescale.install(cache.mkdir("timescale"))
    if folder is None:
        pytest.skip(f"TimescaleDB in WebAssembly: {timescale.HOW_TO_GET_ONE}")
    server = timescale.Server(folder)
    yield server
    server.close()


@pytest.fixture(scope="module")
def hyper(timescale_server: timescale.Server) -> Iterator[Timescale]:
    """TimescaleDB, prepared."""
    made = Timescale(timescale_server.url)
    made.prepare()
    yield made
    made.close()


@pytest.fixture(scope="module")
def plain(postgres_server: Server) -> Iterator[Timescale]:
    """PostgreSQL without the extension, prepared."""
    with postgres_server.database("plain_metrics") as url:
        made = Timescale(url)
        made.prepare()
        yield made
        made.close()


def test_minutes_of_plain_tables_are_indexed(plain: Timescale) -> None:
    """What is too old is found without reading all that is kept; making it anew is harmless."""
    plain.prepare()
    rows = plain._session.run("SELECT indexdef FROM pg_indexes WHERE schemaname = 'datawatch'")
    indexed = [text for (text,) in rows if "USING brin (minute)" in text]
    assert len(indexed) == 2


def test_a_sweep_that_fails_is_no_failed_write(caplog: pytest.LogCaptureFixture) -> None:
    """The points are stored, so it is logged, and tried again later."""
    made = Timescale("postgresql://ada:pw@host/shop")
    asked: list[str] = []

    def fails(statement: str, _: object = None) -> list[tuple[object, ...]]:
        asked.append(statement)
        raise BackendError("canceling statement due to statement timeout")

    made._session.run = fails  # type: ignore[assignment,method-assign]
    made._kept = KeptFor(*[timedelta(days=1)] * 4)
    made._sweep()
    made._sweep()
    assert len(asked) == 1
    assert "tried again" in caplog.text


class TestTimescale(BackendContract):
    """TimescaleDB, with hypertables and continuous aggregates."""

    @pytest.fixture
    def backend(self, hyper: Timescale) -> Timescale:
        """The back end, prepared."""
        return hyper

    @pytest.fixture
    def served(self, hyper: Timescale) -> str:
        """What the server calls itself: this is the extension, not a plain PostgreSQL."""
        version = hyper.health().version
        assert "TimescaleDB 2" in version
        return version


class TestPostgres(BackendContract):
    """PostgreSQL without the extension."""

    @pytest.fixture
    def backend(self, plain: Timescale) -> Timescale:
        """The back end, prepared."""
        return plain

    @pytest.fixture
    def served(self, postgres_server: Server) -> str:
        """What the server calls itself."""
        return f"PostgreSQL {postgres_server.version}"


def long(about: str, minutes: int) -> pl.DataFrame:
    """States of one series, a minute each."""
    return pl.concat(
        states([(0, minute % 60, [float(minute)])], DAY + minute // 60 * HOUR, about)
        for minute in range(minutes)
    )


moments = st.integers(0, 10_000).map(lambda minute: DAY + minute * MINUTE)


@given(
    moments,
    st.integers(1, 400),
    st.sampled_from([None, 1, 5, 10, 60, 90, 120, 1440]),
    st.sets(st.sampled_from([each.name for each in sql.ALL_ROLL_UPS])),
)
def test_roll_ups_and_minutes_cover_a_range_once(
    start: datetime, count: int, minutes: int | None, made: set[str]
) -> None:
    """Whatever is asked, each minute is read from one place, and no roll-up's bucket is cut."""
    step = None if minutes is None else minutes * MINUTE
    end = start + count * (step or MINUTE)
    parts = sql._stretches(Asked(("00",), start, end, step), frozenset(made))
    assert [part[1] for part in parts] == [start, *(part[2] for part in parts[:-1])]
    assert parts[-1][2] == end
    widths = {each.name: each.width for each in sql.ALL_ROLL_UPS} | {"states": MINUTE}
    for table, low, high in parts:
        assert table in made | {"states"}
        for moment in (low, high):
            assert down(moment, widths[table]) == moment == up(moment, widths[table])
        assert step is None or table == "states" or not step % widths[table]


def test_wide_steps_are_read_from_roll_ups_that_are_right(hyper: Timescale) -> None:
    """Hours and days come from continuous aggregates, also where a late minute changed them."""
    about = "rolled/value/x"
    frame = long(about, 26 * 60)
    for part in frame.iter_slices(400):  # the server in WebAssembly takes no message over 64 KiB
        hyper.write(Points(part, EMPTY_VALUES))
    for each in sql.ALL_ROLL_UPS:
        hyper._session.run(sql.REFRESH, [f"datawatch.{each.name}", DAY, DAY + 48 * HOUR])
    keys = (series_key(about, "{}"),)
    asked = Asked(keys, DAY, DAY + 26 * HOUR, HOUR)
    statement, _ = sql.read(asked, [1], hyper._roll_ups)
    assert "datawatch.states_1h" in statement
    check(hyper, frame, asked)
    late = states([(0, 7, [-5.0, 1e6])], DAY + 3 * HOUR, about)
    hyper.write(Points(late, EMPTY_VALUES))
    right = pl.concat([frame, late])
    for minutes in (5, 60, 1440, None):
        step = None if minutes is None else minutes * MINUTE
        end = DAY + (48 if minutes == 1440 else 26) * HOUR
        assert check(hyper, right, Asked(keys, DAY, end, step))
    stored = hyper._session.run(
        "SELECT max FROM _timescaledb_internal._materialized_hypertable_{} WHERE max = 1e6".format(
            hyper._session.run(
                "SELECT mat_hypertable_id FROM _timescaledb_catalog.continuous_agg "
                "WHERE user_view_name = 'states_1d'"
            )[0][0]
        )
    )
    assert stored == [(1e6,)], "the roll-up itself has the late row"


def test_the_server_is_told_how_long_to_keep(hyper: Timescale) -> None:
    """Retention and refresh are jobs of the server; hours and days outlive minutes."""
    for first in (40_000, 30_000):
        hyper.retain(KeptFor(*(timedelta(days=first + each) for each in range(4))))
    jobs = hyper._session.run(
        "SELECT j.proc_name, coalesce(c.view_name, j.hypertable_name), j.config->>'drop_after' "
        "FROM timescaledb_information.jobs j LEFT JOIN "
        "timescaledb_information.continuous_aggregates c "
        "ON c.materialization_hypertable_name = j.hypertable_name WHERE j.job_id >= 1000"
    )
    kept = {name: age for proc, name, age in jobs if proc == "policy_retention"}
    assert kept == {
        "states": "30000 days",
        "metric_values": "30000 days",
        "states_5m": "30001 days",
        "states_1h": "30002 days",
        "states_1d": "30003 days",
    }
    refreshed = [name for proc, name, _ in jobs if proc == "policy_refresh_continuous_aggregate"]
    assert sorted(refreshed) == ["states_1d", "states_1h", "states_5m"]


def test_hours_outlive_their_minutes(hyper: Timescale) -> None:
    """When the server has dropped minutes, steps of hours and days still are DuckDB's."""
    about, day = "kept/value/x", DAY.replace(year=2020)
    frame = pl.concat(
        states(
            [(0, minute, [float(minute)]) for minute in range(0, 12, 5)], day + hour * HOUR, about
        )
        for hour in range(50)
    )
    hyper.write(Points(frame, EMPTY_VALUES))
    for each in sql.ALL_ROLL_UPS:
        hyper._session.run(sql.REFRESH, [f"datawatch.{each.name}", day, day + 72 * HOUR])
    age = datetime.now(UTC) - day
    hyper.retain(KeptFor(age - timedelta(days=30), *[age + timedelta(days=9_000)] * 3))
    for (job,) in hyper._session.run(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    ):
        hyper._session.run("CALL run_job(%s)", [job])
    left = "SELECT count(*) FROM datawatch.states WHERE minute < %s"
    assert hyper._session.run(left, [day + 72 * HOUR]) == [(0,)]
    keys = (series_key(about, "{}"),)
    for hours, end in ((1, 50), (24, 72), (None, 50)):
        step = None if hours is None else hours * HOUR
        assert check(hyper, frame, Asked(keys, day, day + end * HOUR, step))
    assert check(hyper, frame, Asked(keys, day, day + 50 * HOUR, 5 * MINUTE)) == 150


def test_plain_tables_lose_old_minutes_with_the_next_write(postgres_server: Server) -> None:
    """Without the extension old rows are deleted by the back end."""
    with postgres_server.database("kept_metrics") as url:
        made = Timescale(url)
        made.prepare()
        made.write(Points(long("old/value/x", 3), EMPTY_VALUES))
        made.retain(KeptFor(*[timedelta(days=1)] * 4))
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        fresh = states([(0, 0, [1.0])], now, "new/value/x")
        made.write(Points(fresh, EMPTY_VALUES))
        assert made._session.run("SELECT minute FROM datawatch.states") == [(now,)]
        assert made.capabilities.retention == "ours"
        assert "without roll-ups" in made.capabilities.notes[0]
        made.close()


@pytest.mark.parametrize("kind", ["hyper", "plain"])
def test_names_that_are_statements_are_names(kind: str, request: pytest.FixtureRequest) -> None:
    """Quotes, semicolons, braces, NUL: what is written is what people read in the views."""
    backend: Timescale = request.getfixturevalue(kind)
    name = "x'); DROP SCHEMA datawatch CASCADE; --\\ %s {0} \" é"
    labels = [("'; DELETE FROM datawatch.states; --", "%(x)s \0 \\u0000 ✓"), ("", "")]
    at = DAY.replace(year=2025)
    values = pl.DataFrame(
        [{"metric": name, "labels": labels_json(labels), "minute": at, "value": 2.5}],
        schema=VALUES,
    )
    for value in (2.5, 3.5):
        backend.write(Points(NOTHING, values.with_columns(pl.lit(value).alias("value"))))
    ((shown, value),) = backend._session.run(
        "SELECT labels, value FROM datawatch.metrics WHERE metric = %s AND minute = %s", [name, at]
    )
    assert value == 3.5
    assert shown == {labels[0][0]: "%(x)s ␀ \\u0000 ✓", "": ""}


def test_it_comes_back_after_the_server_was_away(
    hyper: Timescale, timescale_server: timescale.Server
) -> None:
    """While TimescaleDB is away a write says so; afterwards the same write goes through."""
    frame = long("back/value/x", 3)
    timescale_server.stop()
    try:
        with pytest.raises(BackendError) as failed:
            hyper.write(Points(frame, EMPTY_VALUES))
        assert failed.value.retry
    finally:
        timescale_server.start()
    hyper.write(Points(frame, EMPTY_VALUES))
    keys = (series_key("back/value/x", "{}"),)
    assert check(hyper, frame, Asked(keys, DAY, DAY + 3 * MINUTE, MINUTE)) == 3


def test_a_server_that_was_away_is_caught_up(postgres_server: Server) -> None:
    """While it is away every call says so and may be tried again; then nothing is missing."""
    with postgres_server.database("away_metrics") as url:
        made = Timescale(url)
        made.prepare()
        frame = long("away/value/x", 4)
        made.write(Points(frame[:2], EMPTY_VALUES))
        postgres_server.stop()
        try:
            with pytest.raises(BackendError, match="points wait") as failed:
                made.write(Points(frame[2:], EMPTY_VALUES))
            assert failed.value.retry
            with pytest.raises(BackendError, match="Check that it runs"):
                made.read(Asked(("0" * 16,), DAY, DAY + MINUTE))
            assert "Check that it runs" in made.health().problem
        finally:
            postgres_server.start()
        made.write(Points(frame[1:], EMPTY_VALUES))
        keys = (series_key("away/value/x", "{}"),)
        assert check(made, frame, Asked(keys, DAY, DAY + 4 * MINUTE, MINUTE)) == 4
        made.close()


@EVERY_METRIC
def test_a_workspace_sends_and_asks_timescale(
    tmp_path: Path,
    timescale_server: timescale.Server,
    hyper: Timescale,
    exchanged: Exchanged,
    whole: bool,
) -> None:
    """TimescaleDB gets what waited and what came late, and answers as the workspace does."""
    hyper.close()  # the server takes one connection at a time
    assert (
        round_trip(
            tmp_path, Timescale(timescale_server.url), timescale_server, exchanged, whole=whole
        )
        > 50
    )


@EVERY_METRIC
def test_a_workspace_sends_and_asks_postgres(
    tmp_path: Path, postgres_server: Server, exchanged: Exchanged, whole: bool
) -> None:
    """PostgreSQL gets what waited and what came late, and answers as the workspace does."""
    with postgres_server.database(f"shop_metrics_{whole:d}") as url:
        assert round_trip(tmp_path, Timescale(url), postgres_server, exchanged, whole=whole) > 50


def test_a_server_that_hangs_is_not_waited_for(
    postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is stopped in the middle ends a call after its timeout, not never."""
    with postgres_server.database("hanging_metrics") as url:
        made = Timescale(url)
        made.prepare()
        ((pid,),) = made._session.run("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGSTOP)
        try:
            # Short for this call alone: all that goes well may take its time on a busy machine.
            with monkeypatch.context() as short:
                short.setattr(made._session, "_timeout", 1.0)
                with pytest.raises(BackendError) as failed:
                    made.read(Asked(("0" * 16,), DAY, DAY + MINUTE))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert failed.value.retry
        assert made.read(Asked(("0" * 16,), DAY, DAY + MINUTE)).height == 0
        made.close()


def test_refusals_say_what_to_do_and_no_password(postgres_server: Server) -> None:
    """Wrong password, missing database, missing grant: each has a sentence and no secret."""
    postgres_server.query(f"CREATE ROLE stranger LOGIN PASSWORD '{PASSWORD}'")
    try:
        for url, word, todo in (
            (postgres_server.url(password="s3cret-wrong"), "password", "Check user and"),  # noqa: S106 — a wrong one
            (postgres_server.url(database="nowhere"), "nowhere", "CREATE DATABASE"),
            (postgres_server.url(user="stranger"), "permission denied", "GRANT CREATE ON DATABASE"),
        ):
            made = Timescale(url)
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
    finally:
        postgres_server.query("DROP ROLE stranger")


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    """A password with a slash in it breaks an address; the error does not show it."""
    with pytest.raises(ConfigError, match=r"storage\.timescale\.url") as failed:
        Timescale("postgresql://ada:s3cret/pa@ss:word@host:5x/db")
    assert "s3cret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert URL_PASSWORD not in str(failed.value)
