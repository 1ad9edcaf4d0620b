"""Anomalies in a notebook: a list that shows itself, and each with what explains it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook import markup

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.anomalies import (
        AnomalyAnswer,
        AnomalyDetail,
        FeedbackEffect,
    )

_HEADS = ("started", "metric", "what", "severity", "value", "expected", "over")
_SHOWN = 20
_MOST = 10_000


class Anomalies:
    """Anomalies of a workspace as of when they were asked for, newest first.

    With ``group="incident"`` each stands for its incident, of which it is the strongest.

    Attributes:
        raw: as the service gave them.
    """

    def __init__(self, workspace: Workspace, **which: Any) -> None:
        self._workspace = workspace
        self.raw: list[AnomalyAnswer] = workspace.anomalies(**which)

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[Anomaly]:
        return (Anomaly(self._workspace, each) for each in self.raw)

    def __getitem__(self, place: int) -> Anomaly:
        return Anomaly(self._workspace, self.raw[place])

    def df(self) -> pd.DataFrame:
        """A row an anomaly."""
        import msgspec
        import pandas as pd

        return pd.json_normalize([msgspec.to_builtins(each) for each in self.raw], max_level=1)

    def _count(self) -> str:
        groups = [each.group for each in self.raw if each.group]
        if not groups:
            return f"{len(self.raw):,} anomalies"
        every = sum(each.anomalies for each in groups)
        return f"{len(groups):,} incidents of {every:,} anomalies"

    def __repr__(self) -> str:
        if not self.raw:
            return "no anomalies"
        return markup.plain_table(_HEADS, [_row(each) for each in self.raw[:_SHOWN]])

    def _repr_html_(self) -> str:
        active = sum(each.group.active if each.group else each.active for each in self.raw)
        head = markup.paragraph(self._count(), f"{active:,} going on")
        rows = [_row(each) for each in self.raw[:_SHOWN]]
        if not rows:
            return markup.block(head)
        more = markup.more(len(self.raw), len(rows), ".df()")
        return markup.block(head, markup.table(_HEADS, rows), more)


class Anomaly:
    """One anomaly.

    Attributes:
        raw: as the service gave it.
    """

    def __init__(self, workspace: Workspace, raw: AnomalyAnswer) -> None:
        self._workspace = workspace
        self.raw = raw

    def why(self) -> AnomalyDetail:
        """What explains it: parts, metrics that moved too, schema changes, rows, points."""
        return self._workspace.anomaly(self.raw.id)

    def incident(self) -> Anomalies:
        """All anomalies of its incident, newest first."""
        return Anomalies(self._workspace, incident=self.raw.incident, limit=_MOST)

    def acknowledge(self) -> Anomaly:
        """Note that you look after it."""
        return Anomaly(self._workspace, self._workspace.acknowledge_anomaly(self.raw.id))

    def feedback(self, verdict: str, note: str = "") -> FeedbackEffect:
        """Say whether it is ``real``, ``expected`` or a ``known_event``; the detector follows."""
        said: Any = verdict
        return self._workspace.anomaly_feedback(self.raw.id, said, note=note)

    def __repr__(self) -> str:
        return f"<Anomaly {self.raw.severity} {self.raw.type}: {self.raw.description}>"

    def _repr_html_(self) -> str:
        raw = self.raw
        state = "going on" if raw.active else f"over at {markup.clock(raw.ended_at)}"
        parts = [f"{each.name} {each.value} {each.share:.0%}" for each in raw.contributors]
        lines = [
            markup.paragraph(markup.name(f"{raw.severity} {raw.type}"), state),
            markup.paragraph(raw.description),
        ]
        if parts:
            lines.append(markup.paragraph(*parts))
        if raw.group and raw.group.more:
            lines.append(markup.paragraph(raw.group.more, markup.code(".incident()")))
        return markup.block(*lines)


def _row(each: AnomalyAnswer) -> tuple[str, ...]:
    group = each.group
    active, over = (group.active, group.ended_at) if group else (each.active, each.ended_at)
    labels = ", ".join(f"{name}={value}" for name, value in each.labels.items())
    name = f"{each.metric_name} ({labels})" if labels else each.metric_name
    return (
        markup.clock(group.started_at if group else each.started_at),
        f"{name} {group.more}".rstrip() if group else name,
        each.type,
        each.severity,
        f"{each.value:,.4g}",
        f"{each.expected.min:,.4g} to {each.expected.max:,.4g}",
        "going on" if active else markup.clock(over),
    )
