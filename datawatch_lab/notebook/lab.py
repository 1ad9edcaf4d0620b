"""`Lab`: a workspace in a notebook, as objects that show themselves."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.accounts import Accounts
from datawatch_lab.notebook.alerts import Alerts
from datawatch_lab.notebook.anomalies import Anomalies
from datawatch_lab.notebook.answer import Answer
from datawatch_lab.notebook.asking import Span, question
from datawatch_lab.notebook.backends import BackendList
from datawatch_lab.notebook.dashboards import Board, Boards, Dashboard, find
from datawatch_lab.notebook.defining import Defining
from datawatch_lab.notebook.detector import Detector
from datawatch_lab.notebook.late import Corrections
from datawatch_lab.notebook.metric import Metric
from datawatch_lab.notebook.quality import Quality
from datawatch_lab.notebook.schema import Schema
from datawatch_lab.notebook.sla import Sla, sla_of
from datawatch_lab.notebook.tables import Table
from datawatch_lab.notebook.taking import Taking
from datawatch_lab.notebook.trust import Status
from datawatch_lab.service.subscribing import Callback, Subscription


class Lab(Taking, Accounts, Defining):
    """A workspace: its tables, metrics and accounts as objects that show themselves.

    Use it as a context manager, or `close` it. What it gives is as of when it was asked for. Taking
    data in is in `Taking`, what became of it in `Accounts`, metrics of one's own in `Defining`.

    Attributes:
        workspace: the service's handle, for what has no object here.
    """

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

    def table(self, name: str) -> Table:
        """One table, as it is now; a `NotFoundError` names the nearest when there is none."""
        return Table(self.workspace.table(name), self)

    def metric(self, name: str) -> Metric:
        """One metric; a `NotFoundError` names the nearest when there is none."""
        return Metric(self.workspace, self.workspace.metric(name))

    def dashboard(self, which: str | Dashboard = "", *, template: str = "") -> Board:
        """One dashboard by name or id, of a template, or one that you made, to be saved."""
        return find(self.workspace, which, template=template)

    def dashboards(self) -> Boards:
        """The dashboards that are saved."""
        return Boards(self.workspace)

    @property
    def status(self) -> Status:
        """The workspace at a glance."""
        return Status(self.workspace.status())

    @property
    def backends(self) -> BackendList:
        """The metric back ends that are written to, by name; see docs/backends.md."""
        return BackendList(self.workspace)

    # --------------------------------------------------------------------- questions

    def query(self, metric: str, last: Span | None = None, **how: Any) -> Answer:
        """One value per series over a range.

        Args:
            metric: its name.
            last: a duration back from now.
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``, ``backend``; see `Metric`.
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
            how: ``start``, ``end``, ``aggregation``, ``by``, ``where``, ``backend``; see `Metric`.
        """
        width = None if step is None else format_duration(parse_duration(step))
        return Answer(
            self.workspace.range(metric, step=width, **question(self.workspace, last=last, **how))
        )

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

    # --------------------------------------------------------------------- trust

    @property
    def quality(self) -> Quality:
        """Scores, rules and violations of the data; see docs/quality.md."""
        return Quality(self.workspace)

    def alerts(self) -> Alerts:
        """Alert rules and open alerts; see docs/alerts.md."""
        return Alerts(self.workspace)

    def anomalies(self, start: str = "", *, each: bool = False, **which: Any) -> Anomalies:
        """What was found strange, newest first: a row an incident; see docs/anomalies.md.

        Args:
            start: since; a time, or a duration back such as -1d. All when empty.
            each: a row an anomaly, not the strongest of each incident only.
            which: ``metric``, ``table``, ``severity``, ``type``, ``active``, ``incident``,
                ``limit``.
        """
        group = "" if each or which.get("incident") else "incident"
        return Anomalies(self.workspace, start=start, group=group, **which)

    def detector(self, metric: str, **labels: str) -> Detector:
        """How a metric, or the series of it with some labels, is looked at for anomalies."""
        return Detector(self.workspace, metric, labels)

    def sla(self, objectives: Sequence[str | dict[str, Any]] | None = None, month: str = "") -> Sla:
        """Objectives over a month, their error budgets, and what used them; see docs/sla.md.

        Args:
            objectives: texts such as ``"fast: p95(events_duration_ms) <= 300ms, 99%"`` or
                ``"paid: payments_inserts_total except status=failed, 99.5%"``, or sections. None
                for those of the configuration, else the usual ones.
            month: such as ``2026-03``, ``this`` (the month of the newest data) or ``last``.
        """
        return sla_of(self.workspace, objectives, month)

    def subscribe(self, topic: str, callback: Callback) -> Subscription:
        """Call a function with each alert, anomaly, violation or schema change from now on.

        Args:
            topic: ``alert``, ``anomaly``, ``quality`` or ``schema``.
            callback: given the event as a dictionary, in a thread of its own.

        Returns:
            What `Subscription.stop` ends; closing the lab does, too.
        """
        return self.workspace.subscribe(topic, callback)

    # --------------------------------------------------------------------- how it shows itself

    def __repr__(self) -> str:
        return f"<Lab {markup.short(self.place)}{' (closed)' if self.closed else ''}>"

    def _repr_html_(self) -> str:
        ways = (
            *("lab.status", "lab.tables", "lab.metrics", 'lab.sql("…")', "lab.quality"),
            *("lab.anomalies()", "lab.alerts()", "lab.dashboards()", "lab.ledger()"),
        )
        served = "through its server" if self.workspace.is_remote else "in this process"
        return markup.block(
            markup.paragraph(
                markup.name(self.place), markup.tag("closed") if self.closed else served
            ),
            markup.paragraph(*(markup.code(each) for each in ways)),
        )
