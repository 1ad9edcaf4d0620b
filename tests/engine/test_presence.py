"""Over which time a table has data is found once a data version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.engine import Engine
from datawatch_lab.engine.presence import Presence
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import open_workspace
from tests.views.conftest import orders, post


def test_it_is_found_anew_when_data_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions of one version ask the store once; the next commit, and retention, count."""
    now = datetime.now(UTC)
    with open_workspace(tmp_path / "shop.duckdb", what="tests") as shop:
        post(shop, orders(3, now - timedelta(hours=2)))
        caller: Any = shop.caller
        assert isinstance(caller, LocalCaller)
        engine: Engine = caller.engine
        series = tuple(
            each.id
            for measure in engine.measures.all
            for each in engine.measures.book.of(measure.id)
        )
        asked: list[Any] = []
        find = engine.store.measure_span

        def noted(ids: Any) -> Any:
            asked.append(ids)
            return find(ids)

        monkeypatch.setattr(engine.store, "measure_span", noted)
        presence = engine.beside(Presence)
        first = presence.span(series, "all")
        assert first == find(series)
        assert presence.span(series, "all") == first
        assert len(asked) == 1
        post(shop, orders(3, now, first_number=10))
        later = presence.span(series, "all")
        assert later is not None
        assert first is not None
        assert later[1] > first[1]
        presence.span(series, "less")
        assert len(asked) == 3
