"""A metric in a notebook: its value, its points as a DataFrame, its plot, its live plot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook.html import table, text_table
from datawatch_lab.notebook.ranges import Moment, question
from datawatch_lab.service.answers import MetricAnswer, QueryAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.format import unit_mark

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.notebook.live import Live


class Metric:
    """A metric of a workspace.

    Every question takes the same words: ``last="1h"``, or ``start`` and ``end`` (ISO 8601 or
    relative, such as ``-1d``); with neither, the last hour, or all of the data when it is history.

    Attributes:
        info: name, meaning, unit, labels, aggregations.
    """

    def __init__(self, workspace: Workspace, info: MetricAnswer) -> None:
        self.workspace = workspace
        self.info = info

    @property
    def name(self) -> str:
        """Its name, unique in the workspace."""
        return self.info.name

    @property
    def unit(self) -> str:
        """Its unit; ``1`` for counts, '' when not known."""
        return self.info.unit

    @property
    def labels(self) -> list[str]:
        """What it can be split by."""
        return list(self.info.labels)

    def value(
        self,
        last: str | timedelta | None = None,
        *,
        start: Moment = None,
        end: Moment = None,
        aggregation: str | None = None,
        by: str | None = None,
        where: dict[str, str] | None = None,
    ) -> Any:
        """One value over the range; with ``by``, a pandas Series with a value per label value.

        Returns:
            A float, or None where nothing is known; a Series for several series.
        """
        how = question(
            self.workspace,
            last=last,
            start=start,
            end=end,
            aggregation=aggregation,
            by=by,
            where=where,
        )
        answer = self.workspace.query(self.name, **how)
        values = [each.points[0][1] if each.points else None for each in answer.series]
        if len(answer.series) == 1 and not answer.series[0].labels:
            return values[0]
        if not answer.series:
            return None
        return _by_label(answer, values)

    def range(
        self,
        last: str | timedelta | None = None,
        *,
        start: Moment = None,
        end: Moment = None,
        step: str | None = None,
        by: str | None = None,
        aggregation: str | None = None,
        where: dict[str, str] | None = None,
    ) -> QueryAnswer:
        """The points as they are answered."""
        how = question(
            self.workspace,
            last=last,
            start=start,
            end=end,
            aggregation=aggregation,
            by=by,
            where=where,
        )
        return self.workspace.range(self.name, step=step, **how)

    def df(self, last: str | timedelta | None = None, **how: Any) -> pd.DataFrame:
        """The points as a pandas DataFrame.

        Args:
            last: how far back.
            how: start, end, step, by, aggregation, where, as in `range`.

        Returns:
            Index: start of each bucket, UTC. One column per series, named after the metric or after
            the label's values. NaN where nothing is known.
        """
        return frame(self.range(last, **how))

    def plot(self, last: str | timedelta | None = None, *, kind: str = "line", **how: Any) -> Any:
        """The points as a HoloViews object, with the unit on its axis.

        Args:
            last: how far back.
            kind: ``line``, or ``bar`` for the last value of each series.
            how: start, end, step, by, aggregation, where, as in `range`.
        """
        from datawatch_lab.views.hv import to_hv

        return to_hv(self.range(last, **how), kind=kind)

    def live(
        self,
        last: str | timedelta = "15m",
        *,
        every: str | timedelta = "1s",
        step: str | None = None,
        by: str | None = None,
        aggregation: str | None = None,
        where: dict[str, str] | None = None,
    ) -> Live:
        """A plot that moves in the cell, until its output goes away or ``.stop()``.

        Args:
            last: how far back.
            every: between looks at the workspace.
            step: width of a bucket.
            by: a label; one line per value.
            aggregation: other than the metric's own.
            where: only these label values.
        """
        from datawatch_lab.notebook.live import Live

        how = {"step": step, "by": by, "aggregation": aggregation, "where": where}
        return Live(self, last=last, every=every, how=how)

    def _rows(self) -> list[tuple[str, str]]:
        info = self.info
        return [
            ("meaning", info.description),
            ("table", info.table or "(workspace)"),
            ("unit", unit_mark(info.unit) or ("count" if info.unit == "1" else "not known")),
            ("labels", ", ".join(info.labels) or "none"),
            ("aggregations", f"{', '.join(info.aggregations)} (default: {info.aggregation})"),
        ]

    def _usage(self) -> str:
        by = f', by="{self.info.labels[0]}"' if self.info.labels else ""
        return f'.value("1h"), .df("1h"{by}), .plot("6h"), .live("15m")'

    def __repr__(self) -> str:
        return text_table(f"Metric {self.name}", ("", ""), [*self._rows(), ("use", self._usage())])

    def _repr_html_(self) -> str:
        return table(f"Metric {self.name}", ("", ""), self._rows(), note=f"Use {self._usage()}")


def frame(answer: QueryAnswer) -> pd.DataFrame:
    """An answer with points as a DataFrame; see `Metric.df`."""
    import pandas as pd

    from datawatch_lab.views.hv import columns, series_name

    parts = {}
    for each in answer.series:
        times, values = columns(each)
        name = series_name(each) if each.labels else answer.metric
        parts[name] = pd.Series(values, index=pd.DatetimeIndex(times).tz_localize("UTC"))
    found = pd.DataFrame(parts)
    if not parts:
        found.index = pd.DatetimeIndex([], tz="UTC")
    found.index.name = "time"
    names = {name for each in answer.series for name in each.labels}
    found.columns.name = next(iter(names)) if len(names) == 1 else None
    return found


def _by_label(answer: QueryAnswer, values: list[float | None]) -> pd.Series[Any]:
    import pandas as pd

    from datawatch_lab.views.hv import series_name

    names = [series_name(each) for each in answer.series]
    label = next(iter(answer.series[0].labels), None)
    index = pd.Index(names, name=label)
    return pd.Series(values, index=index, name=answer.metric, dtype="float64")
