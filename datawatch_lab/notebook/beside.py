"""A metric beside its earlier self: both courses, the differences, the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UnsetType

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.answer import Answer
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.operations.metrics import ComparedAnswer, ComparedSeries
from datawatch_lab.views import format as words

if TYPE_CHECKING:
    import pandas as pd

_HEADS = ("time (UTC)", "now", "then", "difference", "change")


class Beside(Answer):
    """The points of now and of then as one answer, told apart by the label ``range``.

    The earlier points stand at the times of the later ones, so that they lie upon each other.

    Args:
        found: points of now, and those of then with differences and ratios; must have both.

    Attributes:
        comparison: as the service gave it; ``times`` are those of then.
    """

    def __init__(self, found: QueryAnswer) -> None:
        if not isinstance(found, ComparedAnswer) or isinstance(found.comparison, UnsetType):
            raise InputError(f"{found.metric}: this server does not compare.", hint="Update it.")
        raw, comparison = found, found.comparison
        self.comparison = comparison
        self.then = comparison.compare.replace("_", " ")
        self._now = {_key(each.labels): dict(each.points) for each in raw.series}
        now = [SeriesAnswer({"range": "now", **each.labels}, each.points) for each in raw.series]
        then = [
            SeriesAnswer({"range": self.then, **each.labels}, each.points)
            for each in comparison.series
        ]
        super().__init__(msgspec.structs.replace(raw, series=now + then))

    def changes(self) -> pd.DataFrame:
        """A row per bucket and series: ``now``, ``then``, ``difference``, ``ratio`` (now ÷ then).

        Indexed by time (UTC); labels are columns before the values. NaN where nothing is known.
        ``attrs["open"]`` is the start of the bucket that is not over yet.
        """
        import pandas as pd

        rows = [
            {**each.labels, "time": at, "now": now, "then": then, "difference": by, "ratio": ratio}
            for each in self.comparison.series
            for at, now, then, by, ratio in self._points(each)
        ]
        heads = ("time", "now", "then", "difference", "ratio")
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(heads))
        frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
        frame = frame.astype(dict.fromkeys(heads[1:], "float64")).set_index("time")
        frame.attrs.update({"unit": self.raw.unit, "open": self.raw.open})
        return frame

    def _points(
        self, series: ComparedSeries
    ) -> list[tuple[str, float | None, float | None, float | None, float | None]]:
        now = self._now.get(_key(series.labels), {})
        return [
            (at, now.get(at), then, by, ratio)
            for (at, then), by, ratio in zip(
                series.points, series.difference, series.ratio, strict=True
            )
        ]

    def _cells(self, series: ComparedSeries) -> list[tuple[str, ...]]:
        found = []
        for at, now, then, by, ratio in self._points(series):
            is_open = self.raw.open is not None and at >= self.raw.open
            values = (words.plain(words.value(each, self.raw.unit)) for each in (now, then, by))
            moment = at[:16].replace("T", " ") + (" (not over)" if is_open else "")
            found.append((moment, *values, change_words(ratio)))
        return found

    def _course(self) -> str:
        raw = self.raw
        step = f" by {raw.step}" if raw.step else ""
        return f"{raw.aggregation}{step}, {markup.clock(raw.start)} to {markup.clock(raw.end)}"

    def __repr__(self) -> str:
        parts = [f"<{self._sentence()}, beside {self.then}>"]
        for each in self.comparison.series:
            parts += [*_named(each.labels), markup.plain_table(_HEADS, self._cells(each))]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        shown = self.comparison.series[: markup.SHOWN]
        share = max(2, markup.SHOWN // max(1, len(shown)))
        parts = [
            markup.paragraph(
                markup.name(self.raw.metric),
                markup.soft(self._course()),
                f"beside {self.then}" if self.comparison.start else "there is no such earlier time",
            )
        ]
        for each in shown:
            cells = self._cells(each)
            body = markup.table(_HEADS, cells[-share:], numbers=(1, 2, 3, 4))
            rest = markup.more(len(cells), share, ".changes()")
            title = ", ".join(_named(each.labels))
            parts.append(
                markup.details(title, markup.Safe(body + rest))
                if title
                else markup.Safe(body + rest)
            )
        return markup.block(*parts)


def change_words(ratio: float | None) -> str:
    """A ratio of now to then as a change.

    >>> change_words(1.25), change_words(0.5), change_words(None)
    ('+25 %', '−50 %', '–')
    """
    if ratio is None:
        return words.NOTHING
    sign = "−" if ratio < 1 else "+"
    return sign + words.plain(words.percent(abs(ratio - 1)))


def _key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _named(labels: dict[str, str]) -> list[str]:
    return [", ".join(f"{name}={value}" for name, value in labels.items())] if labels else []
