"""Rules of quality made, changed and dropped; new ones count what the log holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pyarrow as pa

from datawatch_lab.core.errors import NotFoundError, not_found
from datawatch_lab.core.plans import check_feature
from datawatch_lab.core.quality import Rule, StoredRule, checked, reference_of
from datawatch_lab.core.quality_results import Outcome
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.quality.look import Looking, Remembered
from datawatch_lab.engine.quality.run import Evaluation
from datawatch_lab.engine.quality.windows import Windows, said
from datawatch_lab.metrics.expressions import compile_filter, kinds_of
from datawatch_lab.quality.comparison import columns_compared

if TYPE_CHECKING:
    from datawatch_lab.engine.quality.stage import Quality

BACK_FILL_EVENTS = 500_000
"""Newest events of the log that a new rule is evaluated on."""

_CUSTOM = ("sql", "expression")
_REMEMBER = ("unique", "monotonic")


def check_rule(quality: Quality, rule: Rule, *, known: bool = True) -> Rule:
    """A rule that can be evaluated in this workspace.

    Args:
        quality: of the workspace.
        rule: as it was given.
        known: its table and columns must exist; those of a configuration may come later.

    Raises:
        InputError: it cannot be read; NotFoundError: what it names does not exist.
        PlanError: the plan does not include it.
    """
    rule, engine = checked(rule), quality.engine
    if not rule.kind.basic:
        check_feature(engine.settings.plan, "quality")
    if rule.rule in _CUSTOM:
        check_feature(engine.settings.plan, "custom_quality")
    try:
        table = engine.table(rule.table)
    except NotFoundError:
        if known:
            raise
        return rule
    names = [each.name for each in table.columns]
    for column in rule.columns:
        if known and column not in names:
            raise not_found("column", column, names, where=f"{rule.table}: {rule.rule}")
    if known:
        _check_texts(quality, rule, table)
    return rule


def _check_texts(quality: Quality, rule: Rule, table: TableInfo) -> None:
    kinds = kinds_of(table.columns)
    if rule.filter:
        compile_filter(rule.filter, kinds, table=table.name)
    parts = columns_compared(rule.expression)
    if rule.expression and not (parts and {parts[0], parts[2]} <= set(kinds)):
        compile_filter(rule.expression, kinds, table=table.name)
    if rule.sql:
        quality.engine.sql(rule.sql, limit=1)
    if rule.references:
        parent, column = reference_of(rule)
        other = quality.engine.table(parent)
        if other.column(column) is None:
            raise not_found("column", column, [c.name for c in other.columns], where=parent)


def add(
    quality: Quality,
    rules: Iterable[Rule],
    *,
    origin: str = "user",
    backfill: bool = True,
    known: bool = True,
) -> list[StoredRule]:
    """Keep rules, and count what the log holds for them; those that are there already stay.

    Raises:
        InputError: one of them cannot be kept; none is.
    """
    ready = [check_rule(quality, rule, known=known) for rule in rules]
    now = quality.engine.clock.now()
    with quality.exclusive():
        quality.begin()
        have = {each.rule.meaning: each for each in quality.rules}
        taken = {each.id for each in quality.rules}
        stated = {rule.meaning: rule for rule in ready}
        again, fresh = list[StoredRule](), list[StoredRule]()
        for meaning, rule in stated.items():
            old = have.get(meaning)
            if old is not None and not _begins_anew(old.rule, rule):
                again.append(msgspec.structs.replace(old, rule=rule))
                continue
            fresh.append(
                StoredRule(
                    id=old.id if old else rule.free_id(taken),
                    rule=rule,
                    origin=old.origin if old else origin,
                    created=old.created if old else now,
                    since=quality.cursor,
                )
            )
        if again:
            quality.put(again)
        by_table: dict[str, list[StoredRule]] = {}
        for each in fresh:
            by_table.setdefault(each.rule.table, []).append(each)
        for table, mine in by_table.items():
            outcome = _back_filled(quality, table, mine, backfill=backfill)
            anew = [each.id for each in mine if each.id in taken]
            quality.put(mine, anew=anew, outcome=outcome)
        current = {each.rule.meaning: each for each in quality.rules}
        return [current[rule.meaning] for rule in ready]


def _begins_anew(old: Rule, new: Rule) -> bool:
    """Whether what was counted and is remembered by one rule is not what the other needs.

    Rules that remember rows do not see what comes while they are switched off.
    """
    is_woken = new.enabled and not old.enabled
    return old.meaning != new.meaning or (is_woken and new.kind.family in _REMEMBER)


def _back_filled(
    quality: Quality, table: str, rules: Sequence[StoredRule], *, backfill: bool
) -> Outcome:
    """What the log holds for new rules, up to the cursor."""
    tables = {each.name: each for each in quality.engine.tables()}
    if not backfill or table not in tables:
        return Outcome()
    start = max(quality.cursor - BACK_FILL_EVENTS, 0)
    evaluation = evaluate_past(quality, tables[table], rules, start, quality.cursor)
    outcome = evaluation.outcome()
    mine = [(each, tables[table].id) for each in rules if each.id in evaluation.states]
    now = quality.engine.clock.now()
    found = said(Windows(None, evaluation.states, evaluation.problems).judge(mine), now)
    held = [
        pairs.with_columns(rule=pl.lit(rule))
        for rule, pairs in (evaluation.remembered or Remembered()).pairs.items()
    ]
    schema = Outcome().held.schema
    return replace(
        outcome,
        verdicts=found.verdicts,
        violations=pa.concat_tables([outcome.violations, found.violations]),
        withdrawn=found.withdrawn,
        held=pl.concat(held).select(schema.names).to_arrow().cast(schema) if held else outcome.held,
    )


def evaluate_past(
    quality: Quality, table: TableInfo, rules: Sequence[StoredRule], after: int, upto: int
) -> Evaluation:
    """Rules over events of the log, through the code that evaluates what comes."""
    remembered = Remembered()
    looking = Looking(quality.looking.store, quality.looking.tables, remembered)
    evaluation = Evaluation(looking, quality.engine.clock.now(), remembered=remembered)
    history = quality.engine.measures.history
    for batch in history.batches(table, after, upto):
        evaluation.run(table, rules, [batch])
        evaluation.carry()
    return evaluation


def change(quality: Quality, id_: str, rule: Rule) -> StoredRule:
    """Put a rule in the place of another; what it counts begins anew where its meaning changes.

    Raises:
        NotFoundError: there is no such rule.
        InputError: the new one cannot be kept.
    """
    old = named(quality, id_)
    rule = check_rule(quality, rule)
    made = msgspec.structs.replace(old, rule=rule)
    with quality.exclusive():
        if not _begins_anew(old.rule, rule):
            quality.put([made])
            return made
        made = msgspec.structs.replace(made, since=quality.cursor)
        outcome = _back_filled(quality, rule.table, [made], backfill=True)
        quality.put([made], anew=[old.id], outcome=outcome)
    return made


def remove(quality: Quality, id_: str) -> StoredRule:
    """Drop a rule with all that it counted and found.

    Raises:
        NotFoundError: there is no such rule.
    """
    old = named(quality, id_)
    quality.put([], dropped=[old.id])
    return old


def named(quality: Quality, id_: str) -> StoredRule:
    """A rule by its id, or the beginning of it, or its title.

    Raises:
        NotFoundError: there is none, or several.
    """
    rules = quality.rules
    found = [each for each in rules if id_ in (each.id, each.rule.title)]
    found = found or [each for each in rules if len(id_) >= 6 and each.id.startswith(id_)]
    if len(found) != 1:
        raise not_found("rule", id_, [each.rule.title for each in rules])
    return found[0]


def configure(quality: Quality, rules: Iterable[Rule]) -> None:
    """Make the rules of the configuration those that it states now; others are left alone."""
    stated = {rule.meaning: rule for rule in rules}
    mine = [each for each in quality.rules if each.origin == "config"]
    gone = [each.id for each in mine if each.rule.meaning not in stated]
    if gone:
        quality.put([], dropped=gone)
    if stated:
        add(quality, stated.values(), origin="config", known=False)
