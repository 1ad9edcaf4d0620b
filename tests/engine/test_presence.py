"""Over which time a table has data is found once a data version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.values import MeasureKind
from datawatch_lab.engine import Engine
from datawatch_lab.engine.presence import Presence
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace, open_workspace
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
        post(shop, orders(3, now, first_number=2_000))
        later = presence.span(series, "all")
        assert later is not None
        assert first is not None
        assert later[1] > first[1]
        presence.span(series, "less")
        assert len(asked) == 3


@dataclass
class _Asked:
    """An engine that counts how often its store is asked for a span."""

    engine: Engine
    series: tuple[int, ...]
    tables: list[int]
    times: int = 0


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Workspace, _Asked]]:
    """A shop with orders of two hours ago and before, whose totals are asked for.

    They are more than roles of columns are found by, after which a table stays as it is.
    """
    with open_workspace(tmp_path / "shop.duckdb", what="tests") as shop:
        post(shop, orders(1_200, datetime.now(UTC) - timedelta(hours=2)))
        caller: Any = shop.caller
        engine: Engine = caller.engine
        measures = [each for each in engine.measures.all if each.kind is MeasureKind.CHANGES]
        series = tuple(s.id for each in measures for s in engine.measures.book.of(each.id))
        found = _Asked(engine, series, [engine.table("orders").id])
        find = engine.store.measure_span

        def noted(ids: Any) -> Any:
            found.times += 1
            return find(ids)

        monkeypatch.setattr(engine.store, "measure_span", noted)
        yield shop, found


def test_what_comes_after_it_leaves_the_first_moment(asked: tuple[Workspace, _Asked]) -> None:
    """Only what is older moves it; the end is asked for again, unless other tables changed."""
    shop, how = asked
    presence, now = how.engine.beside(Presence), datetime.now(UTC)
    span = presence.span(how.series, "all", how.tables)
    assert span is not None
    post(shop, orders(3, now, first_number=2_000))
    assert presence.first(how.series, "all", how.tables) == span[0]
    assert how.times == 1
    later = presence.span(how.series, "all", how.tables)
    assert later is not None
    assert (later[0], how.times) == (span[0], 2)
    assert later[1] > span[1]
    post(shop, [{**each, "table": "others"} for each in orders(3, now, first_number=9_000)])
    assert presence.span(how.series, "all", how.tables) == later
    assert how.times == 2
    post(shop, orders(3, now - timedelta(hours=9), first_number=3_000))
    earlier = presence.first(how.series, "all", how.tables)
    assert earlier is not None
    assert (earlier < span[0], how.times) == (True, 3)


def test_states_that_were_dropped_are_looked_for_again(asked: tuple[Workspace, _Asked]) -> None:
    """What is no commit, such as retention, leaves nothing known."""
    _, how = asked
    presence = how.engine.beside(Presence)
    presence.first(how.series, "all", how.tables)
    how.engine.touched.forget()
    presence.first(how.series, "all", how.tables)
    assert how.times == 2
