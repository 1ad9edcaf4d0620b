"""Late data in a notebook: buckets that were closed and changed after all, with both values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawatch_lab.notebook import markup
from datawatch_lab.notebook.beside import change_words
from datawatch_lab.service.operations.late import CorrectionItem, CorrectionsAnswer
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    import pandas as pd

_HEADS = ("bucket (UTC)", "series", "first", "now", "change", "rows", "corrected (UTC)")


class Corrections:
    """Corrected buckets of a metric: what they said when they closed, and what they say now.

    Attributes:
        raw: as the service gave it.
        points: in order of time, each with ``time``, ``labels``, ``first``, ``value``, ``rows``,
            ``corrected_at`` and ``last_corrected_at``.
    """

    def __init__(self, raw: CorrectionsAnswer) -> None:
        self.raw = raw
        self.points = raw.points

    def __len__(self) -> int:
        return len(self.points)

    def df(self) -> pd.DataFrame:
        """A row per corrected bucket and series, indexed by its start (UTC)."""
        import pandas as pd

        times = ["time", "corrected_at", "last_corrected_at"]
        rows = [
            {
                "time": each.time,
                **each.labels,
                "first": each.first,
                "now": each.value,
                "rows": each.rows,
                "corrected_at": each.corrected_at,
                "last_corrected_at": each.last_corrected_at,
            }
            for each in self.points
        ]
        heads = ["time", "first", "now", "rows", *times[1:]]
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=heads)
        for name in times:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        frame = frame.astype({"first": "float64", "now": "float64", "rows": "int64"})
        frame.attrs.update({"metric": self.raw.metric, "unit": self.raw.unit})
        return frame.set_index("time")

    def __repr__(self) -> str:
        rows = [self._cells(each) for each in self.points[: markup.SHOWN]]
        return f"<Corrections of {self.raw.metric} {self._sentence()}>\n" + markup.plain_table(
            _HEADS, rows
        )

    def _repr_html_(self) -> str:
        rows = [self._cells(each) for each in self.points[: markup.SHOWN]]
        head = markup.paragraph(
            markup.name(f"Corrections of {self.raw.metric}"), markup.soft(self._sentence())
        )
        if not rows:
            return markup.block(head, markup.paragraph("No closed bucket changed in this time."))
        return markup.block(
            head,
            markup.table(_HEADS, rows, numbers=(2, 3, 4, 5), nowrap=(0, 6)),
            markup.more(len(self), markup.SHOWN, ".df()"),
        )

    def _sentence(self) -> str:
        raw = self.raw
        noun = "bucket" if len(self) == 1 else "buckets"
        begin, end = markup.clock(raw.start), markup.clock(raw.end)
        return f"{raw.aggregation} by {raw.step}, {begin} to {end}: {len(self):,} {noun}"

    def _cells(self, point: CorrectionItem) -> tuple[str, ...]:
        unit = self.raw.unit
        first, now = (words.plain(words.value(each, unit)) for each in (point.first, point.value))
        ratio = point.value / point.first if point.first and point.value is not None else None
        series = ", ".join(f"{name}={value}" for name, value in point.labels.items())
        when = markup.clock(point.last_corrected_at)
        return (
            markup.clock(point.time),
            series or "total",
            first,
            now,
            change_words(ratio),
            f"{point.rows:,}",
            when,
        )
