"""Options of `datawatch tables` that correct what was inferred of a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.core.errors import not_found

if TYPE_CHECKING:
    from datawatch_lab.core.values import Role
    from datawatch_lab.service.handle import Workspace

_ROLES = "numeric, status, timestamp, id, boolean, text, json"


@dataclass(frozen=True)
class Said:
    """A correction as it was typed: of which ``TABLE.COLUMN``, and what holds for it."""

    place: str
    role: Role | None = None
    sensitive: bool | None = None

    @property
    def reset(self) -> bool:
        """Whether it takes back what was set."""
        return self.role is None and self.sensitive is None


def correction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --set, --mask, --unmask and --reset; each may be given several times."""
    for name, metavar, words in (
        ("--reset", "TABLE.COLUMN", "Back to what is inferred or configured."),
        ("--unmask", "TABLE.COLUMN", "Show the values of this column."),
        ("--mask", "TABLE.COLUMN", "Mask the values of this column in displays."),
        ("--set", "TABLE.COLUMN=ROLE", f"Give this column a role: {_ROLES}."),
    ):
        command = click.option(name, metavar=metavar, multiple=True, help=words)(command)
    return command


def corrections(said: Mapping[str, Sequence[str]]) -> list[Said]:
    """The corrections that the options ask for, in the order of the options.

    Raises:
        click.UsageError: one is not ``TABLE.COLUMN=ROLE``, or names no role.
    """
    return [
        *map(_role_of, said["set"]),
        *(Said(place, sensitive=True) for place in said["mask"]),
        *(Said(place, sensitive=False) for place in said["unmask"]),
        *(Said(place) for place in said["reset"]),
    ]


def _role_of(text: str) -> Said:
    place, _, role = text.rpartition("=")
    if not place:
        raise click.UsageError(f"--set {text}: it must be TABLE.COLUMN=ROLE.")
    from datawatch_lab.core.values import Role

    try:
        return Said(place, role=Role(role))
    except ValueError:
        raise click.UsageError(f"--set {text}: no role {role!r}. Roles: {_ROLES}.") from None


def apply_corrections(handle: Workspace, said: Sequence[Said]) -> set[str]:
    """Carry corrections out, none of them when a table is not there; names of their tables.

    Raises:
        NotFoundError: a table or a column is not there; names the nearest.
    """
    names = [each.name for each in handle.tables()]
    placed = [(*_split(each.place, names), each) for each in said]
    for table, column, each in placed:
        handle.correct(table, column, role=each.role, sensitive=each.sensitive, reset=each.reset)
    return {table for table, _, _ in placed}


def _split(place: str, tables: Sequence[str]) -> tuple[str, str]:
    """Table and column of ``TABLE.COLUMN``; both may hold dots, so known tables decide."""
    for table, column in _cuts(place):
        if table in tables:
            return table, column
    raise not_found("table", place.partition(".")[0], tables)


def _cuts(place: str) -> Iterator[tuple[str, str]]:
    """All ways to cut at a dot, the longest table first."""
    dots = [at for at, letter in enumerate(place) if letter == "."]
    return ((place[:at], place[at + 1 :]) for at in reversed(dots))
