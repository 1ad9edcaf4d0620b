"""DDL statements of both dialects, each with what it does, written down before the parser was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from datawatch_lab.core.schema_changes import SchemaShape, Step
from datawatch_lab.schema.ddl import read_ddl
from datawatch_lab.schema.differences import differences
from datawatch_lab.schema.folding import fold
from datawatch_lab.schema.impact import judged
from datawatch_lab.schema.resolving import resolved

FOLDER = Path(__file__).parent / "corpus"
BASE = msgspec.convert(yaml.safe_load((FOLDER / "base.yaml").read_text()), SchemaShape)
CASES = [
    (dialect, each["sql"], each["gives"])
    for dialect in ("postgres", "mysql")
    for each in yaml.safe_load((FOLDER / f"{dialect}.yaml").read_text())
]


def told(step: Step) -> str:
    """A step as the corpus writes it."""
    impact, _ = judged(step)
    target = f"{step.table}.{step.name}" if step.name else step.table
    return f"{step.kind} {impact} {target}".strip()


def steps_of(sql: str, dialect: Any) -> list[Step]:
    """The steps of a text over the base."""
    clauses = [clause for each in read_ddl(sql, dialect) for clause in each.clauses]
    return resolved(BASE, clauses, dialect)[0]


@pytest.mark.parametrize(("dialect", "sql", "gives"), CASES)
def test_statement_does_what_was_reasoned(dialect: Any, sql: str, gives: list[str]) -> None:
    """Kind, class and target of every step of the statement are as reasoned by hand."""
    assert [told(step) for step in steps_of(sql, dialect)] == gives


@pytest.mark.parametrize(("dialect", "sql", "gives"), CASES)
def test_steps_and_differences_lead_to_the_same_shape(
    dialect: Any, sql: str, gives: list[str]
) -> None:
    """What the differences between before and after say gives the same shape as the statement."""
    del gives
    after = fold(BASE, steps_of(sql, dialect))
    assert differences(fold(BASE, differences(BASE, after)), after) == []


def test_corpus_is_large_enough() -> None:
    """There are at least 120 statements, and each dialect has a fair part of them."""
    assert len(CASES) >= 120
    assert all(sum(case[0] == dialect for case in CASES) >= 60 for dialect in ("postgres", "mysql"))
