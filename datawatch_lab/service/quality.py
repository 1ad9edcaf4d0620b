"""Wire shapes of data quality, and how the engine's results become them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from datawatch_lab.core.config.rules import QualityRuleConfig
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.quality_results import Violation
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine import Engine
from datawatch_lab.engine.quality.rules import configure
from datawatch_lab.engine.quality.scores import Scores
from datawatch_lab.engine.quality.trying import Tried
from datawatch_lab.engine.quality.words import (
    RuleScore,
    Suggestion,
    TableScore,
    ViolationsAsked,
    advice,
    issue,
)
from datawatch_lab.service.access.masking import MASK
from datawatch_lab.service.freshness import iso

_SHOWN_VALUES = 3
_SAMPLED = 200
_DECIMALS = 2


class RuleItem(msgspec.Struct, frozen=True):
    """A rule and how it does over the window.

    Attributes:
        title: that it is shown by.
        definition: as YAML and REST have it.
        code: the Python that makes it.
        origin: config, user or suggested.
        state: ok, failing, disabled or "no data".
        score, previous: rows that pass in percent, over the window and over the one before.
        rows, failed: that were looked at in the window.
        issue: what is wrong, in words; '' when nothing is.
        problem: why it cannot be evaluated; '' when it can.
    """

    id: str
    title: str
    table: str
    dimension: str
    severity: str
    definition: dict[str, Any]
    code: str
    origin: str
    created_at: str
    is_enabled: bool
    state: str
    score: float | None
    previous: float | None
    rows: int
    failed: int
    issue: str = ""
    problem: str = ""


class TableItem(msgspec.Struct, frozen=True):
    """A row of the quality board.

    Attributes:
        state: good, bad (below the threshold) or "no data".
        score, previous: in percent; trend is the difference.
        completeness, validity, freshness, consistency, uniqueness, accuracy: scores of dimensions.
        issues: what fails, in words, worst first.
    """

    table: str
    state: str
    score: float | None
    previous: float | None
    trend: float | None
    completeness: float | None
    validity: float | None
    freshness: float | None
    consistency: float | None
    uniqueness: float | None
    accuracy: float | None
    rules: int
    failing: int
    issues: list[str]


class ScoreAnswer(msgspec.Struct, frozen=True):
    """Scores of the workspace and its tables over a window."""

    score: float | None
    previous: float | None
    trend: float | None
    state: str
    threshold: float
    start: str
    end: str
    tables: list[TableItem]


class ViolationItem(msgspec.Struct, frozen=True):
    """What broke a rule.

    Attributes:
        key: key columns of the row; empty for a window.
        row: the row as it was; sensitive values are masked unless they are asked for.
        state: open, acknowledged or withdrawn.
    """

    id: str
    rule_id: str
    rule: str
    table: str
    severity: str
    at: str
    found_at: str
    key: dict[str, Any]
    row: dict[str, Any]
    value: str
    description: str
    state: str
    acknowledged_by: str
    acknowledged_at: str | None


class TriedItem(msgspec.Struct, frozen=True):
    """What a rule says of a stretch of the past, or of the rows that are there now."""

    title: str
    definition: dict[str, Any]
    rows: int
    failed: int
    score: float | None
    issue: str
    points: list[tuple[str, int, int]]
    samples: list[dict[str, Any]]
    problem: str = ""


class SuggestionItem(msgspec.Struct, frozen=True):
    """A rule that the data suggests, why, and how many rows of a sample keep to it."""

    title: str
    definition: dict[str, Any]
    code: str
    reason: str
    pass_rate: float
    rows: int


def rounded(value: float | None) -> float | None:
    """A score as it is shown."""
    return None if value is None else round(value, _DECIMALS)


def trend_of(now: float | None, before: float | None) -> float | None:
    """How a score moved."""
    return None if now is None or before is None else round(now - before, _DECIMALS)


def state_word(score: float | None, threshold: float) -> str:
    """good, bad or no data."""
    return "no data" if score is None else "good" if score >= threshold else "bad"


def rule_item(engine: Engine, scored: RuleScore) -> RuleItem:
    """A rule with its score."""
    stored = scored.stored
    rule = stored.rule
    return RuleItem(
        id=stored.id,
        title=rule.title,
        table=rule.table,
        dimension=rule.about,
        severity=rule.severity,
        definition=rule.as_dict(),
        code=repr(rule),
        origin=stored.origin,
        created_at=iso(stored.created) or "",
        is_enabled=rule.enabled,
        state=scored.state,
        score=rounded(scored.now.score),
        previous=rounded(scored.before.score),
        rows=scored.now.rows,
        failed=scored.now.failed,
        issue=issue_of(engine, scored) if scored.now.failed else "",
        problem=engine.quality.problems.get(stored.id, ""),
    )


def issue_of(engine: Engine, scored: RuleScore) -> str:
    """What fails, in words, with the values that are wrong most often."""
    rule = scored.stored.rule
    return issue(rule, scored.now, _wrong_values(engine, scored.stored))


def _wrong_values(engine: Engine, stored: StoredRule) -> list[str]:
    """The commonest values of newest violations; none of sensitive columns, nor of null."""
    rule = stored.rule
    if not rule.columns or rule.rule in ("not_null", "not_empty") or hides(engine, rule):
        return []
    asked = ViolationsAsked(rules=[stored.id], state="", limit=_SAMPLED)
    found, _ = engine.quality.store.violations(asked)
    counted = Counter(each.value for each in found if each.state != "withdrawn" and each.seq)
    return [value for value, _ in counted.most_common(_SHOWN_VALUES)]


def hides(engine: Engine, rule: Rule) -> bool:
    """Whether a rule is about a column whose values are masked."""
    table = next((each for each in engine.tables() if each.name == rule.table), None)
    return table is not None and any(_is_sensitive(table, name) for name in rule.columns)


def _is_sensitive(table: TableInfo, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.sensitive


def table_item(engine: Engine, scored: TableScore) -> TableItem:
    """A table as the board shows it."""
    failing = [each for each in scored.rules if each.state == "failing"]
    worst = sorted(failing, key=lambda each: each.now.score or 0.0)
    dimension = {name: rounded(value) for name, value in scored.dimensions.items()}
    return TableItem(
        table=scored.table,
        state=state_word(scored.score, engine.quality.score_threshold),
        score=rounded(scored.score),
        previous=rounded(scored.before),
        trend=trend_of(scored.score, scored.before),
        completeness=dimension.get("completeness"),
        validity=dimension.get("validity"),
        freshness=dimension.get("freshness"),
        consistency=dimension.get("consistency"),
        uniqueness=dimension.get("uniqueness"),
        accuracy=dimension.get("accuracy"),
        rules=len(scored.rules),
        failing=len(failing),
        issues=[issue_of(engine, each) for each in worst],
    )


def score_answer(engine: Engine, found: Scores) -> ScoreAnswer:
    """Scores of the workspace."""
    threshold = engine.quality.score_threshold
    return ScoreAnswer(
        score=rounded(found.score),
        previous=rounded(found.before),
        trend=trend_of(found.score, found.before),
        state=state_word(found.score, threshold),
        threshold=threshold,
        start=iso(found.start) or "",
        end=iso(found.end) or "",
        tables=[table_item(engine, each) for each in found.tables],
    )


def masked(table: TableInfo | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row without its sensitive values; of a table that is not known, nothing is shown."""
    return {
        name: MASK if table is None or (_is_sensitive(table, name) and value is not None) else value
        for name, value in values.items()
    }


def violation_items(
    engine: Engine, found: Sequence[Violation], *, hidden: bool
) -> list[ViolationItem]:
    """Violations as they may be shown."""
    rules = {each.id: each.rule for each in engine.quality.rules}
    tables = {each.id: each for each in engine.tables()}
    made = []
    for each in found:
        rule, table = rules.get(each.rule), tables.get(each.table_id)
        secret = hidden and (rule is None or hides(engine, rule))
        made.append(
            ViolationItem(
                id=each.id,
                rule_id=each.rule,
                rule=rule.title if rule else "",
                table=table.name if table else "",
                severity=rule.severity if rule else "",
                at=iso(each.at) or "",
                found_at=iso(each.found) or "",
                key=masked(table, each.key) if hidden else dict(each.key),
                row=masked(table, each.row) if hidden else dict(each.row),
                value=MASK if secret and each.seq else each.value,
                description=(rule.description if rule else "") or each.words,
                state=each.state,
                acknowledged_by=each.by,
                acknowledged_at=iso(each.acted) if each.acted else None,
            )
        )
    return made


def tried_item(engine: Engine, tried: Tried, *, hidden: bool) -> TriedItem:
    """What a trial of a rule found."""
    table = next((each for each in engine.tables() if each.name == tried.rule.table), None)
    rows = [msgspec.json.decode(each["row"]) for each in tried.violations[:_SHOWN_VALUES]]
    values = Counter(each["value"] for each in tried.violations if each["seq"])
    shown = [] if hides(engine, tried.rule) else [v for v, _ in values.most_common(_SHOWN_VALUES)]
    points = [
        (_iso_micros(bucket), rows_, failed) for bucket, rows_, failed in tried.minutes.iter_rows()
    ]
    return TriedItem(
        title=tried.rule.title,
        definition=tried.rule.as_dict(),
        rows=tried.count.rows,
        failed=tried.count.failed,
        score=rounded(tried.count.score),
        issue=issue(tried.rule, tried.count, shown) if tried.count.failed else "",
        points=points,
        samples=[masked(table, row) if hidden else row for row in rows],
        problem=tried.problem,
    )


def _iso_micros(micros: int) -> str:
    return iso(datetime.fromtimestamp(micros / 1e6, UTC)) or ""


def suggestion_item(found: Suggestion) -> SuggestionItem:
    """A suggestion."""
    return SuggestionItem(
        title=found.rule.title,
        definition=found.rule.as_dict(),
        code=repr(found.rule),
        reason=found.reason,
        pass_rate=round(found.pass_rate, 6),
        rows=found.rows,
    )


class Recommendation(msgspec.Struct, frozen=True):
    """Something that fails, and what to do about it."""

    rule_id: str
    table: str
    severity: str
    issue: str
    advice: str


def recommendations(engine: Engine, found: Scores) -> list[Recommendation]:
    """What fails, by severity and by how much."""
    failing = [r for table in found.tables for r in table.rules if r.state == "failing"]
    order = {"critical": 0, "warning": 1, "info": 2}
    failing.sort(key=lambda r: (order.get(r.stored.rule.severity, 3), r.now.score or 0.0))
    return [
        Recommendation(
            rule_id=each.stored.id,
            table=each.stored.rule.table,
            severity=each.stored.rule.severity,
            issue=issue_of(engine, each),
            advice=advice(each.stored.rule),
        )
        for each in failing
    ]


def apply_quality(
    engine: Engine,
    rules: Sequence[QualityRuleConfig] | None,
    *,
    enabled: bool,
    suggests: bool,
    score_threshold: float,
) -> None:
    """Make what the configuration says of quality so.

    Args:
        engine: of the workspace.
        rules: those of the configuration from now on; None leaves those of before as they are.
        enabled: whether rules are evaluated.
        suggests: whether rules are proposed from the data.
        score_threshold: percent below which a score is bad.

    Raises:
        InputError: a rule of it cannot be evaluated; names it.
    """
    quality = engine.quality
    quality.enabled, quality.suggests = enabled, suggests
    quality.score_threshold = score_threshold
    if rules is not None:
        configure(quality, [Rule.of_config(each) for each in rules])
