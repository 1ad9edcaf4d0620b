"""The live plot: it goes on with new events, rests when nobody answers, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook.feed import Feed
from datawatch_lab.notebook.live import Live
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.pulse import Pulse, Verdict
from datawatch_lab.service.intake import demo_source
from tests.notebook.conftest import order
from tests.waiting import PATIENCE


def _now(number: int) -> dict[str, Any]:
    return order(number, datetime.now(UTC) - timedelta(seconds=5))


@contextmanager
def _shown(live: Live) -> Iterator[Any]:
    """The live plot in a document, as a cell shows it."""
    layout: Any = live.__panel__()
    root = layout.get_root()
    try:
        yield lambda: layout._cleanup(root)
    finally:
        live.stop()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 — what is waited for tells nobody
            await asyncio.sleep(0.02)


def _total(live: Live) -> float:
    points = live._reading.answer.series[0].points
    return sum(value for _, value in points if value is not None)


def test_it_follows_new_events_and_ends_with_its_output(fresh: Lab) -> None:
    """Posted events appear while the loop is idle; when its document is gone it stops."""
    fresh.post(_now(1))

    async def story() -> None:
        live = fresh.metric("orders_amount_sum").live("5m", every="100ms")
        with _shown(live) as vanish:
            assert live.running
            await asyncio.to_thread(fresh.post, _now(7))
            await _until(lambda: _total(live) == 8.0)
            assert live.updates >= 1
            vanish()
            await _until(lambda: not live.running)

    asyncio.run(story())


def test_it_says_when_data_stops(fresh: Lab) -> None:
    """Beside the plot stands whether data still comes, in words."""
    fresh.post(order(1))  # months ago
    live = fresh.metric("orders_amount_sum").live("5m")
    assert "history up to 2026-01-05" in live._line.object


def test_it_draws_only_what_is_new(fresh: Lab) -> None:
    """Looking again without new data draws nothing; with new data it draws once."""
    fresh.post(_now(1))
    live = fresh.metric("orders_inserts_total").live("30d", step="1d")  # a new step is news too
    live.update()
    drawn = live.updates
    assert not live.update()
    fresh.post(_now(2))
    assert live.update()
    assert live.updates == drawn + 1


def test_it_ends_when_the_workspace_is_closed(fresh: Lab) -> None:
    """After the lab is closed, the plot stops and says why."""
    fresh.post(_now(1))

    async def story() -> None:
        live = fresh.metric("orders_amount_sum").live("5m", every="100ms")
        with _shown(live):
            fresh.close()
            await _until(lambda: not live.running)
            assert "closed" in live._line.object

    asyncio.run(story())


def test_without_a_loop_it_stands_still(fresh: Lab) -> None:
    """In a plain script it is a plot that `update` moves."""
    fresh.post(_now(1))
    live = fresh.metric("orders_amount_sum").live("5m")
    with _shown(live):
        assert not live.running
    assert "not running" in repr(live)


@pytest.mark.parametrize("how", [{"every": "1ms"}, {"start": "-1h"}, {"last": "soon"}])
def test_what_cannot_be_live_is_refused(fresh: Lab, how: dict[str, str]) -> None:
    """Too fast a pace, a fixed start, or an unreadable duration is an error at once."""
    fresh.post(_now(1))
    with pytest.raises(InputError):
        fresh.metric("orders_amount_sum").live(**how)  # type: ignore[arg-type]  # by keyword


def test_the_page_answers() -> None:
    """While beats are answered, the pulse says show, however long it goes on."""
    pulse = Pulse()
    for second in range(2_000):
        assert pulse.verdict(float(second), runs=second) is Verdict.SHOW
        pulse.heard(pulse.beat(float(second), runs=second))


def test_a_page_that_lost_its_connection_is_waited_for() -> None:
    """Without answers it renews once and waits, shows when one comes, ends after ten minutes."""
    pulse = Pulse()
    verdicts = []
    for second in range(30):
        pulse.beat(float(second), runs=1)
        verdicts.append(pulse.verdict(second + 0.5, runs=1))
    assert verdicts.count(Verdict.RENEW) == 1
    assert verdicts.index(Verdict.RENEW) == 10
    assert verdicts[-1] is Verdict.WAIT
    pulse.heard(30)
    assert pulse.verdict(31.0, runs=1) is Verdict.SHOW
    for second in range(31, 60):
        pulse.beat(float(second), runs=1)
        pulse.verdict(second + 0.5, runs=1)
    assert pulse.verdict(700.0, runs=1) is Verdict.END


def test_a_plot_that_was_replaced_ends_soon() -> None:
    """When a cell ran since the last answer and renewing does not help, the plot is gone."""
    pulse = Pulse()
    pulse.heard(pulse.beat(0.0, runs=1))
    verdicts = []
    for second in range(1, 25):
        pulse.beat(float(second), runs=2)
        verdicts.append(pulse.verdict(second + 0.5, runs=2))
    assert list(dict.fromkeys(verdicts)) == [Verdict.SHOW, Verdict.RENEW, Verdict.END]


def test_a_busy_kernel_is_no_missing_page() -> None:
    """While a cell runs no beats are sent, so its silence does not count."""
    pulse = Pulse()
    pulse.beat(0.0, runs=1)
    assert pulse.verdict(900.0, runs=2) is Verdict.SHOW


def test_the_shop_goes_on_until_it_is_stopped(fresh: Lab) -> None:
    """The demo goes on in the background, and closing the lab ends it."""
    fresh.ingest_demo(days=0.02, progress=False)
    feed = fresh.start_demo()
    assert feed.running
    fresh.close()
    assert not feed.running
    assert feed.fault is None


def test_a_feed_ends_with_its_workspace(fresh: Lab) -> None:
    """A feed into a closed workspace ends and says why."""
    fresh.close()
    feed = Feed(fresh.workspace, demo_source(history=timedelta(minutes=30)))
    feed._thread.join(PATIENCE)
    assert not feed.running
    assert "closed" in repr(feed)


def test_it_renews_its_output(fresh: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewing drops the document that fell silent and shows a new one in the same place."""
    fresh.post(_now(1))
    live = fresh.metric("orders_amount_sum").live("5m")
    shown: list[Any] = []

    class Handle:
        """Remembers what was shown."""

        def update(self, data: Any, **_how: Any) -> None:
            shown.append(data)

    def bundle() -> Any:
        layout: Any = live.__panel__()
        layout.get_root()
        return {"text/html": "new"}, {}

    with _shown(live):
        (before,) = live._layout._models
        monkeypatch.setattr(live, "_bundle", bundle)
        live._handle = Handle()
        live._renew()
        (after,) = live._layout._models
    assert after != before
    assert shown[-1] == {"text/html": "new"}
