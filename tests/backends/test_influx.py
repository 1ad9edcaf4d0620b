"""The back end InfluxDB, on a real server of 1.x."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import polars as pl
import pytest

from datawatch_lab.core.backends import (
    MINUTE,
    VALUES,
    Asked,
    Backend,
    BackendError,
    KeptFor,
    Points,
)
from datawatch_lab.store.backends.influx import Influx
from datawatch_lab.store.backends.influx_hours import POLICY
from datawatch_lab.store.backends.influx_lines import STATES, nanos
from tests.backends.backend_contract import (
    EMPTY_VALUES,
    KEPT,
    BackendContract,
    base,
    check,
    states,
)
from tests.services.influxdb import PASSWORD, Server


@pytest.fixture
def backend(influx_server: Server) -> Iterator[Influx]:
    """The back end, prepared."""
    made = Influx(influx_server.url, "datawatch", username="ada", password=PASSWORD)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def served(influx_server: Server) -> str:
    """The server's version."""
    return influx_server.version


class TestInflux(BackendContract):
    """The contract over InfluxDB."""


def test_hours_outlive_their_minutes(influx_server: Server) -> None:
    """When minutes are gone, steps of hours still are DuckDB's; policies keep each for as long."""
    made = Influx(influx_server.url, "hours", username="ada", password=PASSWORD)
    made.prepare()
    start = base().replace(hour=0) - timedelta(days=3)
    about = "hours/value/x"
    frame = pl.concat(
        states([(1, 0, [float(place)])], start + place * 10 * MINUTE, about) for place in range(200)
    )
    for part in frame.iter_slices(30):
        made.write(Points(part, EMPTY_VALUES))
    late = states([(1, 0, [-7.0, 1e6])], start + 50 * MINUTE, about)
    made.write(Points(late, EMPTY_VALUES))
    kept = KeptFor(*(timedelta(days=each) for each in (30, 60, 90, 120)))
    made.retain(kept)
    (policies,) = made._ask('SHOW RETENTION POLICIES ON "hours"')
    rows = policies["series"][0]["values"]
    assert {row[0]: row[1] for row in rows} == {"autogen": "720h0m0s", POLICY: "2880h0m0s"}
    over = start + timedelta(hours=33)  # the newest hour is not
    made._ask(f"DELETE FROM {STATES} WHERE time < {nanos(over)}")
    both = pl.concat([frame, late])
    key = both["series"][0]
    for hours in (1, 17, None):
        step = None if hours is None else timedelta(hours=hours)
        asked = Asked((key,), start, start + timedelta(hours=34), step)
        assert check(made, both, asked)
    made.close()


def test_a_user_who_is_no_administrator_writes_and_asks(influx_server: Server) -> None:
    """Retention policies are for administrators; without them there are no hours, and a note."""
    for statement in (
        'CREATE DATABASE "granted"',
        f"CREATE USER bob WITH PASSWORD '{PASSWORD}'",
        'GRANT ALL ON "granted" TO bob',
    ):
        httpx.post(
            f"{influx_server.url}/query", data={"q": statement}, auth=("ada", PASSWORD)
        ).raise_for_status()
    made = Influx(influx_server.url, "granted", username="bob", password=PASSWORD)
    made.prepare()
    made.retain(KEPT)
    assert made.health().ok
    assert "no administrator" in " ".join(made.capabilities.notes)
    start = base()
    frame = states([(0, 0, [1.0]), (0, 61, [2.0])], start)
    made.write(Points(frame, EMPTY_VALUES))
    keys = tuple(set(frame["series"]))
    whole = Asked(keys, start, start + timedelta(hours=2), timedelta(hours=1))
    assert check(made, frame, whole) == 2
    made.close()


def test_a_bucket_that_forgets_too_early_is_told() -> None:
    """The rule of a bucket of 2.x is its own; the doctor says what to set."""
    rules = [{"type": "expire", "everySeconds": 86_400}]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"buckets": [{"name": "b", "retentionRules": rules}]})

    second = Influx("http://influx.test", "b", token="s3cret", org="shop")  # noqa: S106
    second._client = httpx.Client(transport=httpx.MockTransport(answer))
    short = second.shortfall(KeptFor(*[timedelta(days=30)] * 4))
    assert "keeps points for 1d" in short
    assert "--retention 720h" in short
    assert second.shortfall(KeptFor(*[timedelta(hours=2)] * 4)) == ""


def test_it_is_a_backend(backend: Influx) -> None:
    """The type checker and this line agree that it speaks the protocol."""
    spoken: Backend = backend
    assert spoken.name == "influxdb"


def test_a_wrong_password_is_said_without_it(influx_server: Server) -> None:
    """The error names the server and what to check, and never the password."""
    wrong = Influx(influx_server.url, username="ada", password="wr0ng-w0rd")  # noqa: S106
    with pytest.raises(BackendError, match="lets nobody in") as caught:
        wrong.prepare()
    assert "wr0ng" not in str(caught.value) + repr(wrong) + wrong.health().problem
    wrong.close()


def test_a_password_within_the_address_signs_in_and_is_logged_nowhere(
    influx_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It is taken out of the address, which HTTP clients log with every request."""
    caplog.set_level("DEBUG", "httpx")
    made = Influx(influx_server.url.replace("//", f"//ada:{PASSWORD}@"))
    made.prepare()
    assert made.health().ok
    assert "127.0.0.1" in caplog.text
    assert PASSWORD not in caplog.text + made.address + repr(made)
    made.close()


def test_with_a_token_it_writes_as_influxdb_2_takes_it() -> None:
    """The path, the parameters, the header and the lines are those of the API of 2.x."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    second = Influx("http://influx.test", "metrics", token="s3cret", org="shop")  # noqa: S106
    second._client = httpx.Client(
        transport=httpx.MockTransport(answer), headers=second._client.headers
    )
    start = base()
    frame = states([(1, 0, [1.5, 2.0])], start, "orders/value/amount net")
    values = pl.DataFrame([("m p", '{"a b":"x,y=z"}', start, 0.5)], schema=VALUES, orient="row")
    second.write(Points(frame, values))
    (request,) = seen
    assert request.url.path == "/api/v2/write"
    assert dict(request.url.params) == {"org": "shop", "bucket": "metrics", "precision": "ns"}
    assert request.headers["Authorization"] == "Token s3cret"
    first, other = request.content.decode().split("\n")
    at = int(start.timestamp()) * 1_000_000_000
    key = frame["series"][0]
    assert first.startswith(
        rf"datawatch_states,measure=orders/value/amount\ net,series={key} n=2i,sum=3.5,min=1.5,"
    )
    assert first.endswith(f" {at}")
    assert other == rf"m\ p,a\ b=x\,y\=z value=0.5 {at}"
    assert "s3cret" not in repr(second)
