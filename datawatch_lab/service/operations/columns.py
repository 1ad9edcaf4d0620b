"""Columns: a user corrects what was inferred of one, and the correction holds."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Role
from datawatch_lab.engine import Engine
from datawatch_lab.service.answers import ColumnAnswer
from datawatch_lab.service.operation import API, operation
from datawatch_lab.service.operations.workspace import column_answer


class ColumnAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a column from now on.

    Attributes:
        table: its workspace name.
        column: as the source spells it.
        role: numeric, status, timestamp, id, boolean, text or json.
        sensitive: whether displays mask it.
        reset: back to what is inferred or configured; with neither role nor sensitive.
    """

    table: str
    column: str
    role: Role | None = None
    sensitive: bool | None = None
    reset: bool = False


def _column(engine: Engine, ask: ColumnAsk) -> ColumnAnswer | None:
    """The column as it is before a change."""
    found = (each for each in engine.table(ask.table).columns if each.name == ask.column)
    return next((column_answer(each) for each in found), None)


@operation("PUT", f"{API}/tables/{{table}}/columns/{{column}}", role="editor", before=_column)
def correct_column(engine: Engine, ask: ColumnAsk) -> ColumnAnswer:
    """Set the role or the mask of a column, or take back what was set; its metrics follow."""
    said = ask.role is not None or ask.sensitive is not None
    if ask.reset == said:
        raise InputError(
            f"{ask.table}.{ask.column}: "
            + ("reset goes with neither role nor sensitive." if said else "nothing to set."),
            hint="Give role, sensitive or both; or reset alone.",
        )
    column = engine.correct(
        ask.table, ask.column, role=ask.role, sensitive=ask.sensitive, reset=ask.reset
    )
    return column_answer(column)
