"""The answer to a question about a metric, as a frame, a plot, or plain values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook import markup
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    import pandas as pd


class Answer:
    """Values of a metric: one per series, or points over time.

    Attributes:
        raw: as the service gave it, the same values as in JSON.
    """

    def __init__(self, raw: QueryAnswer) -> None:
        self.raw = raw

    @property
    def unit(self) -> str:
        """Unit of the values: ``1`` for counts, '' when it is not known."""
        return self.raw.unit

    def df(self) -> pd.DataFrame:
        """The values as a frame: indexed by time (UTC), a column per series.

        A bucket in which nothing is known is NaN. ``attrs`` holds ``metric``, ``aggregation``,
        ``unit``, ``from``, ``to``, ``step``, ``version`` and ``open``, the start of the bucket that
        is not over yet.
        """
        import pandas as pd

        parts = [_column(each) for each in self.raw.series]
        index = pd.DatetimeIndex([], tz="UTC", name="time")
        frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=index)
        frame.index.name = "time"
        frame.columns = self._heads()
        frame.attrs.update(
            {
                "metric": self.raw.metric,
                "aggregation": self.raw.aggregation,
                "unit": self.raw.unit,
                "from": self.raw.start,
                "to": self.raw.end,
                "step": self.raw.step,
                "version": self.raw.version,
                "open": self.raw.open,
            }
        )
        return frame.sort_index()

    def _heads(self) -> pd.Index[Any]:
        import pandas as pd

        labels = self.labels
        if not labels:
            return pd.Index([self.raw.metric] * len(self.raw.series))
        rows = [tuple(each.labels.get(name, "") for name in labels) for each in self.raw.series]
        if len(labels) == 1:
            return pd.Index([row[0] for row in rows], name=labels[0])
        return pd.MultiIndex.from_tuples(rows, names=list(labels))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels that tell the series apart."""
        return tuple(dict.fromkeys(name for each in self.raw.series for name in each.labels))

    def value(self) -> float | pd.Series[float] | None:
        """The one value (None when nothing is known), or a series of values by label.

        Of an answer over time it is the newest value.
        """
        import pandas as pd

        if not self.labels and len(self.raw.series) <= 1:
            return _newest(self.raw.series[0]) if self.raw.series else None
        found = pd.Series(
            [_newest(each) for each in self.raw.series],
            index=self._heads(),
            name=self.raw.metric,
            dtype="float64",
        )
        found.attrs["unit"] = self.raw.unit
        return found

    def against(self, earlier: Answer, *, names: tuple[str, str] = ("now", "before")) -> Answer:
        """Both answers as one, the earlier moved in time so that both begin together.

        Args:
            earlier: the same metric with the same step, over another range.
            names: what the two ranges are called, in the label ``range``.

        Raises:
            InputError: the steps differ.
        """
        if self.raw.step != earlier.raw.step:
            raise InputError(
                f"{self.raw.metric}: points by {self.raw.step} cannot stand against points by "
                f"{earlier.raw.step}; ask both with the same step."
            )
        shift = datetime.fromisoformat(self.raw.start) - datetime.fromisoformat(earlier.raw.start)
        mine = [_moved(each, timedelta(0), names[0]) for each in self.raw.series]
        other = [_moved(each, shift, names[1]) for each in earlier.raw.series]
        return Answer(msgspec.structs.replace(self.raw, series=mine + other, open=None))

    def plot(self, **how: Any) -> Any:
        """A HoloViews object; see `notebook.plots.plot`."""
        from datawatch_lab.notebook.plots import plot

        return plot(self.raw, **how)

    def json(self) -> dict[str, Any]:
        """The answer as it is in JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self.raw)
        return plain

    def __repr__(self) -> str:
        head = f"<{self._sentence()}>"
        return head + "\n" + markup.plain_table(["series", "newest"], self._rows())

    def _repr_html_(self) -> str:
        rows = self._rows()
        return markup.block(
            markup.paragraph(markup.name(self.raw.metric), markup.soft(self._sentence())),
            markup.table(["series", "newest"], rows, numbers=(1,)),
            markup.more(len(rows), markup.SHOWN, "answer.df()"),
        )

    def _rows(self) -> list[tuple[str, str]]:
        return [
            (_name(each), words.plain(words.value(_newest(each), self.raw.unit)))
            for each in self.raw.series
        ]

    def _sentence(self) -> str:
        raw = self.raw
        step = f" by {raw.step}" if raw.step else ""
        return f"{raw.metric} {raw.aggregation}{step}, {raw.start} to {raw.end}"


def _name(series: SeriesAnswer) -> str:
    return ", ".join(f"{key}={value}" for key, value in series.labels.items()) or "total"


def _moved(series: SeriesAnswer, by: timedelta, name: str) -> SeriesAnswer:
    points = [(iso(datetime.fromisoformat(at) + by) or "", value) for at, value in series.points]
    return SeriesAnswer({"range": name, **series.labels}, points)


def _newest(series: SeriesAnswer) -> float | None:
    return next((value for _, value in reversed(series.points) if value is not None), None)


def _column(series: SeriesAnswer) -> pd.Series[float]:
    """One series as a column, its values by time."""
    import pandas as pd

    times = pd.to_datetime([at for at, _ in series.points], utc=True, format="ISO8601")
    values = [value for _, value in series.points]
    return pd.Series(values, index=times, dtype="float64")
