"""`Lab`: a workspace in a notebook, as objects that show themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.alerts import Alerts
from datawatch_lab.notebook.answer import Answer
from datawatch_lab.notebook.asking import By, Span, question
from datawatch_lab.notebook.defining import define
from datawatch_lab.notebook.feed import Feed, shop_options
from datawatch_lab.notebook.fresh import Fresh
from datawatch_lab.notebook.late import Corrections
from datawatch_lab.notebook.masking import Masking
from datawatch_lab.notebook.metric import Metric, Metrics
from datawatch_lab.notebook.progress import Bar, face
from datawatch_lab.notebook.quality import Quality
from datawatch_lab.notebook.rows import Rows
from datawatch_lab.notebook.schema import Schema
from datawatch_lab.notebook.sources import Watched, connect_source
from datawatch_lab.notebook.tables import Table, Tables, role_named
from datawatch_lab.notebook.trust import Ledger, Quarantine, Replayed, Status, Taken
from datawatch_lab.service.answers import EventsAnswer, Fixed, TableAnswer
from datawatch_lab.service.handle import Workspace

if TYPE_CHECKING:
    from datawatch_lab.core.sources import Source

Given = TypeVar("Given")

_KEPT_SECONDS = 2.0
"""How long names stay before they are asked for again: completion asks at every key."""


class Lab:
    """A workspace: its tables, metrics and accounts as objects that show themselves.

    Use it as a context manager, or `close` it. What it gives is as of when it was asked for.

    Attributes:
        workspace: the service's handle, for what has no object here.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.closed = False
        self._feeds: list[Feed] = []
        self._kept: dict[str, tuple[float, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file, or the connection; a server goes on. Harmless when said twice."""
        if not self.closed:
            self.closed = True
            for feed in self._feeds:
                feed.stop()
            self.workspace.close()

    @property
    def place(self) -> str:
        """Path of the workspace, or address of the server."""
        return self.workspace.place

    # --------------------------------------------------------------------- what there is

    def _find_tables(self) -> Tables:
        """The tables found so far, by name."""
        return self._keep("tables", self._ask_tables)

    def _find_metrics(self) -> Metrics:
        """The metrics that can be queried, by name."""
        return self._keep("metrics", self._ask_metrics)

    tables = Fresh(_find_tables)
    metrics = Fresh(_find_metrics)

    def _ask_tables(self) -> Tables:
        found = self.workspace.tables()
        made = (Table(each, self) for each in found)
        return Tables({each.name: each for each in made})

    def _ask_metrics(self) -> Metrics:
        found = self.workspace.metrics()
        return Metrics({each.name: Metric(self.workspace, each) for each in found})

    def _keep(self, name: str, ask: Callable[[], Given]) -> Given:
        at, kept = self._kept.get(name, (-_KEPT_SECONDS, None))
        if kept is None or time.monotonic() - at >= _KEPT_SECONDS:
            kept = ask()
            self._kept[name] = (time.monotonic(), kept)
        found: Given = kept
        return found

    def table(self, name: str) -> Table:
        """One table, as it is now; a `NotFoundError` names the nearest when there is none."""
        return Table(self.workspace.table(name), self)

    def correct(self, table: str, column: str, role: str | None, **said: Any) -> TableAnswer:
        """Carry a correction out; what this kept of tables and metrics is asked for again."""
        self.workspace.correct(table, column, role=role_named(role), **said)
        self._kept.clear()
        return self.workspace.table(table)

    def metric(self, name: str) -> Metric:
        """One metric; a `NotFoundError` names the nearest when there is none."""
        return Metric(self.workspace, self.workspace.metric(name))

    @property
    def status(self) -> Status:
        """The workspace at a glance."""
        return Status(self.workspace.status())

    # --------------------------------------------------------------------- questions

    def query(self, metric: str, last: Span | None = None, **how: Any) -> Answer:
        """One value per series over a range.

        Args:
            metric: its name.
            last: a duration back from now.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see `Metric`.
        """
        return Answer(self.workspace.query(metric, **question(self.workspace, last=last, **how)))

    def range(
        self, metric: str, last: Span | None = None, *, step: Span | None = None, **how: Any
    ) -> Answer:
        """Points over a range, one per step and series.

        Args:
            metric: its name.
            last: a duration back from now.
            step: width of a bucket; None for what suits the range.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``; see `Metric`.
        """
        width = None if step is None else format_duration(parse_duration(step))
        return Answer(
            self.workspace.range(metric, step=width, **question(self.workspace, last=last, **how))
        )

    def sql(self, query: str, limit: int | None = None, *, masked: bool = True) -> Rows:
        """Run one query that only reads, over ``live.*``, ``changes.*`` and ``metrics.*``.

        Args:
            query: DuckDB's SQL.
            limit: most rows; None for the most there are, 100,000.
            masked: show sensitive values as ``•••``.

        Raises:
            InputError: the query is refused, or takes too long; says why.
            NotFoundError: it names what does not exist; names the nearest.
        """
        return Rows(self.workspace.sql(query, limit, masked=masked))

    @property
    def schema(self) -> Schema:
        """The history of schemas: changes, differences, tables as of any time."""
        return Schema(self.workspace)

    def corrections(self, metric: str, **how: Any) -> Corrections:
        """Closed buckets of a metric that late events changed, with both values.

        Args:
            metric: its name.
            how: ``start``, ``end``, ``step``, ``aggregation``, ``by``; see `Metric.corrections`.
        """
        return self.metric(metric).corrections(**how)

    # --------------------------------------------------------------------- metrics of one's own

    def define_metric(  # noqa: PLR0913 — the parts of a definition, by name
        self,
        name: str,
        *,
        table: str = "",
        expression: str = "",
        filter: str = "",  # noqa: A002 — its name everywhere
        aggregation: str = "count",
        on: str = "inserts",
        by: By = (),
        formula: str = "",
        unit: str = "",
        description: str = "",
        backfill: bool = True,
        replace: bool = False,
    ) -> Metric:
        """Define a metric over the changes of a table, or a formula over metrics.

        It comes back once it is filled from the log; interrupted, the filling goes on.

        Args:
            name: letters, digits and _.
            table: whose changes count.
            expression: over the columns of a row, such as ``amount * quantity``; '' counts rows.
            filter: a condition, such as ``status = 'paid' and amount > 10``.
            aggregation: count, sum, avg, min, max, p50, p90, p95, p99, rate, distinct or last.
            on: the changes that count: inserts, updates, deletes or changes.
            by: columns whose values become labels.
            formula: in place of all these, such as ``orders_amount_sum / orders_inserts_total``.
            unit: of its values, such as EUR, s, 1/min.
            description: one sentence.
            backfill: fill it from the log; else it counts from now on.
            replace: define it anew where it exists.

        Raises:
            InputError: something in it is wrong; points at it.
            NotFoundError: it names a table, column or metric that does not exist.
        """
        what = {
            "table": table,
            "expression": expression,
            "filter": filter,
            "aggregation": aggregation,
            "on": on,
            "group_by": [by] if isinstance(by, str) else list(by),
            "formula": formula,
            "unit": unit,
            "description": description,
            "backfill": backfill,
        }
        made = define(self.workspace, name, what, replace=replace)
        self._kept.clear()
        return Metric(self.workspace, made)

    def drop_metric(self, name: str) -> None:
        """Drop a metric of one's own and what it counted; automatic ones are not dropped."""
        self.workspace.drop_metric(name)
        self._kept.clear()

    # --------------------------------------------------------------------- trust

    @property
    def quality(self) -> Quality:
        """Scores, rules and violations of the data; see docs/quality.md."""
        return Quality(self.workspace)

    def alerts(self) -> Alerts:
        """Alert rules and open alerts; see docs/alerts.md."""
        return Alerts(self.workspace)

    def ledger(self) -> Ledger:
        """What became of everything received: the counts always add up."""
        return Ledger(self.workspace.ledger())

    def quarantine(self, limit: int = 100, state: str = "waiting") -> Quarantine:
        """Events that were set aside, oldest first.

        Args:
            limit: at most this many.
            state: ``waiting`` or ``replayed``.
        """
        return Quarantine(self.workspace.quarantine(limit, state), self._masking())

    def replay(
        self,
        ids: Iterable[int] = (),
        fixed: Mapping[int, str | Mapping[str, Any]] | None = None,
    ) -> Replayed:
        """Try events of the quarantine again.

        Args:
            ids: as they are; with no ``ids`` and no ``fixed``, all that wait.
            fixed: corrected events by id, as JSON text or as a dictionary.
        """
        corrected = [_fixed(number, event) for number, event in (fixed or {}).items()]
        answer = self.workspace.replay(list(ids), corrected)
        self._kept.clear()
        return Replayed(answer, self._masking())

    def _masking(self) -> Masking:
        columns = (each for table in self._find_tables().values() for each in table.raw.columns)
        return Masking(each.name for each in columns if each.sensitive)

    # --------------------------------------------------------------------- taking in

    def ingest(
        self, path: str | os.PathLike[str], *, speed: float | None = None, progress: bool = True
    ) -> Taken:
        """Read a file of change events, each event exactly once; a second time, all duplicates.

        When interrupted it stops between two batches; the same call goes on from there.

        Args:
            path: NDJSON or a JSON array, plain, gzip or zstd.
            speed: replay at this many times the pace of the events; None: as fast as possible.
            progress: show a bar where somebody watches.
        """
        from datawatch_lab.service.intake import file_source

        with Bar(os.path.basename(path), face() if progress else None) as bar:  # noqa: PTH119
            return self._take(file_source(os.fspath(path), speed=speed, progress=bar.done))

    def ingest_demo(
        self,
        days: float = 2.0,
        *,
        rate: float | None = None,
        seed: int | None = None,
        progress: bool = True,
    ) -> Taken:
        """Read the past of a simulated shop, up to the present: customers, orders, payments.

        Called again it brings what would have happened since.

        Args:
            days: of history that a new shop brings along.
            rate: orders a minute of a new shop; 8 when None.
            seed: the same seed is the same shop; 7 when None.
            progress: show a bar where somebody watches.
        """
        from datawatch_lab.service.intake import demo_source

        if days <= 0:
            raise InputError(f"ingest_demo: days is {days:g}; it must be above 0.")
        shop = shop_options(self.workspace, rate=rate, seed=seed)
        with Bar("demo", face() if progress else None) as bar:
            return self._take(
                demo_source(history=timedelta(days=days), live=False, progress=bar.done, **shop)
            )

    def start_demo(self, *, seed: int | None = None) -> Feed:
        """Let the simulated shop go on from where it is, in the background, until it is stopped.

        Args:
            seed: of a new shop; that of the one that `ingest_demo` brought is known.
        """
        from datawatch_lab.service.intake import demo_source

        shop = shop_options(self.workspace, rate=None, seed=seed)
        feed = Feed(self.workspace, demo_source(history=timedelta(0), **shop))
        self._feeds.append(feed)
        return feed

    def connect(self, url: str, **how: Any) -> Watched:
        """Watch a database: its tables first, then every change; said again, it goes on.

        Args:
            url: ``postgresql://user:password@host/database``; ``${NAME}`` is of the environment, so
                that no password stands in the notebook.
            how: ``name``, ``include``, ``exclude``, ``snapshot``; see `notebook.sources`.
        """
        self._kept.clear()
        return connect_source(self.workspace, url, **how)

    def sources(self) -> list[Watched]:
        """The databases that are watched."""
        return [Watched(self.workspace, each) for each in self.workspace.sources()]

    def _take(self, source: Source) -> Taken:
        from datawatch_lab.service.intake import ingest_source

        began = time.monotonic()
        try:
            counts = ingest_source(self.workspace, source)
        except KeyboardInterrupt:
            source.stop()
            raise
        finally:
            self._kept.clear()
        return Taken(source.name, counts, time.monotonic() - began)

    def post(self, events: bytes | str | Mapping[str, Any] | list[Any]) -> EventsAnswer:
        """Take events in; the answer comes once they are durable and in metrics.

        Args:
            events: JSON text (one object, an array or NDJSON), or the events themselves.
        """
        if isinstance(events, str):
            body = events.encode()
        else:
            body = events if isinstance(events, bytes) else msgspec.json.encode(events)
        self._kept.clear()
        return self.workspace.post(body)

    # --------------------------------------------------------------------- how it shows itself

    def __repr__(self) -> str:
        return f"<Lab {markup.short(self.place)}{' (closed)' if self.closed else ''}>"

    def _repr_html_(self) -> str:
        ways = ("lab.status", "lab.tables", "lab.metrics", 'lab.sql("…")', "lab.ledger()")
        served = "through its server" if self.workspace.is_remote else "in this process"
        return markup.block(
            markup.paragraph(
                markup.name(self.place), markup.tag("closed") if self.closed else served
            ),
            markup.paragraph(*(markup.code(each) for each in ways)),
        )


def _fixed(number: int, event: str | Mapping[str, Any]) -> Fixed:
    if isinstance(event, str):
        return Fixed(number, raw=event)
    return Fixed(number, event=dict(event))
