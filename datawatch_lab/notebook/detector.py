"""The detector of a metric in a notebook: what each sensitivity would have flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook import markup

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.notebook.editing.detector import DetectorEditor
    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.anomaly_tuning import PreviewAnswer
    from datawatch_lab.service.operations.detectors import DetectorAnswer

_HEADS = ("sensitivity", "score from", "would have flagged", "a week", "false alarms a week")
_POINTS = 2_000


class Detector:
    """How a metric is looked at; nothing is read before it is asked.

    Attributes:
        metric: its name.
        labels: of the series; empty for the whole metric.
    """

    def __init__(self, workspace: Workspace, metric: str, labels: dict[str, str]) -> None:
        self._workspace = workspace
        self.metric = metric
        self.labels = labels

    def preview(self, *sensitivity: str | float, days: float = 30.0) -> Preview:
        """What sensitivities would have flagged over the last days.

        Args:
            sensitivity: low, medium, high, numbers from 0 to 1, or standard deviations above 1; the
                three that have names when none is given.
            days: of history.
        """
        return Preview(
            self._workspace.preview_anomalies(
                self.metric,
                labels=self.labels,
                sensitivity=list(sensitivity) or None,
                days=days,
                points=_POINTS,
            )
        )

    def edit(self, sensitivity: str | float | None = None, *, days: float = 7.0) -> DetectorEditor:
        """Move the sensitivity by hand, with what it would have flagged; see docs/notebook.md.

        Args:
            sensitivity: to begin with; the one that was saved, else medium, when None.
            days: of history.
        """
        from datawatch_lab.notebook.editing.detector import DetectorEditor

        mine = self.saved
        if sensitivity is None:
            sensitivity = "medium" if mine is None else mine.sensitivity
        return DetectorEditor(
            self._workspace,
            self.metric,
            labels=self.labels,
            sensitivity=sensitivity,
            days=days,
            algorithms=None if mine is None else mine.algorithms,
        )

    def save(
        self, sensitivity: str | float, *, algorithms: list[str] | None = None
    ) -> DetectorAnswer:
        """Look at this series with that sensitivity from the next bucket on.

        Args:
            sensitivity: as `preview` takes it.
            algorithms: some of statistical, seasonal and ml; None for those of the workspace.
        """
        return self._workspace.save_detector(
            self.metric, sensitivity=sensitivity, labels=self.labels, algorithms=algorithms
        )

    def reset(self) -> DetectorAnswer | None:
        """Look at it as before; gives what was chosen, None for nothing."""
        mine = self.saved
        return None if mine is None else self._workspace.reset_detector(mine.id)

    @property
    def saved(self) -> DetectorAnswer | None:
        """What was chosen for this series; None for nothing."""
        every = self._workspace.detectors(self.metric).chosen
        return next((each for each in every if each.labels == self.labels), None)

    def missed(self, start: str, end: str, days: float = 30.0) -> pd.DataFrame:
        """How soon each candidate detector would have seen an incident, and its false alarms."""
        import msgspec
        import pandas as pd

        found = self._workspace.missed_anomalies(
            self.metric, start=start, end=end, labels=self.labels, days=days
        )
        return pd.DataFrame([msgspec.to_builtins(each) for each in found])

    def __repr__(self) -> str:
        labels = ", ".join(f"{name}={value}" for name, value in self.labels.items())
        return f"<Detector of {self.metric}{f' ({labels})' if labels else ''}>"

    def _repr_html_(self) -> str:
        ways = (
            ".edit()",
            '.save("high")',
            ".reset()",
            '.preview("medium")',
            '.missed("-2h", "-1h")',
        )
        return markup.block(
            markup.paragraph(markup.name(repr(self)[1:-1])),
            markup.paragraph(*(markup.code(each) for each in ways)),
        )


class Preview:
    """What would have been flagged.

    Attributes:
        raw: as the service gave it.
    """

    def __init__(self, raw: PreviewAnswer) -> None:
        self.raw = raw

    def df(self) -> pd.DataFrame:
        """A row an episode: by which sensitivity, when, how much, what was expected."""
        import pandas as pd

        rows = [
            {
                "sensitivity": setting.sensitivity,
                "started": each.started_at,
                "ended": each.ended_at,
                "type": each.type,
                "severity": each.severity,
                "value": each.value,
                "low": each.expected.min,
                "high": each.expected.max,
                "score": each.score,
            }
            for setting in self.raw.settings
            for each in setting.episodes
        ]
        frame = pd.DataFrame(rows, columns=None if rows else ["sensitivity", "started", "ended"])
        for name in ("started", "ended"):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        return frame

    def plot(self, *, width: int | None = None) -> Any:
        """The series with its band, and what the last sensitivity would have flagged."""
        import holoviews as hv
        import numpy as np

        from datawatch_lab.notebook import plots

        plots.set_up()
        points = self.raw.points
        times = np.array([each.at.rstrip("Z") for each in points], dtype="datetime64[ms]")
        low, high, values = (
            np.array([np.nan if v is None else v for v in column])
            for column in (
                [each.min for each in points],
                [each.max for each in points],
                [each.value for each in points],
            )
        )
        band = hv.Area((times, high, low), "time", ["value", "low"]).opts(alpha=0.2, line_alpha=0)
        drawn: list[Any] = [band, hv.Curve((times, values), "time", "value")]
        for each in self.raw.settings[-1].episodes if self.raw.settings else []:
            ends = [each.started_at, each.ended_at or each.peak_at]
            start, end = np.array([at.rstrip("Z") for at in ends], dtype="datetime64[ms]")
            drawn.append(hv.VSpan(start, end).opts(color="crimson", alpha=0.3))
        size: dict[str, Any] = {"responsive": True, "height": 320}
        if width is not None:
            size = {"width": width}
        return hv.Overlay(drawn).opts(title=self.raw.metric, **size)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                str(each.sensitivity),
                f"{each.threshold:.2f}",
                f"{each.flagged:,}",
                f"{each.per_week:.1f}",
                f"{each.false_alarms_per_week:.1f}",
            )
            for each in self.raw.settings
        ]

    def _badge(self) -> str:
        raw = self.raw
        if raw.mature:
            said = ", ".join(raw.strange) or "nothing"
            models = f"; River's models find strange: {said}" if raw.models else ""
            return f"{raw.known:,} buckets in {raw.days:.3g} days{models}"
        return f"learning: {raw.known:,} of 50 buckets"

    def __repr__(self) -> str:
        return f"{self.raw.metric}: {self._badge()}\n" + markup.plain_table(_HEADS, self._rows())

    def _repr_html_(self) -> str:
        return markup.block(
            markup.paragraph(markup.name(self.raw.metric), self._badge()),
            markup.table(_HEADS, self._rows()),
        )
