"""A metric in a notebook: its value, its points, its plot, live in the cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.answer import Answer
from datawatch_lab.notebook.asking import By, Span, Time, group_text, question, time_range
from datawatch_lab.notebook.beside import Beside
from datawatch_lab.notebook.forecasts import Forecast
from datawatch_lab.notebook.late import Corrections
from datawatch_lab.notebook.listing import Listing
from datawatch_lab.service.answers import MetricAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.metrics import BackfillAnswer, MetricDetail
from datawatch_lab.views.format import unit_mark

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.notebook.editing.detector import DetectorEditor
    from datawatch_lab.notebook.live import Live

_HEADS = ("metric", "unit", "default", "labels", "meaning")


class Metric:
    """One metric of a workspace; what it is, as of when it was asked for.

    Questions take the same words: ``last="1h"`` (back from now, or from where history ends), or
    ``start`` and ``end`` as ISO 8601, relative (``-1h``, ``today``) or datetimes; ``by`` a label;
    ``where={"status": "paid"}``; ``aggregation`` one of `aggregations`. Without a time it is the
    last hour, or the range that the data has when that is history.
    """

    def __init__(self, workspace: Workspace, raw: MetricAnswer) -> None:
        self.workspace = workspace
        self.raw = raw
        self.name = raw.name
        self.table = raw.table
        self.field = raw.field
        self.unit = raw.unit
        self.labels = tuple(raw.labels)
        self.aggregation = raw.aggregation
        self.aggregations = tuple(raw.aggregations)
        self.description = raw.description

    def value(self, last: Span | None = None, **how: Any) -> float | pd.Series[float] | None:
        """The value over a range: a number, or a series by label where there are several.

        Args:
            last: a duration back from now.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see the class.
        """
        return Answer(
            self.workspace.query(self.name, **question(self.workspace, last=last, **how))
        ).value()

    def range(
        self,
        last: Span | None = None,
        *,
        step: Span | None = None,
        points: int | None = None,
        **how: Any,
    ) -> Answer:
        """The points over a range, as an answer that makes frames and plots.

        Args:
            last: a duration back from now.
            step: width of a bucket; None for what suits the range.
            points: points of a series at most, such as pixels: the highest and the lowest stay,
                gaps stay gaps. None for one a bucket.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see the class.
        """
        width = _step_text(step)
        asked = question(self.workspace, last=last, **how)
        return Answer(self.workspace.range(self.name, step=width, points=points, **asked))

    def df(self, last: Span | None = None, *, step: Span | None = None, **how: Any) -> pd.DataFrame:
        """The points as a frame: indexed by time (UTC), a column per series; see `Answer.df`."""
        return self.range(last, step=step, **how).df()

    def plot(
        self,
        last: Span | None = None,
        *,
        step: Span | None = None,
        kind: str = "line",
        title: str = "",
        width: int | None = None,
        compare: str | None = None,
        **how: Any,
    ) -> Any:
        """The points as a HoloViews object; the bucket that is not over yet is dashed.

        Args:
            last: a duration back from now.
            step: width of a bucket; None for what suits the range.
            kind: ``line``, or ``bar`` for the newest value of each series.
            title: by default the metric and its aggregation.
            width: in pixels; None fills the cell.
            compare: also show the values of an earlier time; see `compare`.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see the class.
        """
        if compare is not None:
            beside = self.compare(compare, last, step=step, **how)
            return beside.plot(kind=kind, title=title, width=width)
        return self.range(last, step=step, **how).plot(kind=kind, title=title, width=width)

    def compare(
        self,
        to: str = "previous_period",
        last: Span | None = None,
        *,
        step: Span | None = None,
        **how: Any,
    ) -> Beside:
        """The points beside those of an earlier time, as one answer with the label ``range``.

        Args:
            to: ``previous_period``, ``same_hour_yesterday`` or ``same_hour_last_week``; the last
                two by the clock of the workspace's time zone.
            last: a duration back from now.
            step: width of a bucket; None for what suits the range.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see the class.

        It shows the differences, `Beside.changes` gives them as a frame.
        """
        width = _step_text(step)
        asked = question(self.workspace, last=last, **how)
        found = self.workspace.range(self.name, step=width, compare=to, **asked)
        return Beside(found)

    def forecast(
        self,
        horizon: Span = "1h",
        *,
        by: By | None = None,
        where: Mapping[str, object] | None = None,
        aggregation: str | None = None,
        level: float = 0.8,
        model: str = "auto",
        threshold: float | None = None,
        past: int = 500,
    ) -> Forecast:
        """What it will be: values, intervals and what they mean; see `Forecast`.

        Args:
            horizon: from 1m to 90d; minutes up to 1h, hours up to 7d, days beyond.
            by: a label; one forecast per value.
            where: ``{"status": "paid"}``.
            aggregation: one of `aggregations`.
            level: share of values that should lie in the interval.
            model: ``auto``, ``thorough`` (slow ones too), or the name of one.
            threshold: a value to say the passing of; None for those of the alert rules.
            past: also so many past forecasts, beside what happened.
        """
        found = self.workspace.forecast(
            self.name,
            horizon=format_duration(parse_duration(horizon)),
            by=group_text(by),
            filters=[f"{label}={value}" for label, value in (where or {}).items()] or None,
            aggregation=aggregation,
            level=level,
            model=model,
            threshold=threshold,
            past=past,
        )
        return Forecast(found)

    def tune(
        self,
        sensitivity: str | float = "medium",
        *,
        days: float = 7.0,
        algorithms: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> DetectorEditor:
        """Its detector by hand, with what each sensitivity would have flagged.

        Args:
            sensitivity: low, medium, high, a number from 0 to 1, or standard deviations above 1.
            days: of history.
            algorithms: some of statistical, seasonal and ml; None for those of the workspace.
            labels: of one series; none for the whole metric.
        """
        from datawatch_lab.notebook.editing.detector import DetectorEditor

        return DetectorEditor(
            self.workspace,
            self.name,
            labels=labels,
            sensitivity=sensitivity,
            days=days,
            algorithms=algorithms,
        )

    def corrections(
        self,
        start: Time | None = None,
        end: Time | None = None,
        *,
        step: str = "1m",
        aggregation: str | None = None,
        by: By | None = None,
    ) -> Corrections:
        """Buckets that were closed and that late events changed, with both values.

        Args:
            start: ISO 8601, relative, or a datetime.
            end: the same.
            step: 1m, 5m, 1h or 1d.
            aggregation: one of `aggregations`.
            by: a label; one series per value.
        """
        begin, finish = time_range(None, start, end)
        found = self.workspace.corrections(
            self.name,
            start=begin,
            end=finish,
            step=step,
            aggregation=aggregation,
            group_by=group_text(by),
        )
        return Corrections(found)

    def live(
        self,
        last: Span = "15m",
        *,
        every: Span = "1s",
        step: Span | None = None,
        width: int | None = None,
        **how: Any,
    ) -> Live:
        """A plot in the cell that goes on with the data until the cell is cleared or run again.

        Args:
            last: how much of the past it shows.
            every: how often it looks for new data; at least 0.1 s.
            step: width of a bucket; None for what suits the range.
            width: in pixels; None fills the cell.
            how: ``aggregation``, ``by``, ``where``; see the class.
        """
        from datawatch_lab.notebook.live import Live

        if how.keys() & {"start", "end"}:
            raise InputError(f"{self.name}: a live plot ends now; say with last how much it shows.")
        parse_duration(last)
        return Live(self, last=last, every=parse_duration(every), step=step, width=width, how=how)

    def __repr__(self) -> str:
        unit = f" [{self.unit}]" if self.unit not in ("", "1") else ""
        return f"<Metric {self.name}{unit}: {self.description}>"

    def _repr_html_(self) -> str:
        rows = [
            ("Meaning", self.description),
            *_definition(self.raw),
            ("Unit", unit_words(self.unit)),
            ("Aggregations", ", ".join(self.aggregations)),
            ("Labels", ", ".join(self.labels) or "none"),
        ]
        return markup.block(
            markup.paragraph(markup.name(self.name), markup.soft(self.table)),
            markup.table(["", ""], [(markup.soft(key), said) for key, said in rows]),
        )


def _definition(raw: MetricAnswer) -> list[tuple[str, object]]:
    """What a user defined, and how much of the past it covers; nothing for automatic metrics."""
    if not isinstance(raw, MetricDetail) or raw.definition is None:
        return []
    made, cover = raw.definition, raw.backfill
    on = f"{made.on} of {made.table}" if made.table else ""
    parts = {"Formula": made.formula, "Expression": made.expression, "Filter": made.filter}
    rows: list[tuple[str, object]] = [("Counts", on)] if on else []
    rows += [(head, markup.code(said)) for head, said in parts.items() if said]
    return rows if cover is None else [*rows, ("Covers", _covered(cover))]


def _covered(cover: BackfillAnswer) -> str:
    if cover.complete:
        return "all of the log"
    if cover.wanted:
        return f"filled from the log: {cover.share:.0%}"
    return f"since {cover.since}" if cover.since else "from its definition on"


def _step_text(step: Span | None) -> str | None:
    """A step as the service takes it; months are no duration, so texts go as they are."""
    if step is None or isinstance(step, str):
        return step
    return format_duration(parse_duration(step))


def unit_words(unit: str) -> str:
    """A unit for people.

    >>> unit_words("1"), unit_words("1/min"), unit_words("")
    ('count', 'per minute', 'not known')
    """
    known = {"1": "count", "": "not known", "1/min": "per minute", "ratio": "share, 0 to 1"}
    return known.get(unit, unit_mark(unit))


class Metrics(Listing[Metric]):
    """The metrics of a workspace by name: ``lab.metrics["orders_amount_sum"]``."""

    kind = "metric"

    def of(self, table: str) -> Metrics:
        """Those of one table.

        Raises:
            NotFoundError: no metric belongs to such a table; names the nearest.
        """
        from datawatch_lab.core.errors import not_found

        tables = {each.table for each in self._items.values()}
        if table not in tables:
            raise not_found("table", table, tables - {""})
        return Metrics({name: m for name, m in self._items.items() if m.table == table})

    def search(self, text: str) -> Metrics:
        """Those with the text in their name or meaning, whatever the case."""
        wanted = text.lower()
        return Metrics(
            {
                name: each
                for name, each in self._items.items()
                if wanted in f"{name} {each.description}".lower()
            }
        )

    def df(self) -> pd.DataFrame:
        """A row per metric, indexed by name."""
        import pandas as pd

        rows = [
            (m.name, m.table, m.field, m.unit, m.aggregation, list(m.labels), m.description)
            for m in self._items.values()
        ]
        heads = ["name", "table", "field", "unit", "aggregation", "labels", "description"]
        return pd.DataFrame(rows, columns=heads).set_index("name")

    def __repr__(self) -> str:
        if not self:
            return "<Metrics: none yet>"
        rows = [_row(each) for each in self._items.values()]
        return f"<Metrics: {len(self)}>\n" + markup.plain_table(_HEADS, rows)

    def _repr_html_(self) -> str:
        groups = self._groups()
        share = max(1, markup.SHOWN // max(1, len(groups)))
        shown = list(groups.items())[: markup.SHOWN]
        parts = [_group(table, own, share, is_open=len(groups) == 1) for table, own in shown]
        what = f"{len(self):,} metrics" if self else "No metrics yet: they come with the first data"
        return markup.block(
            markup.paragraph(markup.name(what), markup.soft("one by name: lab.metrics[…]")),
            *parts,
            markup.more(len(groups), len(shown), "lab.metrics.df()"),
        )

    def _groups(self) -> dict[str, list[Metric]]:
        groups: dict[str, list[Metric]] = {}
        for each in self._items.values():
            groups.setdefault(each.table, []).append(each)
        return groups


def _row(metric: Metric) -> tuple[str, str, str, str, str]:
    labels = ", ".join(metric.labels)
    return metric.name, unit_words(metric.unit), metric.aggregation, labels, metric.description


def _group(table: str, own: Sequence[Metric], share: int, *, is_open: bool) -> markup.Safe:
    rows: Iterable[tuple[object, ...]] = (
        (markup.code(row[0]), *row[1:]) for row in map(_row, own[:share])
    )
    where = f"lab.metrics.of({table!r})" if not is_open else "lab.metrics.df()"
    summary = markup.Safe(
        f"{markup.text(table or 'workspace')} {markup.soft(f'{len(own):,} metrics')}"
    )
    body = markup.table(_HEADS, list(rows), nowrap=(0, 1, 2))
    rest = markup.more(len(own), share, where)
    return markup.details(summary, markup.Safe(body + rest), is_open=is_open)
