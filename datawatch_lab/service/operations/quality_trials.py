"""Data quality tried out: every row now, the past, suggestions, one record; nothing is stored."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.durations import parse_time
from datawatch_lab.engine import Engine
from datawatch_lab.engine.quality import rules as rules_of
from datawatch_lab.engine.quality import suggesting, trying
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.operations.quality import RuleBody
from datawatch_lab.service.quality import SuggestionItem, TriedItem, suggestion_item, tried_item

_QUALITY = f"{API}/quality"


class CheckAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What to check now.

    Attributes:
        table: only rules of this table.
        rule: only the rule with this id or title.
        masked: sensitive values are shown as ``•••``; false needs the role editor.
    """

    table: str | None = None
    rule: str | None = None
    masked: bool = True


@operation("POST", f"{_QUALITY}/check", audited=False)
def quality_check(engine: Engine, ask: CheckAsk) -> list[TriedItem]:
    """Check every row that is there now against the rules; nothing is stored."""
    if ask.table is not None:
        engine.table(ask.table)
    kept = engine.quality.rules
    if ask.rule is not None:
        kept = [rules_of.named(engine.quality, ask.rule)]
    rules = [
        each.rule
        for each in kept
        if ask.table in (None, each.rule.table)
        and each.rule.enabled
        and each.rule.kind.family not in ("clock", "query")
    ]
    names = {each.name for each in engine.tables()}
    found = trying.check_now(engine.quality, [each for each in rules if each.table in names])
    return [tried_item(engine, each, hidden=ask.masked) for each in found]


class BacktestAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A rule, and the range of event time to try it on.

    Attributes:
        rule: as `RuleBody` has it.
        from_, to: absolute or relative; all that the log holds without them.
        masked: sensitive values are shown as ``•••``; false needs the role editor.
    """

    rule: RuleBody
    from_: str | None = None
    to: str | None = None
    masked: bool = True


@operation("POST", f"{_QUALITY}/backtest", role="editor", audited=False)
def quality_backtest(engine: Engine, ask: BacktestAsk) -> TriedItem:
    """What a rule would have said of the past, before it is kept; nothing is stored."""
    now, zone = engine.clock.now(), engine.settings.timezone
    start = parse_time(ask.from_, now, zone) if ask.from_ else None
    end = parse_time(ask.to, now, zone) if ask.to else None
    found = trying.backtest(engine.quality, ask.rule.value, start, end)
    return tried_item(engine, found, hidden=ask.masked)


class SuggestAsk(msgspec.Struct, frozen=True, kw_only=True):
    """For which table; all without one."""

    table: str | None = None


@operation("GET", f"{_QUALITY}/suggestions")
def quality_suggestions(engine: Engine, ask: SuggestAsk) -> list[SuggestionItem]:
    """Rules that the data suggests, each with a reason and its pass rate."""
    if not engine.quality.suggests:
        return []
    return [suggestion_item(each) for each in suggesting.suggest(engine.quality, ask.table)]


class ValidateAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is to be judged as if it were inserted now."""

    table: str
    record: dict[str, Any]


class Failure(msgspec.Struct, frozen=True):
    """A rule that a record breaks."""

    rule_id: str
    rule: str
    severity: str
    value: str
    description: str


class ValidateAnswer(msgspec.Struct, frozen=True):
    """Whether a record keeps to every rule, and which ones it breaks."""

    valid: bool
    violations: list[Failure]


@operation("POST", f"{_QUALITY}/validate", audited=False)
def quality_validate(engine: Engine, ask: ValidateAsk) -> ValidateAnswer:
    """Whether a record would keep to the rules of a table; nothing is stored."""
    broken = [
        Failure(each["rule"], each["title"], each["severity"], each["value"], each["words"])
        for each in trying.validate(engine.quality, ask.table, ask.record)
    ]
    return ValidateAnswer(not broken, broken)
