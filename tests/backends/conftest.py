"""Private servers of the metric back ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import missing
from tests.services import influxdb, prometheus


@pytest.fixture(scope="session")
def prometheus_server() -> Iterator[prometheus.Server]:
    """A private Prometheus for the session; the test is skipped, or fails, where there is none."""
    if prometheus.find() is None:
        missing("Prometheus", prometheus.HOW_TO_GET_ONE)
    server = prometheus.Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def influx_server() -> Iterator[influxdb.Server]:
    """A private InfluxDB for the session; the test is skipped, or fails, where there is none."""
    if influxdb.find() is None:
        missing("InfluxDB", influxdb.HOW_TO_GET_ONE)
    server = influxdb.Server()
    yield server
    server.close()
