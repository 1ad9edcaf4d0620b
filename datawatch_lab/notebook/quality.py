"""Data quality in a notebook: the board, rules, violations as a DataFrame, suggestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.quality import Rule
from datawatch_lab.notebook import markup
from datawatch_lab.service.operations import quality as operations
from datawatch_lab.service.quality import RuleItem, SuggestionItem, TriedItem

if TYPE_CHECKING:
    import pandas as pd

    from datawatch_lab.notebook.editing.quality import QualityEditor
    from datawatch_lab.service.handle import Workspace

_DIMENSIONS = ("completeness", "validity", "freshness", "consistency", "uniqueness", "accuracy")
_HEADS = ("table", *_DIMENSIONS, "score", "trend", "state")
_SIGNS = {"good": "●", "ok": "●", "bad": "▲", "failing": "▲"}


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g} %"


def _state(word: str) -> str:
    return f"{_SIGNS.get(word, '○')} {word}"


class Quality:
    """Data quality of a workspace, as of when it was asked for.

    Args:
        workspace: the service's handle.
        table: only this table; None for all.
        window: how far scores look back.
    """

    def __init__(
        self, workspace: Workspace, *, table: str | None = None, window: str = "24h"
    ) -> None:
        self._workspace = workspace
        self.raw = workspace.quality_report(table=table, window=window)

    @property
    def score(self) -> float | None:
        """Of all that was asked for, in percent; None when nothing was looked at."""
        return self.raw.score.score

    @property
    def issues(self) -> list[str]:
        """What fails, in words, worst first."""
        return [each.issue for each in self.raw.recommendations]

    def df(self) -> pd.DataFrame:
        """A row per table, with the scores of its dimensions."""
        import pandas as pd

        rows = [
            {name: getattr(each, name) for name in (*_HEADS, "rules", "failing")}
            for each in self.raw.score.tables
        ]
        return pd.DataFrame(rows, columns=[*_HEADS, "rules", "failing"]).set_index("table")

    # ------------------------------------------------------------------ rules

    def rules(self, table: str | None = None) -> list[QualityRule]:
        """The rules, with how they do."""
        found = self._workspace.quality_rules(table=table)
        return [QualityRule(self._workspace, each) for each in found]

    def rule(self, name: str) -> QualityRule:
        """A rule by its id, the beginning of it, or its title."""
        return QualityRule(self._workspace, self._workspace.quality_rule(name))

    def add(self, rule: Rule | Mapping[str, Any], *, origin: str = "user") -> QualityRule:
        """Keep a rule; it counts what the log holds, and all that comes."""
        given = rule.as_dict() if isinstance(rule, Rule) else dict(rule)
        made = self._workspace.add_quality_rule(**given, origin=origin)
        return QualityRule(self._workspace, made)

    def edit(self, rule: str | Rule | Mapping[str, Any], *, last: str = "3d") -> QualityEditor:
        """Make or change a rule by hand, with its pass rate and the rows that fail.

        Args:
            rule: the title or id of one that is kept, or a new one.
            last: how far back it is tried.
        """
        from datawatch_lab.notebook.editing.quality import QualityEditor

        if isinstance(rule, str):
            return self.rule(rule).edit(last)
        return QualityEditor(self._workspace, rule, last=last)

    def suggest(self, table: str | None = None) -> Suggestions:
        """Rules that the data suggests, each with a reason and its pass rate."""
        return Suggestions(self, self._workspace.quality_suggestions(table=table))

    # ------------------------------------------------------------------ what breaks them

    def violations(self, **which: Any) -> pd.DataFrame:
        """Violations, newest first; see `service.operations.quality.ViolationsAsk`."""
        return _frame(self._workspace, **which)

    def check(self, table: str | None = None, rule: str | None = None) -> Tried:
        """Check every row that is there now."""
        return Tried(self._workspace.quality_check(table=table, rule=rule))

    def backtest(
        self, rule: Rule | Mapping[str, Any], start: str | None = None, end: str | None = None
    ) -> Tried:
        """What a rule would have said of the past; nothing is kept."""
        given = rule.as_dict() if isinstance(rule, Rule) else dict(rule)
        body = operations.RuleBody(**given)
        return Tried([self._workspace.quality_backtest(body, from_=start, to=end)])

    def validate(self, table: str, record: Mapping[str, Any]) -> list[str]:
        """The rules that a record would break, in words; none for a good one."""
        found = self._workspace.quality_validate(table=table, record=dict(record))
        return [f"{each.description}: {each.value}" for each in found.violations]

    def acknowledge(self, violation: str) -> None:
        """Note that a violation was seen."""
        self._workspace.acknowledge_violation(violation)

    def __repr__(self) -> str:
        head = f"<Quality {_percent(self.score)}: {self.raw.summary}>"
        lines = [f"▲ {each}" for each in self.issues[: markup.SHOWN]]
        return "\n".join([head, markup.plain_table(_HEADS, self._rows()), *lines])

    def _repr_html_(self) -> str:
        head = markup.paragraph(markup.name("Data quality"), markup.soft(self.raw.summary))
        issues = [
            markup.paragraph(f"▲ {each.issue}", markup.soft(each.advice))
            for each in self.raw.recommendations[: markup.SHOWN]
        ]
        numbers = tuple(range(1, len(_DIMENSIONS) + 3))
        return markup.block(head, markup.table(_HEADS, self._rows(), numbers=numbers), *issues)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                each.table,
                *(_percent(getattr(each, name)) for name in _DIMENSIONS),
                _percent(each.score),
                "" if each.trend is None else f"{each.trend:+g}",
                _state(each.state),
            )
            for each in self.raw.score.tables
        ]


def _frame(workspace: Workspace, **which: Any) -> pd.DataFrame:
    """Violations as rows: those of the rule beside the columns of the row that broke it."""
    import pandas as pd

    found = workspace.quality_violations(**which)
    rows = [
        {
            "id": each.id,
            "rule": each.rule,
            "at": each.at,
            "value": each.value,
            "description": each.description,
            "state": each.state,
            **{f"row.{name}": value for name, value in each.row.items()},
        }
        for each in found.violations
    ]
    frame = pd.DataFrame(rows, columns=None if rows else ["id", "rule", "at", "value", "state"])
    frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
    frame.attrs["total"] = found.total
    return frame


class QualityRule:
    """A rule with its pass rate; `code` is the Python that makes it."""

    def __init__(self, workspace: Workspace, raw: RuleItem) -> None:
        self._workspace = workspace
        self.raw = raw

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return self.raw.code

    def failing_rows(self, limit: int = 100, *, masked: bool = True) -> pd.DataFrame:
        """The newest rows that broke it."""
        return _frame(self._workspace, rule=self.raw.id, limit=limit, masked=masked)

    def change(self, **what: Any) -> QualityRule:
        """The rule with some parts changed; kept at once."""
        given = {**self.raw.definition, **what, "id": self.raw.id}
        return QualityRule(self._workspace, self._workspace.change_quality_rule(**given))

    def edit(self, last: str = "3d") -> QualityEditor:
        """Change it by hand, with its pass rate over ``last`` and the rows that fail."""
        from datawatch_lab.notebook.editing.quality import QualityEditor

        return QualityEditor(self._workspace, self.raw.definition, id_=self.raw.id, last=last)

    def drop(self) -> None:
        """Drop it with what it counted."""
        self._workspace.drop_quality_rule(self.raw.id)

    def __repr__(self) -> str:
        raw = self.raw
        said = raw.problem or raw.issue or f"{raw.rows:,} rows looked at"
        return f"<{raw.title}: {_percent(raw.score)}, {_state(raw.state)}; {said}>"

    def _repr_html_(self) -> str:
        raw = self.raw
        score = markup.soft(f"{_percent(raw.score)} of {raw.rows:,} rows pass")
        return markup.block(
            markup.paragraph(markup.name(raw.title), _state(raw.state), score),
            markup.paragraph(raw.problem or raw.issue),
            markup.paragraph(markup.code(raw.code)),
        )


class Suggestions:
    """Rules that the data suggests; ``accept()`` keeps them."""

    def __init__(self, quality: Quality, raw: Sequence[SuggestionItem]) -> None:
        self._quality = quality
        self.raw = list(raw)

    def __len__(self) -> int:
        return len(self.raw)

    def accept(self, *titles: str) -> list[QualityRule]:
        """Keep those with these titles; all without any."""
        wanted = [each for each in self.raw if not titles or each.title in titles]
        return [self._quality.add(each.definition, origin="suggested") for each in wanted]

    def _rows(self) -> list[tuple[str, ...]]:
        return [(e.title, f"{e.pass_rate:.2%}", e.reason) for e in self.raw]

    def __repr__(self) -> str:
        table = markup.plain_table(("rule", "passes", "because"), self._rows())
        return f"<Suggestions {len(self)}>\n{table}"

    def _repr_html_(self) -> str:
        head = markup.paragraph(markup.name("Suggested rules"), markup.soft(".accept() keeps them"))
        rows = self._rows()[: markup.SHOWN]
        table = markup.table(("rule", "passes", "because"), rows, numbers=(1,))
        return markup.block(head, table, markup.more(len(self), markup.SHOWN, ".raw"))


class Tried:
    """What rules say of rows that are there now, or of the past."""

    def __init__(self, raw: Sequence[TriedItem]) -> None:
        self.raw = list(raw)

    def df(self) -> pd.DataFrame:
        """A row per rule: rows looked at, failed, score."""
        import pandas as pd

        names = ("title", "rows", "failed", "score", "issue")
        rows = [{name: getattr(each, name) for name in names} for each in self.raw]
        return pd.DataFrame(rows, columns=list(names))

    def points(self) -> pd.DataFrame:
        """A row per rule and minute or window: rows looked at, and failed."""
        import pandas as pd

        rows = [(each.title, *point) for each in self.raw for point in each.points]
        frame = pd.DataFrame(rows, columns=["rule", "time", "rows", "failed"])
        frame["time"] = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
        return frame

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (e.title, f"{e.rows:,}", f"{e.failed:,}", _percent(e.score), e.problem or e.issue)
            for e in self.raw
        ]

    def __repr__(self) -> str:
        heads = ("rule", "rows", "failed", "passed", "found")
        return f"<Tried {len(self.raw)} rules>\n{markup.plain_table(heads, self._rows())}"

    def _repr_html_(self) -> str:
        heads = ("rule", "rows", "failed", "passed", "found")
        rows = self._rows()[: markup.SHOWN]
        return markup.block(
            markup.table(heads, rows, numbers=(1, 2, 3)),
            markup.more(len(self.raw), markup.SHOWN, ".df()"),
        )
