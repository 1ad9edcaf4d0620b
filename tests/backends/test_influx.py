"""The back end InfluxDB, on a real server of 1.x."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import polars as pl
import pytest

from datawatch_lab.core.backends import VALUES, Backend, BackendError, Points
from datawatch_lab.store.backends.influx import Influx
from tests.backends.backend_contract import BackendContract, base, states
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
    caplog.set_level("DEBUG")
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
    frame = states([(1, 0, [1.5, 2.0])], base(), "orders/value/amount net")
    values = pl.DataFrame([("m p", '{"a b":"x,y=z"}', base(), 0.5)], schema=VALUES, orient="row")
    second.write(Points(frame, values))
    (request,) = seen
    assert request.url.path == "/api/v2/write"
    assert dict(request.url.params) == {"org": "shop", "bucket": "metrics", "precision": "ns"}
    assert request.headers["Authorization"] == "Token s3cret"
    first, other = request.content.decode().split("\n")
    at = int(base().timestamp()) * 1_000_000_000
    key = frame["series"][0]
    assert first.startswith(
        rf"datawatch_states,measure=orders/value/amount\ net,series={key} n=2i,sum=3.5,min=1.5,"
    )
    assert first.endswith(f" {at}")
    assert other == rf"m\ p,a\ b=x\,y\=z value=0.5 {at}"
    assert "s3cret" not in repr(second)
