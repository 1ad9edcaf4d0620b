"""Service-level reports in a notebook: objectives, error budgets and what used them, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import floor, log10
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.notebook import markup
from datawatch_lab.service.operations.sla import IncidentAnswer, ObjectiveAnswer, SlaAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views import theme

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.service.handle import Workspace

MARKS = {"missed": "✕", "at risk": "▲", "on track": "●", "kept": "✓", "no data": "–"}
"""A sign beside the word of each state, so that nothing is told by colour alone."""

_COLOURS = {
    "missed": "light-dark(#b3261e, #ff8a80)",
    "at risk": "light-dark(#8a5300, #f0b655)",
    "on track": "light-dark(#0a7350, #5fd0a5)",
    "kept": "light-dark(#0a7350, #5fd0a5)",
}
_HEADS = ("objective", "measured", "error budget used", "burn rate", "at month's end")
_INCIDENT_HEADS = ("since", "what", "severity", "lasted", "budget used meanwhile")
_WIDE, _HIGH = 120, 30
_SPELLS = 3
_MOST_DECIMALS = 5


class Sla:
    """Objectives over a month; the same as of when it was asked for.

    Attributes:
        raw: as the service gave it.
        state: that of the worst objective: missed, at risk, on track, kept or no data.
        objectives: each with ``measured``, ``used``, ``rates``, ``projected``, ``days`` and more.
    """

    def __init__(self, raw: SlaAnswer) -> None:
        self.raw = raw
        self.state = raw.state
        self.objectives = raw.objectives

    def df(self) -> pd.DataFrame:
        """A row per objective: what was promised, what was measured, what is left."""
        import pandas as pd

        rows = [
            {
                "objective": each.name,
                "good": each.reading,
                "target": each.target,
                "measured": each.measured,
                "total": each.total,
                "bad": each.bad,
                "budget": each.budget,
                "used": each.used,
                **{f"burn {name}": rate for name, rate in each.rates.items()},
                "projected": each.projected,
                "state": each.state,
            }
            for each in self.objectives
        ]
        return pd.DataFrame(rows).set_index("objective") if rows else pd.DataFrame()

    def days(self) -> pd.DataFrame:
        """A row per day and objective: the share that was good, the share of the budget left."""
        import pandas as pd

        rows = [
            {"day": day.at, "objective": each.name, "good": day.good, "left": day.left}
            for each in self.objectives
            for day in each.days
        ]
        frame = pd.DataFrame(rows, columns=["day", "objective", "good", "left"])
        frame["day"] = pd.to_datetime(frame["day"], utc=True, format="ISO8601")
        frame["day"] = frame["day"].dt.tz_convert(self.raw.timezone)
        return frame

    def incidents(self) -> pd.DataFrame:
        """Alerts and anomalies of the month, those that cost most first."""
        import msgspec
        import pandas as pd

        return pd.DataFrame([msgspec.to_builtins(each) for each in self.raw.incidents])

    def plot(self, *, title: str = "", width: int | None = None) -> Any:
        """The share of each budget that is left, day by day, as a HoloViews object.

        Args:
            title: by default the month.
            width: in pixels; None fills the cell.
        """
        from functools import partial

        import holoviews as hv
        import numpy as np

        from datawatch_lab.notebook import plots

        plots.set_up()
        time = hv.Dimension("time", label=f"Day ({self.raw.timezone})")
        left = hv.Dimension("left", label="Error budget left")
        wall = self.days()
        curves = []
        for place, each in enumerate(each for each in self.objectives if each.measured is not None):
            mine = wall[wall["objective"] == each.name]
            days = mine["day"].dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
            ends = np.append(days, days[-1:] + np.timedelta64(1, "D"))
            values = np.append([1.0], mine["left"].to_numpy(dtype=float))
            line = hv.Curve((ends, values), time, left, label=each.name)
            curves.append(line.opts(color=theme.colour(place), interpolation="linear"))
        size = {"responsive": True, "height": 300} if width is None else {"width": width}
        span = [datetime.fromisoformat(raw).replace(tzinfo=None) for raw in self._wall_bounds()]
        zero = hv.Curve((np.array(span, dtype="datetime64[ms]"), [0.0, 0.0]), time, left)
        overlay = hv.Overlay([*curves, zero.opts(color="grey", line_dash="dashed", line_width=1)])
        return overlay.opts(
            hv.opts.Overlay(
                title=title or f"Error budgets of {_month(self.raw)}",
                show_legend=len(curves) > 1,
                legend_position="bottom_left",
                hooks=[partial(plots._dress, unit="ratio")],  # noqa: SLF001 — same room
                **size,
            )
        )

    def _wall_bounds(self) -> tuple[str, str]:
        """Start and end of the month by the clock of the workspace."""
        year, month = map(int, self.raw.month.split("-"))
        after = f"{year + 1}-01" if month == 12 else f"{year}-{month + 1:02}"
        return f"{self.raw.month}-01", f"{after}-01"

    def __repr__(self) -> str:
        rows = [
            (
                each.name,
                _good(each.target),
                _good(each.measured),
                _used(each),
                _rates(each),
                each.state,
            )
            for each in self.objectives
        ]
        heads = ("objective", "target", "measured", "used", "burn 1h/6h/3d", "state")
        return f"<Sla {self.raw.month}: {self.state}>\n{markup.plain_table(heads, rows)}"

    def _repr_html_(self) -> str:
        raw = self.raw
        note = "usual objectives; state your own" if raw.suggested else ""
        head = markup.paragraph(
            markup.name(f"Service levels of {_month(raw)}"),
            _state(raw.state),
            markup.soft(f"measured to {markup.clock(raw.until)[:16]} UTC"),
            markup.soft(note) if note else "",
        )
        if not raw.objectives:
            return markup.block(
                head, markup.paragraph("No objectives, and no metrics to guess any.")
            )
        body = markup.table(_HEADS, [_row(each) for each in raw.objectives], nowrap=(1, 2, 3, 4))
        return markup.block(head, body, _spells(raw.objectives), self._incidents())

    def _incidents(self) -> markup.Safe:
        raw = self.raw
        if not raw.incidents:
            return markup.paragraph(markup.soft("No alert and no anomaly in this month."))
        rows = [_incident(each) for each in raw.incidents]
        title = f"Alerts and anomalies ({len(raw.incidents) + raw.left_out:,})"
        table = markup.table(_INCIDENT_HEADS, rows, nowrap=(0, 2, 3))
        rest = markup.soft(f"… and {raw.left_out:,} more.") if raw.left_out else ""
        return markup.details(title, markup.Safe(f"{table}{rest}"), is_open=True)


def sla_of(
    workspace: Workspace, objectives: Sequence[str | dict[str, Any]] | None, month: str
) -> Sla:
    """Objectives over a month, in any workspace; those of its configuration when None."""
    if objectives is None:
        return Sla(workspace.sla(month=month))
    return Sla(workspace.measure_sla(objectives=list(objectives), month=month))


def _month(raw: SlaAnswer) -> str:
    return datetime.strptime(raw.month, "%Y-%m").strftime("%B %Y")  # noqa: DTZ007 — a name only


def _row(each: ObjectiveAnswer) -> tuple[object, ...]:
    name = markup.Safe(
        '<div style="min-width:11rem">'
        f"<b>{markup.text(each.name)}</b><br>{markup.soft(_breakable(each.reading))}</div>"
    )
    target = markup.soft(f"target {_good(each.target)}")
    measured = markup.Safe(f"<b>{_good(each.measured)}</b><br>{target}")
    parts = (markup.text(_used(each)), markup.soft(_budget(each)), _budget_line(each))
    share = markup.Safe("<br>".join(filter(None, parts)))
    rates = markup.Safe("<br>".join(_rate(name, rate) for name, rate in each.rates.items()))
    ending = "–" if each.measured is None else f"{words.percent(each.projected)} used"
    return (
        name,
        measured,
        share,
        rates,
        markup.Safe(f"{markup.text(ending)}<br>{_state(each.state)}"),
    )


def _good(share: float | None) -> str:
    """A share that is near one, never rounded up to it: what is missing has two digits.

    >>> [words.plain(_good(each)) for each in (0.9995, 0.99999, 0.95273, 1.0)]
    ['99.95 %', '99.999 %', '95.2 %', '100 %']
    """
    if share is None or share >= 1:
        return words.percent(share)
    missing = 100 * (1 - share)
    decimals = 1 if missing >= 1 else min(1 - floor(log10(missing)), _MOST_DECIMALS)
    scale: int = 10**decimals
    shown = floor(round(100 * share * scale, 3)) / scale
    return f"{shown:.{decimals}f}".rstrip("0").rstrip(".") + f"{words.NBSP}%"


def _breakable(text: str) -> markup.Safe:
    """Long names of metrics, to be broken after underscores rather than within words."""
    return markup.Safe(markup.text(text).replace("_", "_<wbr>"))


def _state(state: str) -> markup.Safe:
    colour = _COLOURS.get(state, "inherit")
    return markup.Safe(
        f'<span style="color:{colour};font-weight:600;white-space:nowrap">'
        f"{MARKS.get(state, '')} {markup.text(state)}</span>"
    )


def _used(each: ObjectiveAnswer) -> str:
    return "–" if each.measured is None else words.percent(each.used)


def _rates(each: ObjectiveAnswer) -> str:
    return " / ".join("–" if rate is None else f"{rate:.2g}" for rate in each.rates.values())


def _rate(name: str, rate: float | None) -> str:
    said = "–" if rate is None else f"{rate:,.1f}×"
    return f"{markup.soft(name)} {said}"


def _amount(each: ObjectiveAnswer, count: float) -> str:
    """Events, or the time that steps are."""
    if each.counts == "events":
        return words.count(round(count))
    return words.duration(count * parse_duration(each.step).total_seconds())


def _budget(each: ObjectiveAnswer) -> str:
    if each.measured is None:
        return "–"
    return f"{_amount(each, each.bad)} of {_amount(each, each.budget)}"


def _budget_line(each: ObjectiveAnswer) -> markup.Safe:
    """What was left of the budget at the end of each day, as a small line; it asks for nothing."""
    if each.measured is None or not each.days:
        return markup.Safe("")
    left = [1.0, *(day.left for day in each.days)]
    low = min(0.0, *left)
    span = (1.0 - low) or 1.0
    step = _WIDE / max(len(left) - 1, 1)

    def place(value: float) -> float:
        return 2 + (_HIGH - 4) * (1.0 - value) / span

    points = " ".join(f"{step * day:.1f},{place(value):.1f}" for day, value in enumerate(left))
    zero = place(0.0)
    said = f"budget left, day by day: {words.percent(left[-1])} at the end"
    return markup.Safe(
        f'<svg width="{_WIDE}" height="{_HIGH}" viewBox="0 0 {_WIDE} {_HIGH}" role="img" '
        f'aria-label="{markup.text(said)}"><title>{markup.text(said)}</title>'
        f'<line x1="0" x2="{_WIDE}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="currentColor" '
        'stroke-dasharray="3 3" opacity=".45"/>'
        f'<polyline points="{points}" fill="none" stroke="{theme.ACCENT}" stroke-width="1.6"/>'
        "</svg>"
    )


def _spells(objectives: Sequence[ObjectiveAnswer]) -> markup.Safe:
    """What used most of each budget."""
    rows = [
        (
            each.name,
            f"{markup.clock(spell.start)[:16]} UTC",
            _amount(each, spell.bad) + (" bad" if each.counts == "events" else ""),
            words.percent(spell.share),
            "; ".join(spell.incidents) or "–",
        )
        for each in objectives
        for spell in each.spells[:_SPELLS]
    ]
    if not rows:
        return markup.Safe("")
    heads = ("objective", "from", "how much", "of the budget", "at that time")
    table = markup.table(heads, rows, nowrap=(0, 1, 2, 3))
    return markup.details("What used most of the budgets", table, is_open=True)


def _incident(each: IncidentAnswer) -> tuple[object, ...]:
    costs = "; ".join(f"{name} {words.percent(cost)}" for name, cost in each.costs.items())
    began, ended = words.parse_iso(each.at), words.parse_iso(each.ended)
    lasted = "goes on"
    if began is not None and ended is not None:
        lasted = words.duration((ended - began).total_seconds())
    return (
        f"{markup.clock(each.at)[:16]} UTC",
        f"{each.kind}: {each.what}",
        each.severity,
        lasted,
        costs or "–",
    )
