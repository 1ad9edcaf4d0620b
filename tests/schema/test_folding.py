"""Steps and shapes: what lies between two shapes leads from one to the other."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.schema_changes import (
    CheckShape,
    ColumnShape,
    ForeignKeyShape,
    IndexShape,
    Kind,
    SchemaShape,
    Step,
    TableShape,
)
from datawatch_lab.schema.differences import differences, value_steps
from datawatch_lab.schema.folding import applied, fold
from datawatch_lab.schema.impact import judged

NAMES = st.sampled_from(["a", "b", "c", "d e", 'q"'])
SOME = st.lists(NAMES, unique=True, max_size=3).map(tuple)
TYPES = st.sampled_from(["int", "bigint", "varchar(10)", "varchar(20)", "text", "mood", ""])
COLUMNS = st.builds(
    ColumnShape,
    name=NAMES,
    type=TYPES,
    nullable=st.none() | st.booleans(),
    default=st.none() | st.sampled_from(["0", "'x'"]),
    generated=st.booleans(),
) | st.builds(ColumnShape, name=NAMES, type=st.just("enum"), values=SOME)


def named(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """Parts of a table with names of their own."""
    return st.lists(strategy, max_size=4, unique_by=lambda each: each.name).map(tuple)  # type: ignore[attr-defined]


TABLES = st.builds(
    TableShape,
    columns=named(COLUMNS),
    key=SOME,
    indexes=named(st.builds(IndexShape, name=NAMES, columns=SOME, unique=st.booleans())),
    foreign_keys=named(
        st.builds(ForeignKeyShape, name=NAMES, columns=SOME, references=NAMES, referenced=SOME)
    ),
    checks=named(st.builds(CheckShape, name=NAMES, expression=NAMES)),
)
SHAPES = st.builds(
    SchemaShape,
    tables=st.dictionaries(NAMES, TABLES, max_size=3),
    types=st.dictionaries(NAMES, SOME, max_size=2),
)


def plain(shape: SchemaShape) -> object:
    """A shape without the orders that mean nothing."""
    tables = {
        name: {
            field: sorted(msgspec.to_builtins(getattr(table, field)), key=lambda each: each["name"])
            for field in ("columns", "indexes", "foreign_keys", "checks")
        }
        | {"key": table.key}
        for name, table in shape.tables.items()
    }
    return tables, {name: sorted(values) for name, values in shape.types.items()}


@settings(max_examples=30, deadline=None)
@given(old=SHAPES, new=SHAPES)
def test_differences_lead_from_one_shape_to_the_other(old: SchemaShape, new: SchemaShape) -> None:
    """Folding the differences over the old shape gives the new one, and then none are left."""
    reached = fold(old, differences(old, new))
    assert plain(reached) == plain(new)
    assert differences(reached, new) == []


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, steps=SHAPES.map(lambda each: differences(SchemaShape(), each)))
def test_steps_survive_json_and_apply_to_any_shape(shape: SchemaShape, steps: list[Step]) -> None:
    """A step that was stored does the same, on shapes too that it was not made for."""
    stored = msgspec.json.decode(msgspec.json.encode(steps), type=list[Step])
    assert fold(shape, stored) == fold(shape, steps)


@settings(max_examples=20, deadline=None)
@given(old=SHAPES, new=SHAPES)
def test_every_step_is_classed_with_a_reason(old: SchemaShape, new: SchemaShape) -> None:
    """No step is without a class and words for it."""
    for step in differences(old, new):
        impact, reason = judged(step)
        assert impact in ("breaking", "risky", "safe")
        assert reason


@settings(max_examples=20, deadline=None)
@given(was=SOME, now=SOME)
def test_values_of_an_enum_that_are_renamed_reach_the_same_list(
    was: tuple[str, ...], now: tuple[str, ...]
) -> None:
    """Taking values in the place of others as renamed gives the same values as not doing so."""
    column = ColumnShape(name="c", type="enum", values=was)
    shape = SchemaShape(tables={"t": TableShape(columns=(column,))})
    steps = list(value_steps("t", "c", was, now, renames=True))
    (reached,) = fold(shape, steps).tables["t"].columns
    assert sorted(reached.values) == sorted(now)


def test_a_renamed_table_keeps_what_points_at_it() -> None:
    """Foreign keys of other tables follow a table that is renamed."""
    key = ForeignKeyShape(name="f", columns=("a",), references="old")
    shape = SchemaShape(tables={"old": TableShape(), "other": TableShape(foreign_keys=(key,))})
    step = Step(kind=Kind.RENAME_TABLE, table="old", after={"table": "new"})
    after = applied(shape, step)
    assert set(after.tables) == {"new", "other"}
    assert after.tables["other"].foreign_keys[0].references == "new"


def test_a_renamed_column_is_renamed_in_keys_and_indexes() -> None:
    """Key and indexes name a renamed column by its new name."""
    table = TableShape(
        columns=(ColumnShape(name="a", type="int"),),
        key=("a",),
        indexes=(IndexShape(name="i", columns=("a", "z")),),
    )
    step = Step(kind=Kind.RENAME_COLUMN, table="t", name="a", after={"name": "b"})
    after = applied(SchemaShape(tables={"t": table}), step).tables["t"]
    assert (after.columns[0].name, after.columns[0].type) == ("b", "int")
    assert (after.key, after.indexes[0].columns) == (("b",), ("b", "z"))
