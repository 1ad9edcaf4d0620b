"""What a server's refusals do to the points beside them; answers are made up, no server runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import cramjam
import httpx
import polars as pl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.backends import (
    STATES,
    VALUES,
    BackendError,
    Health,
    Points,
    labels_json,
)
from datawatch_lab.core.config.keys import Config
from datawatch_lab.service.backends import check_backends
from datawatch_lab.store.backends.clickhouse import ClickHouse
from datawatch_lab.store.backends.influx import Influx
from datawatch_lab.store.backends.postgres_session import Session
from datawatch_lab.store.backends.prometheus import Prometheus
from datawatch_lab.store.backends.prometheus_wire import Series, count, halves, moments_of
from datawatch_lab.store.backends.timescale import Timescale, _without_nul
from tests.backends.backend_contract import base
from tests.backends.duck_backend import DuckBackend

Answer = Callable[[httpx.Request], httpx.Response]


def _values(rows: int) -> Points:
    times = [base() + timedelta(minutes=each) for each in range(rows)]
    told = {"metric": "m", "labels": "{}", "minute": times, "value": [1.0] * rows}
    return Points(pl.DataFrame(schema=STATES), pl.DataFrame(told, schema=VALUES))


def _influx(answer: Answer, token: str = "") -> Influx:
    made = Influx("http://influx", token=token, org="acme")
    made._client = httpx.Client(transport=httpx.MockTransport(answer))
    return made


def _prometheus(answer: Answer, url: str = "http://u:pw@prom", to: str | None = None) -> Prometheus:
    made = Prometheus(url, to)
    made._client = httpx.Client(transport=httpx.MockTransport(answer))
    return made


def test_influx_goes_on_after_a_partial_refusal() -> None:
    """Requests after one that was refused in part are sent, and all that was refused is counted."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(len(request.content.splitlines()))
        said = {1: "partial write: points beyond retention policy dropped=2", 2: "unable to parse"}
        if len(sizes) in said:
            return httpx.Response(400, json={"error": said[len(sizes)]})
        return httpx.Response(204)

    with pytest.raises(BackendError) as caught:
        _influx(answer).write(_values(12_000))
    assert sizes == [5_000, 5_000, 2_000]
    assert (caught.value.retry, caught.value.rejected) == (False, 5_002)


def test_influx_stops_where_it_may_be_tried_again() -> None:
    """A busy server gets the same points once more, so nothing is sent behind them."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503)

    with pytest.raises(BackendError) as caught:
        _influx(answer).write(_values(12_000))
    assert caught.value.retry
    assert len(asked) == 1


def test_another_database_is_another_target() -> None:
    """The cursor is kept by what is written into, so a new database gets the history."""
    targets = [
        Influx("http://a").target,
        Influx("http://a", "other").target,
        Influx("http://a", "other", token="t", org="x").target,  # noqa: S106
        Influx("http://a", "other", token="t", org="y").target,  # noqa: S106
        ClickHouse("http://a").target,
        ClickHouse("http://a", database="other").target,
        Timescale("postgresql://ada:pw@a/one").target,
        Timescale("postgresql://ada:pw@a/two").target,
        Prometheus("http://a:9090").target,
        Prometheus("http://a:9090", "http://u:pw@gateway/push").target,
    ]
    assert len(set(targets)) == len(targets)
    assert "pw" not in "".join(targets)


_SERIES = st.lists(
    st.lists(st.integers(0, 20), min_size=1, max_size=8, unique=True).map(sorted), max_size=6
)


@given(_SERIES)
def test_halves_lose_nothing_and_split_time(times: list[list[int]]) -> None:
    """Each sample is in one half; the first half is earlier, or has other series of one moment."""
    series: list[Series] = [
        ((("s", str(place)),), [(at, 1.0) for at in each]) for place, each in enumerate(times)
    ]
    parts = halves(series)
    if count(series) < 2:
        assert parts == []
        return
    early, late = parts
    assert early
    assert late
    had = [(labels, at) for labels, samples in series for at, _ in samples]
    got = [(labels, at) for part in parts for labels, samples in part for at, _ in samples]
    assert sorted(got) == sorted(had)
    if len(moments_of(series)) > 1:
        assert moments_of(early)[-1] < moments_of(late)[0]


def test_prometheus_keeps_what_is_fresh_of_many_series() -> None:
    """Of 100 series whose first 600 minutes are too old, the last 120 are stored, in few tries."""
    series: list[Series] = [
        ((("s", f"{place:03}"),), [(at, 1.0) for at in range(720)]) for place in range(100)
    ]
    stored: list[int] = []
    made = _prometheus(lambda _: httpx.Response(204))
    made._window = timedelta(hours=1)
    tries = 0

    def post(part: list[Series]) -> str | None:
        nonlocal tries
        tries += 1
        if any(at < 600 for _, samples in part for at, _ in samples):
            return "too old sample"
        stored.extend(at for _, samples in part for at, _ in samples)
        return None

    made._post = post  # type: ignore[assignment,method-assign]
    assert made._send(series) == 100 * 600
    assert len(stored) == 100 * 120
    assert tries < 30


@pytest.mark.parametrize("code", [400, 413])
def test_prometheus_sends_in_halves_what_is_too_large(code: int) -> None:
    """A gateway that takes little at once gets all of it."""
    taken = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal taken
        samples = bytes(cramjam.snappy.decompress_raw(request.content)).count(b"\x12\x10\x09")
        if samples > 10:
            return httpx.Response(code, text="too large")
        taken += samples
        return httpx.Response(204)

    _prometheus(answer).write(_values(35))
    assert taken == 35


def test_prometheus_loses_no_points_over_a_question() -> None:
    """What is there is asked before states are written; when that fails they are tried again."""
    made = _prometheus(lambda _: httpx.Response(422, json={"status": "error", "error": "many"}))
    with pytest.raises(BackendError) as caught:
        made.prepare()
    assert caught.value.retry


@pytest.mark.parametrize(
    ("to", "told"),
    [(None, True), ("http://gateway/push", False), ("http://x:y@gateway/push", True)],
)
def test_prometheus_password_goes_to_its_own_server(to: str | None, *, told: bool) -> None:
    """A receiver with an address of its own gets its own sign-in, or none."""
    seen: dict[str, list[str | None]] = {"POST": [], "GET": []}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.method].append(request.headers.get("Authorization"))
        return httpx.Response(200, json={"status": "success", "data": {"yaml": ""}})

    made = _prometheus(answer, to=to)
    made.prepare()
    made.write(_values(1))
    ((read,), (written,)) = seen["GET"], seen["POST"]
    assert read is not None
    assert (written is not None) is told
    assert (written == read) is (to is None)


_TEXTS = st.text(st.sampled_from("\0\\u0a\"'"), max_size=8)


@given(st.dictionaries(_TEXTS, _TEXTS, max_size=3))
def test_labels_hold_no_nul_and_keep_the_rest(labels: dict[str, str]) -> None:
    """Two NULs in a row, and backslashes before them, leave JSON that PostgreSQL takes."""
    shown = {
        key.replace("\0", "\u2400"): value.replace("\0", "\u2400") for key, value in labels.items()
    }
    assert _without_nul(labels_json(labels)) == labels_json(shown)


def test_a_page_that_is_not_theirs_is_a_problem() -> None:
    """A proxy's page with a status of 200 is said to be one; nothing is raised."""

    def page(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>hello</html>")

    house = ClickHouse("http://house")
    house._client = httpx.Client(base_url="http://house", transport=httpx.MockTransport(page))
    for health, name in ((_influx(page).health(), "InfluxDB"), (house.health(), "ClickHouse")):
        assert not health.ok
        assert not health.fresh
        assert f"is no {name}" in health.problem


@pytest.mark.parametrize(("buckets", "ok"), [([{"name": "datawatch"}], True), ([], False)])
def test_influx_2_wants_its_bucket(buckets: list[dict[str, str]], *, ok: bool) -> None:
    """A server that answers is not enough: the bucket has to be there, and is not made by us."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ping":
            return httpx.Response(204)
        assert dict(request.url.params) == {"org": "acme", "name": "datawatch"}
        return httpx.Response(200, json={"buckets": buckets})

    health = _influx(answer, token="t").health()  # noqa: S106
    assert health.ok is ok
    assert not health.fresh


def test_a_fresh_influx_1_is_no_obstacle() -> None:
    """A database that we would make is told apart from what somebody has to see to."""
    health = _influx(lambda _: httpx.Response(200, json={"results": [{}]})).health()
    assert (health.ok, health.fresh) == (False, True)


@pytest.mark.parametrize("doing", ["starting up", "shutting down"])
def test_a_starting_postgresql_is_waited_for(doing: str) -> None:
    """Its words hold "database" too, and still nobody is told to make one."""
    session = Session("postgresql://ada:pw@host/shop", timeout=1, greet=lambda _: None)
    error = session._told(psycopg.OperationalError(f"the database system is {doing}"))
    assert "tried again" in error.hint
    assert "CREATE DATABASE" not in error.hint


def test_doctor_passes_over_what_we_would_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh server is told and stops nobody; one that is away does."""
    for fresh in (True, False):
        backend = DuckBackend()
        health = Health(ok=False, problem="no table yet.", fresh=fresh)
        monkeypatch.setattr(backend, "health", lambda health=health: health)
        monkeypatch.setattr(
            "datawatch_lab.engine.backends.configured", lambda _, backend=backend: [backend]
        )
        (finding,) = check_backends(Config())
        assert (finding.ok, finding.blocking) == (False, not fresh)
