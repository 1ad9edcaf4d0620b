"""Data quality: scores, rules, violations, the report."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from datawatch_lab.core.durations import parse_duration, parse_time
from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.quality import Rule, StoredRule
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.quality import rules as rules_of
from datawatch_lab.engine.quality.scores import Scores, scores
from datawatch_lab.engine.quality.words import Count, RuleScore, ViolationsAsked
from datawatch_lab.service.operation import API, Nothing, operation
from datawatch_lab.service.quality import (
    Recommendation,
    RuleItem,
    ScoreAnswer,
    TableItem,
    ViolationItem,
    recommendations,
    rule_item,
    score_answer,
    table_item,
    violation_items,
)

_QUALITY = f"{API}/quality"
_PATIENCE_SECONDS = 2.0  # an answer waits so long for what is stored and not evaluated yet
_SHORTEST_ID = 6
_STATES = ("open", "acknowledged", "withdrawn", "")


class ScoreAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"end": "to"}):
    """Over which window.

    Attributes:
        window: its length; the one before it is what the trend compares with.
        table: only this table.
        end: ``to``: where it ends, ISO 8601 or relative such as yesterday; by default now, or the
            end of the data where that is older.
    """

    window: str = "24h"
    table: str | None = None
    end: str | None = None


def _scores(
    engine: Engine, window: str, table: str | None = None, end: str | None = None
) -> Scores:
    length = parse_duration(window)
    if length < timedelta(minutes=1):
        raise InputError(f"window is {window}; it must be at least 1m.")
    if table is not None:
        engine.table(table)
    engine.quality.evaluate(_PATIENCE_SECONDS)
    until = parse_time(end, engine.clock.now(), engine.settings.timezone) if end else None
    return scores(engine.quality, window=length, table=table, end=until)


@operation("GET", f"{_QUALITY}/score")
def quality_score(engine: Engine, ask: ScoreAsk) -> ScoreAnswer:
    """Scores of the workspace and of each table with rules, over a window, with their trend."""
    return score_answer(engine, _scores(engine, ask.window, ask.table, ask.end))


class TableAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which table, over which window."""

    table: str
    window: str = "24h"


class TableQuality(msgspec.Struct, frozen=True):
    """A table with its rules."""

    summary: TableItem
    rules: list[RuleItem]


@operation("GET", f"{_QUALITY}/tables/{{table}}")
def quality_table(engine: Engine, ask: TableAsk) -> TableQuality:
    """The scores of one table by dimension, and each of its rules."""
    found = _scores(engine, ask.window, ask.table)
    if not found.tables:
        raise not_found("rule", ask.table, [], where=ask.table)
    scored = found.tables[0]
    return TableQuality(
        table_item(engine, scored), [rule_item(engine, each) for each in scored.rules]
    )


class StatsAnswer(msgspec.Struct, frozen=True):
    """Counts about quality.

    Attributes:
        rules, failing: rules there are, and those that fail over the last 24 hours.
        rows, failed: looked at over these hours, a row once for each rule.
        open: violations that nobody has acknowledged.
        behind: events that are stored and not evaluated yet.
        problems: why rules cannot be evaluated, by title.
    """

    enabled: bool
    tables: int
    rules: int
    failing: int
    rows: int
    failed: int
    open: int
    behind: int
    problems: dict[str, str]


@operation("GET", f"{_QUALITY}/stats")
def quality_stats(engine: Engine, ask: Nothing) -> StatsAnswer:
    """How many rules, rows, failures and open violations there are."""
    del ask
    found = scores(engine.quality)
    every = [each for table in found.tables for each in table.rules]
    titles = {each.stored.id: each.stored.rule.title for each in every}
    _, waiting = engine.quality.store.violations(ViolationsAsked(limit=0))
    problems = engine.quality.problems
    return StatsAnswer(
        enabled=engine.quality.enabled,
        tables=len(found.tables),
        rules=len(every),
        failing=sum(each.state == "failing" for each in every),
        rows=sum(each.now.rows for each in every),
        failed=sum(each.now.failed for each in every),
        open=waiting,
        behind=max(engine.last_seq - engine.quality.cursor, 0) if every else 0,
        problems={titles[id_]: text for id_, text in problems.items() if id_ in titles},
    )


class ReportAnswer(msgspec.Struct, frozen=True):
    """Scores, what fails, and what to do about it, in words."""

    summary: str
    score: ScoreAnswer
    recommendations: list[Recommendation]


@operation("GET", f"{_QUALITY}/report")
def quality_report(engine: Engine, ask: ScoreAsk) -> ReportAnswer:
    """What is wrong with the data, worst first, with a recommendation for each."""
    found = _scores(engine, ask.window, ask.table)
    answer = score_answer(engine, found)
    listed = recommendations(engine, found)
    return ReportAnswer(_summary(answer, listed), answer, listed)


def _summary(answer: ScoreAnswer, listed: list[Recommendation]) -> str:
    if answer.score is None:
        return "Nothing was checked in this time."
    moved = ""
    if answer.trend:
        moved = f", {'up' if answer.trend > 0 else 'down'} {abs(answer.trend):g} points"
    fails = "every rule holds" if not listed else f"{len(listed)} rules fail"
    return f"Data quality is {answer.score:g} %{moved}; {fails}."


# ------------------------------------------------------------------------------- violations


class ViolationsAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Which violations.

    Attributes:
        table, rule: only of this table, or of the rule with this id or title.
        state: open, acknowledged, withdrawn, or '' for any.
        from_, to: event time, absolute or relative.
        limit: at most this many.
        masked: sensitive values are shown as ``•••``; false needs the role editor.
    """

    table: str | None = None
    rule: str | None = None
    state: str = "open"
    from_: str | None = None
    to: str | None = None
    limit: int = 100
    masked: bool = True


class ViolationsAnswer(msgspec.Struct, frozen=True):
    """Violations, newest first, and how many there are in all."""

    violations: list[ViolationItem]
    total: int


@operation("GET", f"{_QUALITY}/violations")
def quality_violations(engine: Engine, ask: ViolationsAsk) -> ViolationsAnswer:
    """Rows and windows that broke rules, with their keys and values, newest first."""
    if ask.limit < 0:
        raise InputError(f"limit is {ask.limit}; it must be at least 0.")
    if ask.state not in _STATES:
        raise InputError(f"no state {ask.state!r}. States: open, acknowledged, withdrawn.")
    engine.quality.evaluate(_PATIENCE_SECONDS)
    now, zone = engine.clock.now(), engine.settings.timezone
    asked = ViolationsAsked(
        rules=_rules_asked(engine, ask),
        state=ask.state,
        start=parse_time(ask.from_, now, zone) if ask.from_ else None,
        end=parse_time(ask.to, now, zone) if ask.to else None,
        limit=ask.limit,
    )
    found, total = engine.quality.store.violations(asked)
    return ViolationsAnswer(violation_items(engine, found, hidden=ask.masked), total)


def _rules_asked(engine: Engine, ask: ViolationsAsk) -> list[str] | None:
    if ask.rule is not None:
        return [rules_of.named(engine.quality, ask.rule).id]
    if ask.table is None:
        return None
    engine.table(ask.table)
    return [each.id for each in engine.quality.rules if each.rule.table == ask.table]


class AcknowledgeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which violation; ``user`` is who, the one who asks by default."""

    id: str
    user: str | None = None


@operation("POST", f"{_QUALITY}/violations/{{id}}/acknowledge", role="editor")
def acknowledge_violation(engine: Engine, ask: AcknowledgeAsk) -> ViolationItem:
    """Note that somebody has seen a violation; it is no longer open."""
    store = engine.quality.store
    found, count = store.violations(ViolationsAsked(state="", id=ask.id, limit=1))
    if count != 1 or len(ask.id) < _SHORTEST_ID:
        raise not_found("violation", ask.id, [])
    store.acknowledge([found[0].id], ask.user or str(current_who()), engine.clock.now())
    found, _ = store.violations(ViolationsAsked(state="", id=ask.id, limit=1))
    return violation_items(engine, found, hidden=True)[0]


# ------------------------------------------------------------------------------- rules


class RuleBody(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as a user writes it; see `core.quality.Rule` for each field.

    Attributes:
        id: of the rule that is changed; in the path.
        backfill: count what the log holds too.
        origin: ``suggested`` for a suggestion that is accepted.
    """

    table: str
    rule: str
    id: str | None = None
    field: str | None = None
    fields: list[str] | None = None
    dimension: str | None = None
    threshold: str | float | None = None
    alert_on: str | None = None
    description: str | None = None
    name: str | None = None
    weight: float | None = None
    severity: str | None = None
    enabled: bool | None = None
    filter: str | None = None
    values: list[str | int | float | bool] | None = None
    min: float | str | None = None
    max: float | str | None = None
    pattern: str | None = None
    type: str | None = None
    references: str | None = None
    expression: str | None = None
    sql: str | None = None
    quantile: float | None = None
    window: str | None = None
    baseline: str | None = None
    backfill: bool = True
    origin: str = "user"

    @property
    def value(self) -> Rule:
        """The rule."""
        said = {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if name not in ("id", "backfill", "origin")
        }
        return Rule.of(said)


class RulesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of which table, with scores over which window."""

    table: str | None = None
    window: str = "24h"


@operation("GET", f"{_QUALITY}/rules")
def quality_rules(engine: Engine, ask: RulesAsk) -> list[RuleItem]:
    """The rules, with how they do over the window."""
    found = _scores(engine, ask.window, ask.table)
    return [rule_item(engine, each) for table in found.tables for each in table.rules]


def _item(engine: Engine, stored: StoredRule) -> RuleItem:
    found = scores(engine.quality, table=stored.rule.table)
    mine = (each for table in found.tables for each in table.rules)
    empty = RuleScore(stored, Count(), Count())
    return rule_item(engine, next((r for r in mine if r.stored.id == stored.id), empty))


@operation("POST", f"{_QUALITY}/rules", role="editor", status=201)
def add_quality_rule(engine: Engine, ask: RuleBody) -> RuleItem:
    """Keep a rule; it is evaluated on what the log holds, and on all that comes."""
    if ask.origin not in ("user", "suggested"):
        raise InputError(f"no origin {ask.origin!r}. Origins: user, suggested.")
    made = rules_of.add(engine.quality, [ask.value], origin=ask.origin, backfill=ask.backfill)
    return _item(engine, made[0])


class RuleAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule: its id, the beginning of it, or its title."""

    id: str


@operation("GET", f"{_QUALITY}/rules/{{id}}")
def quality_rule(engine: Engine, ask: RuleAsk) -> RuleItem:
    """One rule, with how it does over the last 24 hours."""
    return _item(engine, rules_of.named(engine.quality, ask.id))


@operation("PUT", f"{_QUALITY}/rules/{{id}}", role="editor")
def change_quality_rule(engine: Engine, ask: RuleBody) -> RuleItem:
    """Change a rule; what it counted begins anew where it checks something else."""
    return _item(engine, rules_of.change(engine.quality, ask.id or "", ask.value))


class Dropped(msgspec.Struct, frozen=True):
    """What was dropped."""

    id: str
    title: str


@operation("DELETE", f"{_QUALITY}/rules/{{id}}", role="editor")
def drop_quality_rule(engine: Engine, ask: RuleAsk) -> Dropped:
    """Drop a rule, with what it counted and found."""
    gone = rules_of.remove(engine.quality, ask.id)
    return Dropped(gone.id, gone.rule.title)
