"""Forecasts in a notebook: what a metric will be, as words, a frame and a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook import markup
from datawatch_lab.service.operations.forecasts import ForecastAnswer, ForecastSeries
from datawatch_lab.views import format as words
from datawatch_lab.views import theme

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_SERIES = 5
_PAST = ["made", "lead", "value", "low", "high", "actual", "model"]


class Forecast:
    """What a metric will be; the same as of when it was asked for.

    Attributes:
        raw: as the service gave it.
        series: largest first, each with ``labels``, ``points``, ``recommendation`` and more.
    """

    def __init__(self, raw: ForecastAnswer) -> None:
        self.raw = raw
        self.series = raw.series

    @property
    def recommendation(self) -> str:
        """What it means, in words; a line per series."""
        return "\n".join(f"{_name(each)}{each.recommendation}" for each in self.series)

    def df(self) -> pd.DataFrame:
        """A row per step and series, indexed by its start (UTC): labels, value, low, high."""
        import pandas as pd

        rows = [
            {"time": p.at, **each.labels, "value": p.value, "low": p.low, "high": p.high}
            for each in self.series
            for p in each.points
        ]
        return _timed(
            pd.DataFrame(rows, columns=None if rows else ["time", "value", "low", "high"])
        )

    def past(self) -> pd.DataFrame:
        """Past forecasts beside what happened, indexed by the time that they are about (UTC)."""
        import pandas as pd

        rows = [
            {
                "time": each.at,
                **series.labels,
                **{name: getattr(each, name) for name in _PAST},
            }
            for series in self.series
            for each in series.past
        ]
        frame = _timed(pd.DataFrame(rows, columns=None if rows else ["time", *_PAST]))
        frame["made"] = pd.to_datetime(frame["made"], utc=True, format="ISO8601")
        return frame

    def plot(self, *, title: str = "", width: int | None = None) -> Any:
        """History, forecast (dashed) and interval as a HoloViews object; the largest series.

        Args:
            title: by default the metric and the horizon.
            width: in pixels; None fills the cell.
        """
        from functools import partial

        import holoviews as hv

        from datawatch_lab.notebook import plots

        plots.set_up()
        said = title or f"{self.raw.metric} for {self.raw.horizon}"
        drawn = [part for place, s in enumerate(self._shown()) for part in self._lines(s, place)]
        size = {"responsive": True, "height": 320} if width is None else {"width": width}
        overlay = hv.Overlay(drawn or [hv.Curve([], "time", self.raw.metric)])
        return overlay.opts(
            hv.opts.Overlay(
                title=said,
                show_legend=len(self._shown()) > 1,
                hooks=[partial(plots._dress, unit=self.raw.unit)],  # noqa: SLF001 — same room
                **size,
            )
        )

    def _shown(self) -> list[ForecastSeries]:
        return self.series[:_SHOWN_SERIES]

    def _lines(self, series: ForecastSeries, place: int) -> list[Any]:
        import holoviews as hv
        import numpy as np

        time = hv.Dimension("time", label="Time (UTC)")
        value = hv.Dimension("value", label=_axis(self.raw))
        colour, label = theme.colour(place), _name(series).rstrip(": ")
        known = [(at, v if v is not None else np.nan) for at, v in series.history]
        times = _moments([at for at, _ in known])
        history = hv.Curve((times, [v for _, v in known]), time, value, label=label)
        lines: list[Any] = [history.opts(color=colour)]
        if series.points:
            ahead = _moments([each.at for each in series.points])
            low, high = (np.array([getattr(p, e) for p in series.points]) for e in ("low", "high"))
            band = hv.Area((ahead, high, low), time, [value, "low"])
            said = hv.Curve((ahead, [each.value for each in series.points]), time, value)
            lines[:0] = [band.opts(color=colour, alpha=0.2, line_alpha=0)]
            lines.append(said.opts(color=colour, line_dash="dashed"))
        return lines

    def __repr__(self) -> str:
        raw = self.raw
        return f"<Forecast of {raw.metric} for {raw.horizon}>\n{self.recommendation}"

    def _repr_html_(self) -> str:
        raw, shown = self.raw, self._shown()
        head = markup.paragraph(
            markup.name(f"{raw.metric} for {raw.horizon}"),
            markup.soft(f"in steps of {raw.step}, made {raw.made}"),
        )
        heads = ("series", "at the end", f"{raw.level:.0%} interval", "confidence", "meaning")
        body = markup.table(heads, [self._cells(each) for each in shown], nowrap=(1, 2))
        return markup.block(head, body, markup.more(len(self.series), len(shown), ".df()"))

    def _cells(self, series: ForecastSeries) -> tuple[str, ...]:
        name = _name(series).rstrip(": ") or "all"
        if not series.points:
            return name, "–", "–", "–", series.recommendation
        last, unit = series.points[-1], self.raw.unit
        between = f"{words.value(last.low, unit)} to {words.value(last.high, unit)}"
        sure = words.percent(series.confidence)
        return name, words.value(last.value, unit), between, sure, series.recommendation


def _name(series: ForecastSeries) -> str:
    return ", ".join(f"{k}={v}" for k, v in series.labels.items()) + (": " if series.labels else "")


def _axis(raw: ForecastAnswer) -> str:
    mark = words.unit_mark(raw.unit)
    return f"{raw.metric} ({mark})" if mark else raw.metric


def _moments(times: list[str]) -> Any:
    import numpy as np

    return np.array([each.rstrip("Z") for each in times], dtype="datetime64[ms]")


def _timed(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
    return frame.set_index("time")
