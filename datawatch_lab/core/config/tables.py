"""The section ``tables`` of the configuration: keys, roles and masks that a user states."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import msgspec

from datawatch_lab.core.settings import TableSettings
from datawatch_lab.core.values import Role

_PARTS = ("key", "roles", "sensitive")


def read_tables(given: object) -> dict[str, TableSettings]:
    """Settings by table, from the section or from its JSON text (as the environment has it).

    >>> read_tables({"orders": {"key": "id", "roles": {"state": "text"}}})["orders"].key
    ('id',)

    Raises:
        ValueError: it is not such a section; names the table, the fault and the options.
    """
    section = _decoded(given) if isinstance(given, str) else given
    if not isinstance(section, Mapping):
        raise ValueError("it must hold a section per table")  # noqa: TRY004 — read as a bad value
    return {str(name): _table(str(name), section[name]) for name in section}


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"it must be JSON: {error}") from None


def _table(name: str, given: object) -> TableSettings:
    if not isinstance(given, Mapping):
        raise ValueError(f"{name} must hold some of {', '.join(_PARTS)}")  # noqa: TRY004 — as above
    unknown = [str(part) for part in given if part not in _PARTS]
    if unknown:
        raise ValueError(f"{name} has no {unknown[0]!r}; it may hold {', '.join(_PARTS)}")
    key = given.get("key")
    return TableSettings(
        key=None if key is None else _names(f"{name}.key", key),
        roles=_roles(f"{name}.roles", given.get("roles") or {}),
        sensitive=_names(f"{name}.sensitive", given.get("sensitive") or ()),
    )


def _names(where: str, given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, Sequence) or not all(isinstance(each, str) for each in listed):
        raise ValueError(f"{where} must be a list of columns")
    if len(set(listed)) < len(listed):
        raise ValueError(f"{where} names a column twice")
    return tuple(listed)


def _roles(where: str, given: object) -> dict[str, Role]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must give a role per column")  # noqa: TRY004 — as above
    return {str(column): _role(f"{where}.{column}", role) for column, role in given.items()}


def _role(where: str, given: object) -> Role:
    roles = [role.value for role in Role]
    if given in roles:
        return Role(given)
    near = difflib.get_close_matches(str(given), roles, n=1)
    guess = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"{where}: no role {given!r}{guess} Roles: {', '.join(roles)}")
