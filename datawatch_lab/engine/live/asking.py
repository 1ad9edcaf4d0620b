"""Which fields of stored rows a commit's changes need."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from datawatch_lab.core.values import Role, TableInfo
from datawatch_lab.engine.live.keys import Bools
from datawatch_lab.engine.live.stacking import Keyed
from datawatch_lab.engine.live.versions import PATCH, Versions

_TRACKED = (Role.NUMERIC, Role.STATUS, Role.BOOLEAN)


def tracked(table: TableInfo) -> list[str]:
    """Fields that current-state measures rest on."""
    return [column.name for column in table.columns if column.role in _TRACKED]


def needed_by(table: TableInfo, versions: Versions) -> list[str]:
    """Fields of stored rows that the fold of some versions asks for."""
    patches = (versions.heads["kind"] == PATCH).to_numpy()
    lacking = (name for name, mask in versions.absent.items() if mask[patches].any())
    return _fields_for(table, versions.rows.columns, lacking, updates=bool(patches.any()))


def needed(keyed: Keyed, updates: Bools) -> list[str]:
    """The same of a batch, of whose images some are of updates."""
    images = keyed.batch.after
    lacking = (name for name, mask in images.absent.items() if mask.to_numpy()[updates].any())
    return _fields_for(keyed.table, images.columns.columns, lacking, updates=bool(updates.any()))


def _fields_for(
    table: TableInfo, known: Collection[str], lacking: Iterable[str], *, updates: bool
) -> list[str]:
    """Fields tracked, and those that updates lack."""
    wanted = dict.fromkeys(tracked(table))
    if updates:
        wanted |= dict.fromkeys(c.name for c in table.columns if c.name not in known)
        wanted |= dict.fromkeys(lacking)
    return list(wanted)
