"""A plot in the cell that goes on with the data while the kernel is idle."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import holoviews as hv
import panel as pn
from panel.viewable import Viewer

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.notebook.plots import plot, set_up
from datawatch_lab.notebook.progress import shell
from datawatch_lab.notebook.pulse import Pulse, Verdict
from datawatch_lab.service.answers import QueryAnswer
from datawatch_lab.views.format import escape

if TYPE_CHECKING:
    from datawatch_lab.notebook.metric import Metric

log = logging.getLogger(__name__)

_LEAST_SECONDS = 0.1
_STATE_SECONDS = 5.0
_UNSEEN_SECONDS = 60.0
_INK = "var(--jp-content-font-color2, #566073)"


@dataclass(frozen=True)
class Reading:
    """One look at the workspace: the points, and whether data still comes in words."""

    answer: QueryAnswer
    state: str


def _made(kind: Any, *what: Any, **how: Any) -> Any:
    """An object of Panel, whose constructors have no types."""
    return kind(*what, **how)


class Live(Viewer):
    """A plot of a metric that goes on until `stop`, or until nobody can see it any more.

    It starts when it is shown. It asks for data in a thread of its own, one question at a time, so
    cells run as before; while a cell runs, it rests. It ends some seconds after
    its output is cleared or its cell runs again (see `Pulse`), when the workspace is closed, and
    when no page has answered for ten minutes.

    Args:
        metric: what is shown.
        last: how much of the past.
        every: how often it looks for new data.
        step: width of a bucket; None for what suits the range.
        width: in pixels; None fills the cell.
        how: further words of the question; see `Metric`.

    Raises:
        InputError: ``every`` is below 0.1 s, or the question cannot be asked.
    """

    def __init__(
        self,
        metric: Metric,
        *,
        last: Any,
        every: timedelta,
        step: Any = None,
        width: int | None = None,
        how: Mapping[str, Any] | None = None,
    ) -> None:
        if every.total_seconds() < _LEAST_SECONDS:
            raise InputError(f"every={every} is too often; at most every {_LEAST_SECONDS:g} s.")
        super().__init__()  # type: ignore[no-untyped-call]
        set_up()
        self.metric = metric
        self.every = every
        self.updates = 0
        self._question = {"last": last, "step": step, **(how or {})}
        self._width = width
        self._pulse = Pulse()
        self._state, self._state_at = "", -_STATE_SECONDS
        self._reading = self._read()
        self._ticker: Any = None
        self._handle: Any = None
        self._seen = False
        self._made = time.monotonic()
        self._build()

    def _build(self) -> None:
        self._redraw = hv.streams.Counter()
        drawn = hv.DynamicMap(self._draw, streams=[self._redraw])
        self._line: Any = _made(pn.pane.HTML, self._words(), margin=(0, 10))
        self._beat: Any = _made(pn.widgets.IntInput, value=0, visible=False)
        self._echo: Any = _made(pn.widgets.IntInput, value=0, visible=False)
        self._beat.jscallback(value="echo.value = cb_obj.value", args={"echo": self._echo})
        self._echo.param.watch(lambda event: self._pulse.heard(event.new), "value")
        sizing = {} if self._width else {"sizing_mode": "stretch_width"}
        pane = _made(pn.pane.HoloViews, drawn, **sizing)
        self._layout = pn.Column(pane, self._line, self._beat, self._echo, **sizing)

    # --------------------------------------------------------------------- for users

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._ticker is not None

    def stop(self, why: str = "stopped") -> None:
        """Go on no more; the plot stays as it is. Harmless when said twice."""
        if self._ticker is not None:
            ticker, self._ticker = self._ticker, None
            self._line.object = self._words(why)
            ticker.stop()

    def update(self) -> bool:
        """Look for new data now; whether there was any."""
        return self._show(self._read())

    def __panel__(self) -> Any:
        """What Panel shows; from now on it goes on by itself, where an event loop runs."""
        self._start()
        return self._layout

    def __repr__(self) -> str:
        state = "running" if self.running else "not running"
        return f"<Live {self.metric.name}: {state}, {self.updates} updates>"

    __str__ = __repr__

    # --------------------------------------------------------------------- rounds

    def _start(self) -> None:
        if self._ticker is not None:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # a plain script: `update` moves it
        period = int(self.every.total_seconds() * 1000)
        tick: Any = self._tick  # Panel takes coroutine functions; its types do not say so
        self._ticker = pn.state.add_periodic_callback(tick, period=period)

    async def _tick(self) -> None:
        """One round; the periodic callback waits for its end before the next."""
        if self._ticker is None or not self._visible():
            return
        now, running = time.monotonic(), shell()
        runs = 0 if running is None else running.execution_count
        verdict = self._pulse.verdict(now, runs)
        if verdict is Verdict.END:
            self.stop("stopped: no page shows it any more")
            return
        if verdict is Verdict.RENEW:
            self._renew()
        self._beat.value = self._pulse.beat(now, runs)
        if verdict is Verdict.SHOW:
            await self._round()

    def _ipython_display_(self) -> None:
        """Show it in a cell, under a name by which it can be renewed."""
        from IPython.display import display

        data, metadata = self._bundle()
        show: Any = display
        self._handle = show(data, metadata=metadata, raw=True, display_id=True)

    def _renew(self) -> None:
        """Put it into its output anew: the page may have lost the thread of messages."""
        if self._handle is None:
            return  # part of a larger output, or on a server that keeps track itself
        for root in list(self._layout._models):  # noqa: SLF001 — as Panel does for a cleared output
            viewable, model, *_ = pn.state._views.pop(root)  # noqa: SLF001
            viewable._cleanup(model)  # noqa: SLF001
        # Another kind of output in between, so that the page starts a renderer that is new.
        self._handle.update({"text/plain": ""}, raw=True)
        data, metadata = self._bundle()
        self._handle.update(data, metadata=metadata, raw=True)

    def _bundle(self) -> Any:
        return self._repr_mimebundle_()  # type: ignore[no-untyped-call]

    async def _round(self) -> None:
        try:
            reading = await asyncio.to_thread(self._read)
            if self._visible():
                self._show(reading)
        except DataWatchError as error:
            self._fail(error)
        except Exception:
            self.stop("stopped by a fault; see the log")
            log.exception("live plot of %s", self.metric.name)

    def _visible(self) -> bool:
        """Whether a document holds it; ends it when none does any more, or none ever did."""
        if self._layout._models:  # noqa: SLF001 — Panel has no other way to ask
            self._seen = True
            return True
        if self._seen or time.monotonic() - self._made > _UNSEEN_SECONDS:
            self.stop()
        return False

    def _fail(self, error: DataWatchError) -> None:
        """A server may come back; a workspace that was closed here does not."""
        if self.metric.workspace.is_remote:
            self._line.object = self._words(str(error))
        else:
            self.stop(f"stopped: {error}")

    def _read(self) -> Reading:
        answer = self.metric.range(**self._question).raw
        if time.monotonic() - self._state_at >= _STATE_SECONDS:
            self._state = self._freshness()
            self._state_at = time.monotonic()
        return Reading(answer, self._state)

    def _freshness(self) -> str:
        workspace, table = self.metric.workspace, self.metric.table
        return workspace.table(table).message if table else workspace.status().message

    # --------------------------------------------------------------------- what is shown

    def _show(self, reading: Reading) -> bool:
        before, self._reading = self._reading.answer, reading
        now = reading.answer
        changed = (before.start, before.open, before.series) != (now.start, now.open, now.series)
        words = self._words()
        if words != self._line.object:
            self._line.object = words
        if changed:
            self.updates += 1
            self._redraw.event()
        return changed

    def _draw(self, counter: int) -> Any:
        del counter  # it only says that there is something new
        return plot(self._reading.answer, width=self._width)

    def _words(self, state: str = "") -> str:
        said = escape(state or self._reading.state)
        return f'<span style="color:{_INK};font-size:12px">{said}</span>'
