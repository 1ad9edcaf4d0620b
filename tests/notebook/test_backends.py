"""Metric back ends in a notebook: shown, waited for, completed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.backends import BackendError
from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.notebook.backends import line
from datawatch_lab.notebook.hints import hints
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace
from tests.backends.duck_backend import DuckBackend
from tests.backends.shop import NOW, events, feed, opened
from tests.waiting import eventually


class Hostile(DuckBackend):
    """One whose address is markup."""

    address = target = "<img src=x>"


@pytest.fixture
def backend() -> DuckBackend:
    """A DuckDB."""
    return Hostile()


@pytest.fixture
def lab(tmp_path: Path, backend: DuckBackend) -> Iterator[Lab]:
    """A lab over an engine that writes to a back end."""
    engine = opened(tmp_path / "w.duckdb")
    engine.backends.use([backend])
    feed(engine, events(1, NOW - timedelta(minutes=30), 10))
    yield Lab(Workspace(LocalCaller(engine)))
    engine.close()


def test_they_show_themselves(lab: Lab, backend: DuckBackend) -> None:
    """A row each, escaped; the state is as of when it was asked for."""
    found = lab.backends.wait(60)
    assert list(found) == ["duckdb"]
    shown = lab.backends._repr_html_() + lab.backends["duckdb"]._repr_html_()
    assert "<img" not in shown
    assert "current" in shown
    assert "current" in repr(lab.backends)
    assert repr(lab.backends["duckdb"]).startswith("<BackendView duckdb: current, ")
    frame = lab.backends.df()
    assert frame.loc["duckdb", "points"] == lab.backends["duckdb"].raw.points > 0
    writes = backend.writes
    found["duckdb"].resend("-1h").wait(60)
    assert backend.writes > writes


def test_what_waits_is_told(lab: Lab, backend: DuckBackend) -> None:
    """Waiting for one that is away ends with what it waits for."""
    lab.backends.wait(60)
    backend.away = True
    lab.backends["duckdb"].resend("-1h")
    eventually(lambda: lab.backends["duckdb"].state.state == "away")
    with pytest.raises(BackendError, match=r"does not have everything after .* s: away"):
        lab.backends.wait(1)
    backend.away = False
    assert lab.backends.wait(60)["duckdb"].state.problem == ""


def test_names_complete(lab: Lab) -> None:
    """Names stand in ``backend=`` and in brackets; the nearest is told for one that is none."""
    lab.backends.wait(60)
    for text in ('lab.range("orders_total", backend="', 'lab.backends["du'):
        assert hints(text, {"lab": lab}, lab)[1] == ["duckdb"]
    answer = lab.range("orders_total", start="-1h", step="5m", backend="duckdb")
    assert len(answer.df()) > 1
    with pytest.raises(NotFoundError, match="duckdb"):
        lab.backends["duckbd"]


def test_none_says_what_to_do(tmp_path: Path) -> None:
    """Without back ends the listing says where they are named."""
    engine = opened(tmp_path / "w.duckdb")
    lab = Lab(Workspace(LocalCaller(engine)))
    assert "storage" in repr(lab.backends)
    assert "storage" in lab.backends._repr_html_()
    assert lab.backends.df().empty
    engine.close()


def test_a_state_in_one_line() -> None:
    """What waits and why."""
    state = BackendState(
        name="x",
        address="a",
        state="away",
        points=1_000,
        refused=2,
        behind_seconds=90,
        problem="gone.",
    )
    assert line(state) == "away, 1,000 points, 2 refused, 1 min 30 s behind: gone."
