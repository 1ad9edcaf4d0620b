"""Tuning a detector: what each sensitivity would have flagged, as the slider is moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datawatch_lab.core.anomalies import ALGORITHMS
from datawatch_lab.core.dashboards import Tile, TileQuery
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.editing.course import Course, Dot, Mark, milliseconds, named
from datawatch_lab.notebook.editing.editor import Editor, show_in

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import Widget

    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.anomalies import AnomalyAnswer
    from datawatch_lab.service.operations.anomaly_tuning import PreviewAnswer, PreviewSetting
    from datawatch_lab.service.operations.detectors import DetectorAnswer

DAYS = (1.0, 3.0, 7.0, 30.0)
_NAMES = ("low", "medium", "high")
_POINTS = 1_500
_SHOWN = 8
_NEEDED = 50
"""Buckets with a value that a detector knows before it says anything."""
_MOST_SENSITIVE = 1.0
_GRAVE = ("high", "critical")
_HEADS = ("when (UTC)", "what", "severity", "value", "expected")


class DetectorEditor(Editor):
    """The detector of a series, and what it would have flagged.

    The history is scored once; each sensitivity is a threshold on these scores, so moving it is
    cheap. `save` makes it the one by which the series is flagged from then on; series that nobody
    chose one for go by the configuration, ``anomaly.sensitivity``.

    Args:
        workspace: that has the metric.
        metric: its name.
        labels: of the series; none for the whole metric.
        sensitivity: low, medium, high, a number from 0 to 1, or standard deviations above 1.
        days: of history.
        algorithms: those of statistical, seasonal and ml that have a say; None for those of the
            workspace.

    Raises:
        InputError: the metric has no detector, or there is no such sensitivity or algorithm; says
            which.
    """

    lane = "flags"

    def __init__(
        self,
        workspace: Workspace,
        metric: str,
        *,
        labels: Mapping[str, str] | None = None,
        sensitivity: str | float = "medium",
        days: float = 7.0,
        algorithms: Sequence[str] | None = None,
    ) -> None:
        super().__init__(workspace)
        self.metric = metric
        self.labels = dict(labels or {})
        self.sensitivity = sensitivity
        self.days = days
        self.algorithms = _in_order(algorithms)
        self.answer: PreviewAnswer
        self.setting: PreviewSetting
        self._made: dict[str, Any] = {}
        self._is_syncing = False
        self.refresh()

    # ---------------------------------------------------------------- what is set

    def change(
        self,
        *,
        sensitivity: str | float | None = None,
        days: float | None = None,
        algorithms: Sequence[str] | None = None,
    ) -> DetectorEditor:
        """Set the sensitivity, the days of history or the algorithms, and look again.

        Returns:
            This editor; it is as before when an `InputError` says what is wrong.
        """
        before = self.sensitivity, self.days, self.algorithms
        self.sensitivity = before[0] if sensitivity is None else sensitivity
        self.days = before[1] if days is None else days
        self.algorithms = before[2] if algorithms is None else _in_order(algorithms)
        try:
            self.refresh(again=(self.days, self.algorithms) != before[1:])
        except Exception:
            self.sensitivity, self.days, self.algorithms = before
            self._sync()
            raise
        return self

    def refresh(self, *, again: bool = True) -> None:
        """Look at the history.

        Args:
            again: ask for its points too, not for what is flagged only.
        """
        found = self.workspace.preview_anomalies(
            self.metric,
            labels=self.labels,
            sensitivity=[self.sensitivity, _MOST_SENSITIVE] if again else self.sensitivity,
            days=self.days,
            points=_POINTS if again else 0,
            algorithms=self._said_algorithms,
        )
        self.setting = found.settings[0]
        if again:
            self.answer = found
            unit = self.workspace.metric(self.metric).unit
            self.course = _course(found, found.settings[1].episodes, unit)
        self.marks = [_mark(each, found.step) for each in self.setting.episodes]
        self.dots = [_dot(each) for each in self.setting.episodes]
        self._sync()
        self.show()

    def compare(self, *sensitivities: str | float) -> pd.DataFrame:
        """What several sensitivities would have flagged; low, medium and high by default."""
        import pandas as pd

        found = self.workspace.preview_anomalies(
            self.metric,
            labels=self.labels,
            sensitivity=list(sensitivities or _NAMES),
            days=self.days,
            algorithms=self._said_algorithms,
        )
        names = ("sensitivity", "flagged", "per_week", "false_alarms_per_week", "threshold")
        rows = [[getattr(each, name) for name in names] for each in found.settings]
        return pd.DataFrame(rows, columns=list(names)).set_index("sensitivity")

    def missed(self, start: str, end: str, *, allowed: float = 1.0) -> pd.DataFrame:
        """How soon each kind of detector would have seen an incident, the soonest first.

        Args:
            start: of the incident, ISO 8601 or relative.
            end: of it.
            allowed: false alarms a week that a detector may raise.
        """
        import pandas as pd

        found = self.workspace.missed_anomalies(
            self.metric, start=start, end=end, labels=self.labels, days=self.days, allowed=allowed
        )
        delays = pd.Series([each.delay_seconds for each in found], dtype=float)
        frame = pd.DataFrame(
            {
                "detector": [each.detector for each in found],
                "delay": pd.to_timedelta(delays, unit="s"),
                "false alarms a week": [each.false_alarms_per_week for each in found],
            }
        )
        return frame.set_index("detector").sort_values("delay", kind="stable")

    # ---------------------------------------------------------------- what it says

    @property
    def title(self) -> str:
        """The series."""
        what = named(self.labels)
        return f"{self.metric} ({what})" if what else self.metric

    @property
    def verdict(self) -> str:
        """How much it would have flagged, and how much of that to expect for nothing."""
        if not self.answer.mature:
            return (
                f"Warming up: {self.answer.known:,} buckets with a value are known; "
                f"it says nothing before it knows {_NEEDED}."
            )
        setting = self.setting
        times = {0: "nothing", 1: "once"}.get(setting.flagged, f"{setting.flagged:,} times")
        return (
            f"At {_said(self.sensitivity)} it would have flagged {times} in "
            f"{self.answer.days:.3g} days; on a series where nothing happens, expect about "
            f"{setting.false_alarms_per_week:.2g} false alarms a week."
        )

    def _evidence(self) -> markup.Safe:
        found = self.setting.episodes
        if not found:
            return markup.Safe("")
        rows = [
            (
                markup.clock(each.started_at),
                each.type,
                each.severity,
                f"{each.value:,.4g}",
                f"{each.expected.min:,.4g} to {each.expected.max:,.4g}",
            )
            for each in found[:_SHOWN]
        ]
        body = markup.table(_HEADS, rows, numbers=(3,))
        rest = markup.more(self.setting.flagged, len(rows), "editor.setting.episodes")
        return markup.details("what", markup.Safe(body + rest))

    # ---------------------------------------------------------------- code, tile

    @property
    def code(self) -> str:
        """Python that looks at the same."""
        labels = f", labels={self.labels!r}" if self.labels else ""
        said = f", algorithms={self._said_algorithms!r}" if self.algorithms else ""
        return (
            f"lab.metric({self.metric!r}).tune(sensitivity={self.sensitivity!r}, "
            f"days={self.days:g}{said}{labels})"
        )

    def save(self) -> DetectorAnswer:
        """Look at this series like this from the next bucket on."""
        return self.workspace.save_detector(
            self.metric,
            sensitivity=self.sensitivity,
            labels=self.labels,
            algorithms=self._said_algorithms,
        )

    @property
    def _said_algorithms(self) -> list[str] | None:
        return None if self.algorithms is None else list(self.algorithms)

    def tile(self) -> Tile:
        """A line of the series with its expected band."""
        query = TileQuery(metric=self.metric, filters=dict(self.labels))
        return Tile(kind="line", title=self.title, query=query, options={"band": True})

    # ---------------------------------------------------------------- controls

    def _controls(self) -> list[Widget]:
        import ipywidgets as w

        number = self.sensitivity if isinstance(self.sensitivity, int | float) else 0.5
        made: dict[str, Any] = {
            "number": w.FloatSlider(
                value=min(1.0, float(number)),
                min=0.0,
                max=1.0,
                step=0.01,
                description="Sensitivity",
                readout_format=".2f",
                layout=w.Layout(width="420px"),
            ),
            "name": w.ToggleButtons(
                options=_NAMES,
                value=self.sensitivity if self.sensitivity in _NAMES else None,
                style={"button_width": "80px"},
            ),
            "days": w.Dropdown(
                options=[(f"{each:g} days", each) for each in sorted({*DAYS, self.days})],
                value=self.days,
                description="History",
                layout=w.Layout(width="200px"),
            ),
        }
        made["number"].observe(lambda change: self._set(sensitivity=change["new"]), "value")
        made["name"].observe(lambda change: self._set(sensitivity=change["new"]), "value")
        made["days"].observe(lambda change: self._set(days=change["new"]), "value")
        self._made = made | self._boxes()
        return list(self._made.values())

    def _boxes(self) -> dict[str, Widget]:
        """A box to tick for each algorithm."""
        import ipywidgets as w

        layout = w.Layout(width="120px")
        used = self._used()
        boxes: dict[str, Any] = {
            each: w.Checkbox(value=each in used, description=each, indent=False, layout=layout)
            for each in ALGORITHMS
        }

        def ticked(_: Any) -> None:
            self._set(algorithms=tuple(each for each, box in boxes.items() if box.value))

        for box in boxes.values():
            box.observe(ticked, "value")
        return dict(boxes)

    def _used(self) -> tuple[str, ...]:
        """The algorithms that have a say as it is set now."""
        return self.algorithms or tuple(self.workspace.detectors().algorithms)

    def _set(self, **what: Any) -> None:
        ((name, value),) = what.items()
        if not self._is_syncing and value is not None and value != getattr(self, name):
            self.attempt(lambda: self.change(**what))

    def _sync(self) -> None:
        """Let the controls show what is set; that they do is no change by hand."""
        if not self._made:
            return
        self._is_syncing = True
        try:
            self._show_set()
        finally:
            self._is_syncing = False

    def _show_set(self) -> None:
        if isinstance(self.sensitivity, str):
            show_in(self._made["name"], self.sensitivity)
        else:
            self._made["name"].value = None
            self._made["number"].value = min(1.0, float(self.sensitivity))
        days = self._made["days"]
        if self.days not in [each for _, each in days.options]:
            days.options = (*days.options, (f"{self.days:g} days", self.days))
        days.value = self.days
        used = self._used()
        for each in ALGORITHMS:
            self._made[each].value = each in used

    def _drag(self, threshold: float) -> None:
        """There is no level to be dragged."""
        del threshold


def _in_order(algorithms: Sequence[str] | None) -> tuple[str, ...] | None:
    """Each once, in the order in which they are listed; unknown ones, which are refused, last."""
    if algorithms is None:
        return None
    known = [each for each in ALGORITHMS if each in algorithms]
    return (*known, *(each for each in algorithms if each not in ALGORITHMS))


def _said(sensitivity: str | float) -> str:
    if isinstance(sensitivity, str):
        return f"{sensitivity} sensitivity"
    what = "standard deviations" if sensitivity > 1 else "sensitivity"
    return f"{sensitivity:g} {what}" if sensitivity > 1 else f"{what} {sensitivity:g}"


def _course(found: PreviewAnswer, peaks: Sequence[AnomalyAnswer], unit: str) -> Course:
    """The points, and among them the peaks of whatever might be flagged."""
    rows = {each.at: (each.value, each.min, each.max) for each in found.points}
    rows |= {each.peak_at: (each.value, each.expected.min, each.expected.max) for each in peaks}
    moments = sorted(rows)
    known = [[np.nan if value is None else value for value in rows[at]] for at in moments]
    values, low, high = np.array(known, dtype=float).reshape(-1, 3).T
    return Course(milliseconds(moments), values, low, high, unit)


def _kind(found: AnomalyAnswer) -> str:
    return "bad" if found.severity in _GRAVE else "low"


def _mark(found: AnomalyAnswer, step: int) -> Mark:
    start = float(milliseconds([found.started_at])[0])
    over = float(milliseconds([found.ended_at])[0]) if found.ended_at else start + 1e3 * step
    label = f"{found.severity} {found.type}: {found.description}"
    return Mark(start, over, _kind(found), label)


def _dot(found: AnomalyAnswer) -> Dot:
    at = float(milliseconds([found.peak_at])[0])
    return Dot(at, found.value, _kind(found), f"{found.severity} {found.type}")
