"""Scores: how many rows keep to the rules, per rule, dimension, table and workspace.

The score of a rule is the share of rows that pass, in percent; that of a dimension or a table is
the mean over its rules by weight, that of the workspace the mean over its tables. What was not
looked at has no score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from datawatch_lab.core.quality import Rule, StoredRule

State = Literal["ok", "failing", "disabled", "no data"]


@dataclass(frozen=True)
class Count:
    """Rows that were looked at, and those that failed."""

    rows: int = 0
    failed: int = 0

    @property
    def score(self) -> float | None:
        """Rows that passed in percent; None when none was looked at."""
        return None if self.rows <= 0 else 100.0 * (1.0 - self.failed / self.rows)


@dataclass(frozen=True)
class RuleScore:
    """A rule over a window, and over the window before."""

    stored: StoredRule
    now: Count
    before: Count

    @property
    def state(self) -> State:
        """Whether as many rows pass as should."""
        if not self.stored.rule.enabled:
            return "disabled"
        return state_of(self.stored.rule, self.now)


def state_of(rule: Rule, count: Count) -> State:
    """Whether as many rows pass as a rule wants.

    >>> state_of(Rule("t", "not_null", field="a", threshold="95%"), Count(100, 5))
    'ok'
    """
    if count.rows <= 0:
        return "no data"
    if rule.alert_on == "any_violation" and count.failed:
        return "failing"
    return "ok" if (count.rows - count.failed) >= rule.share * count.rows - 1e-9 else "failing"


def weighted(scores: Iterable[tuple[float, float | None]]) -> float | None:
    """Mean of (weight, score) by weight; None without a score.

    >>> weighted([(1, 100.0), (3, 80.0), (1, None)])
    85.0
    """
    known = [(weight, score) for weight, score in scores if score is not None]
    total = sum(weight for weight, _ in known)
    return sum(weight * score for weight, score in known) / total if known else None


@dataclass(frozen=True)
class TableScore:
    """A table over a window, in percent; ``before`` over the window before."""

    table: str
    rules: Sequence[RuleScore]
    score: float | None
    before: float | None
    dimensions: Mapping[str, float | None] = field(default_factory=dict)


def table_score(table: str, rules: Sequence[RuleScore]) -> TableScore:
    """The score of a table from those of its rules."""
    live = [each for each in rules if each.stored.rule.enabled]
    dimensions: dict[str, list[RuleScore]] = {}
    for each in live:
        dimensions.setdefault(each.stored.rule.about, []).append(each)
    return TableScore(
        table=table,
        rules=rules,
        score=_mean(live, past=False),
        before=_mean(live, past=True),
        dimensions={name: _mean(mine, past=False) for name, mine in sorted(dimensions.items())},
    )


def _mean(rules: Iterable[RuleScore], *, past: bool) -> float | None:
    return weighted(
        (each.stored.rule.weight, (each.before if past else each.now).score) for each in rules
    )
