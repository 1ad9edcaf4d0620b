"""Editing an alert rule: what it would have done of late, while its threshold is dragged."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.dashboards import Tile, TileQuery
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.notebook import markup
from datawatch_lab.notebook.editing.condition import level_of, over_of, with_level
from datawatch_lab.notebook.editing.course import (
    Course,
    Mark,
    course_of,
    milliseconds,
    named,
    trailing_sums,
)
from datawatch_lab.notebook.editing.editor import Editor, show_in

if TYPE_CHECKING:
    from ipywidgets import Widget

    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.alerts import BacktestAnswer, RuleAnswer

RANGES = ("6h", "1d", "3d", "7d")
_LASTING = ("0s", "1m", "5m", "15m", "30m", "1h")
_SEVERITIES = ("info", "warning", "critical")
_STEPS = {"6h": "1m", "1d": "5m", "3d": "5m", "7d": "15m"}
_SUM_OVER, _OTHER_OVER = timedelta(hours=1), timedelta(minutes=5)
_SUMS = ("sum", "count")
_ABOUT = ("metric", "aggregation", "group_by", "filters")
_SHOWN = 8
_EPISODE_HEADS = ("fired (UTC)", "over (UTC)", "value", "labels")


class AlertEditor(Editor):
    """An alert rule and its back-test.

    What `change` sets can be set by hand too. Each change runs the rule again over the range, by
    the code that decides live. Nothing is kept before `save`, and nobody is told.

    Args:
        workspace: that has the metric.
        rule: the keys of a rule, as docs/alerts.md says; needs ``metric`` and ``condition``.
        id_: of the rule that is changed; '' for a new one.
        last: how far back the back-test looks.

    Raises:
        InputError: the rule cannot be evaluated; says why.
    """

    lane = "fires"

    def __init__(
        self, workspace: Workspace, rule: dict[str, Any], *, id_: str = "", last: str = "3d"
    ) -> None:
        super().__init__(workspace)
        self.rule = {"name": "New rule", **rule}
        if "lasting" in self.rule:
            self.rule["for"] = self.rule.pop("lasting")
        self.id = id_
        self.last = last
        self.answer: BacktestAnswer
        self._controls_made: dict[str, Any] = {}
        self._about: list[Any] = []
        self._kept = Course()
        self.refresh()

    # ---------------------------------------------------------------- what is set

    @property
    def condition(self) -> str:
        """As docs/alerts.md says; setting it runs the back-test."""
        return str(self.rule["condition"])

    def change(self, **what: Any) -> AlertEditor:
        """Set keys of the rule, and run the back-test.

        Args:
            what: ``condition``, ``lasting``, ``severity`` …; ``threshold`` for the number in the
                condition; ``last`` for how far back the back-test looks.

        Returns:
            This editor; it is as before when an `InputError` says what is wrong.
        """
        before, last = dict(self.rule), self.last
        self.last = what.pop("last", last)
        if "threshold" in what:
            what["condition"] = with_level(self.condition, what.pop("threshold"))
        if "lasting" in what:
            what["for"] = what.pop("lasting")
        self.rule |= what
        try:
            self.refresh()
        except Exception:
            self.rule, self.last = before, last
            raise
        return self

    # ---------------------------------------------------------------- what it would have done

    def refresh(self) -> None:
        """Run the back-test again over the data as it is by now."""
        self.answer = self.workspace.backtest_alert(
            rule={**self.rule}, start=f"-{self.last}", end="now"
        )
        level = level_of(self.condition)
        self.threshold = None if level is None or level.relative else level.value
        self.side = "below" if level is not None and level.side == "below" else "above"
        self.course = self._course()
        self.marks = [_mark(each, self.answer.end) for each in self.answer.episodes]
        self._sync()
        self.show()

    def _course(self) -> Course:
        """What the rule compares; asked for again only where that is something else."""
        name = str(self.rule.get("metric", ""))
        over = over_of(self.condition)
        about = [self.last, over, *(self.rule.get(key) for key in _ABOUT)]
        if about != self._about:
            self._kept = self._ask(name, over) if name else Course()
            self._about = about
        return self._kept

    def _ask(self, name: str, said: timedelta | None) -> Course:
        metric = self.workspace.metric(name)
        aggregation = str(self.rule.get("aggregation", "")) or metric.aggregation
        over = said or (_SUM_OVER if aggregation in _SUMS else _OTHER_OVER)
        step = min(parse_duration(_STEPS.get(self.last, "15m")), over)
        adds = aggregation in _SUMS and over > step
        filters = self.rule.get("filters") or {}
        found = self.workspace.range(
            name,
            start=f"now-{format_duration(parse_duration(self.last) + over)}",
            step=format_duration(step if adds else max(step, over)),
            aggregation=aggregation,
            group_by=",".join(self.rule.get("group_by", ())) or None,
            filters=",".join(f"{key}={value}" for key, value in filters.items()) or None,
        )
        course = course_of(found)
        return trailing_sums(course, over // step) if adds else course

    @property
    def title(self) -> str:
        """The name of the rule."""
        return f"{self.rule['name']}: {self.answer.reading}"

    @property
    def verdict(self) -> str:
        """What it would have done."""
        found = self.answer
        if not found.episodes:
            return f"It would not have fired in the last {self.last}."
        count = len(found.episodes)
        times = "once" if count == 1 else f"{count:,} times"
        minutes = found.minutes_firing
        return (
            f"In the last {self.last} it would have fired {times}, for {minutes:,.0f} minutes in "
            f"all, and sent {found.pages:,} message{'' if found.pages == 1 else 's'}."
        )

    def _evidence(self) -> markup.Safe:
        found = self.answer.episodes
        if not found:
            return markup.Safe("")
        rows = [
            (
                markup.clock(each.fired),
                markup.clock(each.ended) if each.ended else "goes on",
                "–" if each.value is None else f"{each.value:,.6g}",
                named(each.labels) or "–",
            )
            for each in reversed(found[-_SHOWN:])
        ]
        body = markup.table(_EPISODE_HEADS, rows, numbers=(2,))
        rest = markup.more(len(found), len(rows), "editor.answer.episodes")
        return markup.details("when", markup.Safe(body + rest))

    # ---------------------------------------------------------------- save, code, tile

    @property
    def code(self) -> str:
        """Python that makes the rule."""
        said = {key: value for key, value in self.rule.items() if key not in ("name", "condition")}
        if "for" in said:
            said["lasting"] = said.pop("for")
        kept = "".join(f"    {key}={value!r},\n" for key, value in said.items() if value)
        head = f"    {self.rule['name']!r},\n    {self.condition!r},\n"
        return f"lab.alerts().add(\n{head}{kept})"

    def save(self) -> RuleAnswer:
        """Keep the rule: a new one is added, a known one changed."""
        said = dict(self.rule)
        said["lasting"] = said.pop("for", "0s")
        if self.id:
            kept = self.workspace.change_alert_rule(id=self.id, **said)
        else:
            kept = self.workspace.add_alert_rule(**said)
        self.id = kept.id
        return kept

    def tile(self) -> Tile:
        """A line of the metric, with this threshold."""
        query = TileQuery(
            metric=str(self.rule.get("metric", "")),
            aggregation=str(self.rule.get("aggregation", "")),
            by=tuple(self.rule.get("group_by", ())),
            filters=dict(self.rule.get("filters") or {}),
        )
        options = {} if self.threshold is None else {"threshold": self.threshold}
        return Tile(kind="line", title=str(self.rule["name"]), query=query, options=options)

    # ---------------------------------------------------------------- controls

    def _controls(self) -> list[Widget]:
        import ipywidgets as w

        rule = self.rule
        made = {
            "name": w.Text(rule["name"], description="Name", continuous_update=False),
            "condition": w.Text(self.condition, description="Fires when", continuous_update=False),
            "for": _choice("For", _LASTING, str(rule.get("for", "0s"))),
            "severity": _choice("Severity", _SEVERITIES, str(rule.get("severity", "warning"))),
            "last": _choice("Back-test", RANGES, self.last),
        }
        level = level_of(self.condition)
        if level is not None and level.relative:
            made["share"] = w.FloatSlider(
                value=100 * level.value,
                min=0,
                max=max(400.0, 200 * level.value),
                step=5,
                description="Percent",
                readout_format=".0f",
            )
        for name, control in made.items():
            control.observe(lambda change, name=name: self._set(name, change["new"]), "value")
        self._controls_made = made
        return list(made.values())

    def _set(self, name: str, value: Any) -> None:
        if self._known(name) == value:
            return
        if name == "share":
            self.attempt(lambda: self.change(threshold=value / 100))
        else:
            self.attempt(lambda: self.change(**{name: value}))

    def _known(self, name: str) -> Any:
        """What a control should show."""
        if name == "share":
            level = level_of(self.condition)
            return 100 * level.value if level is not None and level.relative else None
        if name == "last":
            return self.last
        return self.rule.get(name, {"for": "0s", "severity": "warning"}.get(name))

    def _sync(self) -> None:
        for name, control in self._controls_made.items():
            value = self._known(name)
            if value is not None:
                show_in(control, value)

    def _drag(self, threshold: float) -> None:
        self.change(threshold=float(f"{threshold:.4g}"))  # a mouse is no finer


def _choice(label: str, options: tuple[str, ...], value: str) -> Any:
    import ipywidgets

    every = options if value in options else (*options, value)
    layout = ipywidgets.Layout(width="200px")
    return ipywidgets.Dropdown(options=every, value=value, description=label, layout=layout)


def _mark(episode: Any, end: str | None) -> Mark:
    start, over = milliseconds([episode.fired or end or "", episode.ended or end or ""])
    what = named(episode.labels)
    label = f"fires from {markup.clock(episode.fired)} to {markup.clock(episode.ended)}"
    return Mark(float(start), float(over), "bad", f"{label} · {what}" if what else label)
