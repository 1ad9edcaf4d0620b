"""The back end Prometheus, on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datawatch_lab.core.backends import Backend
from datawatch_lab.store.backends.prometheus import Prometheus
from tests.backends.backend_contract import BackendContract
from tests.services.prometheus import Server


@pytest.fixture
def backend(prometheus_server: Server) -> Iterator[Prometheus]:
    """The back end, prepared."""
    made = Prometheus(prometheus_server.url)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def served(prometheus_server: Server) -> str:
    """The server's version."""
    return prometheus_server.version


class TestPrometheus(BackendContract):
    """The contract over Prometheus."""


def test_it_is_a_backend(backend: Prometheus) -> None:
    """The type checker and this line agree that it speaks the protocol."""
    spoken: Backend = backend
    assert spoken.name == "prometheus"
