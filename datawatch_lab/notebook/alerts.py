"""Alerts in a notebook: rules, alerts and back-tests that show themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook import markup
from datawatch_lab.notebook.alert_rules import AlertRule

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.notebook.editing.alert import AlertEditor
    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.alerts import BacktestAnswer, RuleAnswer
    from datawatch_lab.service.operations.alerts_open import AlertAnswer

_RULE_HEADS = ("rule", "state", "severity", "says")
_ALERT_HEADS = ("rule", "severity", "status", "fired", "over", "value", "id")
_EPISODE_HEADS = ("fired", "over", "value", "labels")


class Alerts:
    """Rules and open alerts of a workspace, as they were when this was made.

    ``add``, ``backtest``, ``acknowledge`` and the rest are those of docs/alerts.md.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.rules: list[RuleAnswer] = workspace.alert_rules()
        self.active: list[AlertAnswer] = workspace.active_alerts()

    def add(self, name: str, condition: str, *, metric: str = "", **how: Any) -> RuleAnswer:
        """Add a rule; ``lasting="5m"``, ``severity``, ``channels`` … as in docs/alerts.md."""
        return self._workspace.add_alert_rule(name=name, condition=condition, metric=metric, **how)

    def rule(self, name: str) -> AlertRule:
        """One rule by name or id; a `NotFoundError` names the nearest when there is none."""
        return AlertRule(self._workspace, self._workspace.alert_rule(name))

    def edit(self, rule: str | dict[str, Any], *, last: str = "3d", **keys: Any) -> AlertEditor:
        """Make or change a rule by hand, with what it would have done over ``last``.

        Args:
            rule: the name of a saved one, or the keys of a new one as in docs/alerts.md.
            last: how far back it is tried.
            keys: further keys of a new one, such as ``condition="> 5"``.
        """
        from datawatch_lab.notebook.editing.alert import AlertEditor

        if isinstance(rule, dict):
            return AlertEditor(self._workspace, {**rule, **keys}, last=last)
        if "condition" in keys:
            return AlertEditor(self._workspace, {"name": rule, **keys}, last=last)
        return self.rule(rule).edit(last)

    def backtest(
        self,
        rule: str | dict[str, Any],
        start: str = "-7d",
        end: str = "now",
    ) -> Backtest:
        """What a rule would have done: a saved one by name, or one as a dictionary."""
        which: dict[str, Any] = {"id": rule} if isinstance(rule, str) else {"rule": rule}
        return Backtest(self._workspace.backtest_alert(**which, start=start, end=end))

    def acknowledge(self, id_: str, note: str = "") -> AlertAnswer:
        """Look after an alert: it is not told again until it is over."""
        return self._workspace.acknowledge_alert(id_, note=note)

    def why(self, which: str) -> list[str]:
        """Why an alert (by id) was told or not, or how a rule (by name) stood, line by line."""
        lines = self._workspace.alert_trace(which)
        return [f"{markup.clock(each.at)}  {each.what}  {each.detail}".rstrip() for each in lines]

    def history(self, start: str = "-7d") -> pd.DataFrame:
        """Alerts that fired, newest first."""
        import msgspec
        import pandas as pd

        found = self._workspace.alert_history(start, limit=10_000)
        return pd.DataFrame([msgspec.to_builtins(each) for each in found])

    def __repr__(self) -> str:
        if not self.rules:
            return "no alert rules"
        rows = [(each.name, each.state, each.severity, each.reading) for each in self.rules]
        return markup.plain_table(_RULE_HEADS, rows)

    def _repr_html_(self) -> str:
        rules = [
            (markup.name(each.name), each.state, each.severity, each.reason or each.reading)
            for each in self.rules
        ]
        parts = [markup.paragraph(f"{len(rules)} rules", f"{len(self.active)} open alerts")]
        if self.active:
            parts.append(markup.table(_ALERT_HEADS, [_row(each) for each in self.active]))
        if rules:
            parts.append(markup.table(_RULE_HEADS, rules))
        parts.append(markup.more(len(rules), markup.SHOWN, "lab.alerts().rules"))
        return markup.block(*parts)


def _row(alert: AlertAnswer) -> tuple[object, ...]:
    value = "–" if alert.value is None else f"{alert.value:,.6g}"
    return (
        alert.rule,
        alert.severity,
        alert.status,
        markup.clock(alert.fired),
        markup.clock(alert.resolved),
        value,
        markup.code(alert.id),
    )


class Backtest:
    """What a rule would have done over a range.

    Attributes:
        answer: episodes, states, minutes firing, pages.
    """

    def __init__(self, answer: BacktestAnswer) -> None:
        self.answer = answer

    def episodes(self) -> pd.DataFrame:
        """A row an episode."""
        import msgspec
        import pandas as pd

        return pd.DataFrame([msgspec.to_builtins(each) for each in self.answer.episodes])

    def _words(self) -> str:
        answer = self.answer
        unknown = f"; {answer.unknown:,} of {answer.evaluations:,} without a value"
        return (
            f"{len(answer.episodes)} episodes, {answer.minutes_firing:,.0f} minutes firing, "
            f"{answer.pages} messages{unknown if answer.unknown else ''}"
        )

    def __repr__(self) -> str:
        return f"<Backtest {self._words()}>"

    def _repr_html_(self) -> str:
        rows = [
            (
                markup.clock(each.fired),
                markup.clock(each.ended),
                "–" if each.value is None else f"{each.value:,.6g}",
                ", ".join(f"{name}={value}" for name, value in each.labels.items()),
            )
            for each in self.answer.episodes
        ]
        parts = [markup.paragraph(self.answer.reading), markup.paragraph(self._words())]
        if rows:
            parts.append(markup.table(_EPISODE_HEADS, rows))
        return markup.block(*parts)
