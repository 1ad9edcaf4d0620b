"""A metric in a notebook: its value, its points, its plot, live in the cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UnsetType

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.answer import Answer
from datawatch_lab.notebook.listing import Listing
from datawatch_lab.service.answers import MetricAnswer, QueryAnswer, SeriesAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.metrics import ComparedAnswer, write_filters
from datawatch_lab.views.format import unit_mark

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.notebook.live import Live

Time = str | datetime
Span = str | float | timedelta
Where = str | Mapping[str, object]
By = str | Sequence[str]

_HEADS = ("metric", "unit", "default", "labels", "meaning")


def time_range(
    last: Span | None,
    start: Time | None,
    end: Time | None,
    newest: Callable[[], str | None] = lambda: None,
) -> tuple[str | None, str | None]:
    """``from`` and ``to`` as the service takes them; None for what the data suggests.

    Args:
        last: a duration back from ``end``, or from now, or from where history ends.
        start: ISO 8601, relative, or a datetime.
        end: the same.
        newest: where history ends; None when data comes now.

    Raises:
        InputError: both ``last`` and ``start`` say where it begins, or ``last`` is no duration.

    >>> time_range("1h", None, None)
    ('now-1h', None)
    """
    if last is None:
        return _moment(start), _moment(end)
    if start is not None:
        raise InputError(f"both last={last!r} and start={start!r} say where it begins; give one.")
    span = parse_duration(last)
    if span <= timedelta(0):
        raise InputError(f"last={last!r} is not above 0.")
    ending = newest() if end is None else None
    if ending is not None:
        until = datetime.fromisoformat(ending) + timedelta(seconds=1)
        return _moment(until - span), _moment(until)
    if end is None:
        return f"now-{format_duration(span)}", None
    if isinstance(end, datetime):
        return _moment(end - span), _moment(end)
    return _before(end, span), end


def _before(end: str, span: timedelta) -> str:
    """The moment a span before one that is given as text."""
    bare = end.strip()
    if bare[:1] in ("-", "+"):
        bare = f"now{bare}"
    if bare[:3].isalpha():
        if not bare.isalpha():
            raise InputError(f"last with end={end!r} is not clear.", hint="Give start and end.")
        return f"{bare}-{format_duration(span)}"
    try:
        return _moment(datetime.fromisoformat(bare) - span) or ""
    except ValueError:
        raise InputError(
            f"end={end!r} is not a time.", hint="Write ISO 8601, now, today, or give start and end."
        ) from None


def _moment(at: Time | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def filter_text(where: Where | None) -> str | None:
    """Filters as the service takes them.

    Raises:
        InputError: a label has a =, which none can have.

    >>> filter_text({"status": "paid", "country": "DE"})
    'status=paid,country=DE'
    """
    if where is None or isinstance(where, str):
        return where or None
    for label in where:
        if "=" in label:
            raise InputError(f"where: {label!r} is no label.")
    return write_filters(f"{label}={value}" for label, value in where.items())


def group_text(by: By | None) -> str | None:
    """Labels to group by as the service takes them.

    >>> group_text(["status", "country"])
    'status,country'
    """
    return by if by is None or isinstance(by, str) else ",".join(by) or None


def history_end(workspace: Workspace) -> str | None:
    """The newest event where a workspace holds history only; None where data comes now."""
    status = workspace.status()
    return status.last_event if status.status == "history" else None


def question(
    workspace: Workspace,
    *,
    last: Span | None = None,
    start: Time | None = None,
    end: Time | None = None,
    aggregation: str | None = None,
    by: By | None = None,
    where: Where | None = None,
) -> dict[str, str | None]:
    """The parts of a question in the service's words."""
    begin, finish = time_range(last, start, end, lambda: history_end(workspace))
    return {
        "start": begin,
        "end": finish,
        "aggregation": aggregation,
        "group_by": group_text(by),
        "filters": filter_text(where),
    }


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

    def range(self, last: Span | None = None, *, step: Span | None = None, **how: Any) -> Answer:
        """The points over a range, as an answer that makes frames and plots.

        Args:
            last: a duration back from now.
            step: width of a bucket; None for what suits the range.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see the class.
        """
        width = _step_text(step)
        asked = question(self.workspace, last=last, **how)
        return Answer(self.workspace.range(self.name, step=width, **asked))

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
    ) -> Answer:
        """The points beside those of an earlier time, as one answer with the label ``range``.

        Args:
            to: ``previous_period``, ``same_hour_yesterday`` or ``same_hour_last_week``; the last
                two by the clock of the workspace's time zone.
            last: a duration back from now.
            step: width of a bucket; None for what suits the range.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see the class.

        The earlier points stand at the times of the later ones, so that they lie upon each other;
        ``raw.comparison`` has their own times, the differences and the ratios.
        """
        width = _step_text(step)
        asked = question(self.workspace, last=last, **how)
        return _beside(self.workspace.range(self.name, step=width, compare=to, **asked))

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
            ("Unit", unit_words(self.unit)),
            ("Aggregations", ", ".join(self.aggregations)),
            ("Labels", ", ".join(self.labels) or "none"),
        ]
        return markup.block(
            markup.paragraph(markup.name(self.name), markup.soft(self.table)),
            markup.table(["", ""], [(markup.soft(key), said) for key, said in rows]),
        )


def _beside(raw: QueryAnswer) -> Answer:
    """An answer with its comparison as series of the same answer, told apart by ``range``."""
    if not isinstance(raw, ComparedAnswer) or isinstance(raw.comparison, UnsetType):
        return Answer(raw)
    name = raw.comparison.compare.replace("_", " ")
    now = [SeriesAnswer({"range": "now", **each.labels}, each.points) for each in raw.series]
    then = [
        SeriesAnswer({"range": name, **each.labels}, each.points) for each in raw.comparison.series
    ]
    return Answer(msgspec.structs.replace(raw, series=now + then))


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
