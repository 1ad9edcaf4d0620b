"""Texts of any kind are read without an error, and events that are told twice count once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.schema_changes import Kind, SchemaShape
from datawatch_lab.schema.ddl import guess_dialect, read_ddl
from datawatch_lab.schema.folding import fold
from datawatch_lab.schema.reading import DdlEvent, read_event, shape_at
from datawatch_lab.schema.resolving import resolved
from tests.schema.test_corpus import BASE, CASES

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_WORDS = """
ALTER TABLE orders ADD DROP COLUMN RENAME TO MODIFY CHANGE id note int varchar ( ) , ; ' " ` --
/* */ $$ NOT NULL DEFAULT 1 PRIMARY KEY FOREIGN REFERENCES CHECK UNIQUE INDEX IF EXISTS CREATE
TYPE AS ENUM FIRST AFTER . ä \x00 CONSTRAINT COMMENT ON 'x' "y" USING
"""
PIECES = st.sampled_from(_WORDS.split())
TEXTS = st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=60)


@settings(max_examples=50, deadline=None)
@given(text=TEXTS, dialect=st.sampled_from(["postgres", "mysql"]))
@example(text="ALTER TABLE orders ADD (", dialect="mysql")
@example(text="CREATE INDEX ON", dialect="postgres")
@example(text="ALTER TABLE orders ADD CHECK", dialect="postgres")
def test_any_text_is_read(text: str, dialect: Any) -> None:
    """No text raises: what is not understood is a step of its own, and every step folds."""
    clauses = [clause for each in read_ddl(text, dialect) for clause in each.clauses]
    steps, after = resolved(BASE, clauses, dialect)
    assert fold(BASE, steps) == after


@settings(max_examples=40, deadline=None)
@given(
    case=st.sampled_from(CASES),
    cut=st.integers(min_value=0, max_value=200),
)
def test_a_statement_that_is_cut_off_is_read(case: tuple[str, str, list[str]], cut: int) -> None:
    """The beginning of a statement raises nothing either."""
    dialect: Any = case[0]
    clauses = [c for each in read_ddl(case[1][:cut], dialect) for c in each.clauses]
    steps, after = resolved(BASE, clauses, dialect)
    assert fold(BASE, steps) == after


@pytest.mark.parametrize(("dialect", "sql", "gives"), CASES)
def test_guessed_dialect_reads_what_the_true_one_reads(
    dialect: Any, sql: str, gives: list[str]
) -> None:
    """A text that one dialect reads is never guessed to be of one that does not."""
    del gives

    def faults(chosen: Any) -> int:
        clauses = (clause for each in read_ddl(sql, chosen) for clause in each.clauses)
        return sum(clause.verb == "unparsed" for clause in clauses)

    assert faults(guess_dialect(sql)) <= faults(dialect) or "`" in sql


def event(text: str, **told: Any) -> DdlEvent:
    """An event of the table orders."""
    facts: dict[str, Any] = {
        "seq": 7,
        "schema": "public",
        "table": "orders",
        "at": AT,
        "scope": "tx1",
    }
    return DdlEvent(text=text, **{**facts, **told})


def test_a_statement_told_with_each_of_its_tables_is_recorded_once() -> None:
    """A trigger tells one text with every command in it; ids are of the text, not of the event."""
    text = "ALTER TABLE orders ADD a int; ALTER TABLE orders ADD b int"
    first = read_event(event(text, columns=(("id", "bigint"), ("a", "int"), ("b", "int"))), BASE)
    again = read_event(event(text, seq=8, columns=(("id", "bigint"),)), BASE)
    told = [each.id for each in first if each.step.kind is Kind.ADD_COLUMN]
    assert len(told) == 2
    assert told == [each.id for each in again if each.step.kind is Kind.ADD_COLUMN]


def test_columns_tell_what_a_function_did() -> None:
    """The text says nothing of the table; the list of columns after it says all."""
    columns = tuple(
        (each.name, "bigint" if each.name == "quantity" else each.type)
        for each in BASE.tables["orders"].columns
        if each.name not in ("note", "size")
    )
    made = read_event(event("SELECT migrate()", columns=(*columns, ("new", "text"))), BASE)
    told = {(each.step.kind, each.step.name) for each in made if each.step.kind != "describe"}
    assert told == {
        (Kind.DROP_COLUMN, "note"),
        (Kind.DROP_COLUMN, "size"),
        (Kind.MODIFY_COLUMN, "quantity"),
        (Kind.ADD_COLUMN, "new"),
    }
    assert {each.origin for each in made} == {"columns"}


def test_a_statement_that_says_nothing_is_kept() -> None:
    """A function that may have done anything is told as not understood."""
    (made,) = read_event(event("SELECT migrate()"), BASE)
    assert (made.step.kind, made.impact, made.ddl) == (Kind.UNPARSED, "risky", "SELECT migrate()")


def test_a_description_without_its_statement_completes_types() -> None:
    """Types that a comparison of descriptions tells are known before its steps are classed."""
    text = "ALTER TABLE public.orders ALTER COLUMN size_cm TYPE bigint"
    was = (("size_cm", "integer"),)
    made = read_event(event(text, inferred=True, was=was), SchemaShape())
    (changed,) = (each for each in made if each.step.kind is not Kind.DESCRIBE)
    assert (changed.step.kind, changed.impact, changed.origin) == (
        Kind.MODIFY_COLUMN,
        "safe",
        "relation",
    )


def test_schema_is_known_as_of_any_time() -> None:
    """A statement of the past stands in its place, whenever it was read."""
    later = read_event(event("ALTER TABLE orders DROP note"), BASE)
    earlier = AT.replace(hour=9)
    first = read_event(
        event("CREATE TABLE orders (id int, note text)", at=earlier, seq=9), SchemaShape()
    )
    history = [*later, *first]
    assert [c.name for c in shape_at(history, earlier).tables["orders"].columns] == ["id", "note"]
    assert [c.name for c in shape_at(history).tables["orders"].columns] == ["id"]
