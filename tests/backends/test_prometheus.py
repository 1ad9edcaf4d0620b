"""The back end Prometheus, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from datawatch_lab.core.backends import Backend, KeptFor
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

    @pytest.fixture
    def kept(self) -> KeptFor:
        """As long as it was started to keep samples."""
        return KeptFor(*[timedelta(days=3_650)] * 4)


def test_a_server_that_forgets_too_early_is_told(backend: Prometheus) -> None:
    """How long it keeps samples is its own flag; the doctor compares, and names the flag."""
    short = backend.shortfall(KeptFor(*[timedelta(days=3_651)] * 4))
    assert "keeps samples for 10y, the workspace minutes for 3651d" in short
    assert "--storage.tsdb.retention.time=3651d" in short


def test_it_is_a_backend(backend: Prometheus) -> None:
    """The type checker and this line agree that it speaks the protocol."""
    spoken: Backend = backend
    assert spoken.name == "prometheus"
