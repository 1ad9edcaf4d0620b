"""A user's word on a column: stored at once, in its metrics at once, and it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datawatch_lab.core.errors import not_found
from datawatch_lab.core.values import Column, Correction, Role
from datawatch_lab.engine.understanding import with_correction

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine


def correct_column(
    engine: Engine,
    table: str,
    column: str,
    *,
    role: Role | None = None,
    sensitive: bool | None = None,
    reset: bool = False,
) -> Column:
    """Set a column's role or mask, or take back what users set; in the writer's thread.

    Measures that the role no longer gives are dropped, new ones are filled from the log, in the
    transaction that stores the correction.

    Args:
        engine: whose workspace it is.
        table: its workspace name.
        column: as the source spells it.
        role: None leaves the role as it is.
        sensitive: None leaves the mask as it is.
        reset: forget what users set before.

    Returns:
        The column as it is understood then.

    Raises:
        NotFoundError: there is no such table or column; names the nearest.
    """
    info = engine.table(table)
    if info.column(column) is None:
        raise not_found("column", column, [each.name for each in info.columns], where=table)
    old = Correction() if reset else info.stated.corrections.get(column, Correction())
    new = Correction(
        role=old.role if role is None else role,
        sensitive=old.sensitive if sensitive is None else sensitive,
    )
    engine.restate([with_correction(info, column, None if new == Correction() else new)])
    corrected = engine.table(table).column(column)
    assert corrected is not None  # noqa: S101 — evidence forgets no column
    return corrected
