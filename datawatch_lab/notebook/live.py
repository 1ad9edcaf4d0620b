"""A plot that moves in its cell, and stops when nobody can see it any more."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.notebook.inline import prepare_output

if TYPE_CHECKING:
    from datawatch_lab.notebook.metric import Metric

log = logging.getLogger(__name__)

_LEAST = timedelta(milliseconds=250)


class Live:
    """A live plot of a metric; show it by leaving it as the last thing of a cell.

    Args:
        metric: what is plotted.
        last: how far back.
        every: between looks at the workspace; at least 250 ms.
        how: step, by, aggregation, where, as in `Metric.range`.

    Raises:
        InputError: ``every`` is too short.
    """

    def __init__(
        self,
        metric: Metric,
        *,
        last: str | timedelta,
        every: str | timedelta,
        how: dict[str, Any],
    ) -> None:
        self.metric = metric
        self.last = parse_duration(last)
        self.every = parse_duration(every)
        self.how = how
        if self.every < _LEAST:
            raise InputError(
                f"every is {format_duration(self.every)}; at least {format_duration(_LEAST)}."
            )
        self.updates = 0
        self._pane: Any = None
        self._timer: Any = None
        self._version = -1

    @property
    def running(self) -> bool:
        """Whether it still looks at the workspace."""
        return self._timer is not None and bool(self._timer.running)

    def view(self) -> Any:
        """The Panel object; it starts to move."""
        import panel as pn

        if self._pane is None:
            self._pane = pn.pane.HoloViews(  # type: ignore[no-untyped-call]
                self._frame(), sizing_mode="stretch_width"
            )
        if self._timer is None:
            period = round(self.every / timedelta(milliseconds=1))
            self._timer = pn.state.add_periodic_callback(self.update, period=period)
        return self._pane

    def update(self) -> None:
        """Look at the workspace once; stop when no output shows the plot any more."""
        if self.updates and not self._is_seen():
            self.stop()
            return
        try:
            self._pane.object = self._frame()
        except DataWatchError as error:
            # The plot stays as it is; the next look may succeed.
            log.warning("%s: %s", self.metric.name, error)
        self.updates += 1

    def stop(self) -> None:
        """Look no more; the plot stays as it is."""
        if self._timer is not None and self._timer.running:
            self._timer.stop()

    def _is_seen(self) -> bool:
        """Panel forgets the models of an output that was cleared or run again."""
        return bool(self._pane is not None and self._pane._models)  # noqa: SLF001

    def _frame(self) -> Any:
        from datawatch_lab.views.hv import to_hv

        answer = self.metric.range(self.last, **self.how)
        title = f"{self.metric.name}, last {format_duration(self.last)}, live"
        return to_hv(answer, title=title)

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped" if self._timer else "not shown yet"
        return (
            f"<Live {self.metric.name}, last {format_duration(self.last)}, "
            f"every {format_duration(self.every)}: {state}>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        prepare_output()
        return self.view()._repr_mimebundle_(include, exclude)
