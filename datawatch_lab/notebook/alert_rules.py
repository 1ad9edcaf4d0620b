"""One alert rule in a notebook: how it stands, as code, what it would have done, to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.notebook import markup

if TYPE_CHECKING:
    from datawatch_lab.notebook.alerts import Backtest
    from datawatch_lab.notebook.editing.alert import AlertEditor
    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.alerts import RuleAnswer

_SIGNS = {"normal": "●", "pending": "◔", "firing": "▲", "recovering": "◕", "error": "✕"}


def state_words(state: str) -> str:
    """A state with its sign, so that no colour is needed."""
    return f"{_SIGNS.get(state, '○')} {state.replace('_', ' ')}"


class AlertRule:
    """An alert rule, as of when it was asked for.

    Attributes:
        raw: as the service gave it.
    """

    def __init__(self, workspace: Workspace, raw: RuleAnswer) -> None:
        self._workspace = workspace
        self.raw = raw
        self.name = raw.name

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return self.raw.code

    def backtest(self, start: str = "-7d", end: str = "now") -> Backtest:
        """What it would have done over a range."""
        from datawatch_lab.notebook.alerts import Backtest

        return Backtest(self._workspace.backtest_alert(id=self.raw.id, start=start, end=end))

    def edit(self, last: str = "3d") -> AlertEditor:
        """Change it by hand, with what it would have done over ``last``."""
        from datawatch_lab.notebook.editing.alert import AlertEditor

        return AlertEditor(self._workspace, dict(self.raw.rule), id_=self.raw.id, last=last)

    def change(self, **what: Any) -> AlertRule:
        """The rule with some keys changed (``condition``, ``lasting`` …); kept at once."""
        said = dict(self.raw.rule)
        said["lasting"] = said.pop("for", "0s")
        said |= what
        return AlertRule(self._workspace, self._workspace.change_alert_rule(id=self.raw.id, **said))

    def drop(self) -> None:
        """Drop it; its open alerts end, the history stays."""
        self._workspace.drop_alert_rule(self.raw.id)

    def __repr__(self) -> str:
        raw = self.raw
        why = f"; {raw.reason}" if raw.reason else ""
        return f"<AlertRule {raw.name}: {raw.reading}; {raw.severity}, {raw.state}{why}>"

    def _repr_html_(self) -> str:
        raw = self.raw
        state = state_words(raw.state if raw.is_enabled else "disabled")
        rows = [(markup.soft(key), str(said)) for key, said in raw.rule.items() if said]
        return markup.block(
            markup.paragraph(markup.name(raw.name), markup.tag(state), raw.severity),
            markup.paragraph(raw.reading, markup.soft(raw.reason) if raw.reason else ""),
            markup.table(["", ""], rows),
            markup.paragraph(markup.code(raw.code, 2_000)),
        )
