"""Entries of the audit log that were written before all secrets were known: they are taken out.

The first version of the access file kept the passwords of `change_password`, and the tokens of
links to dashboards. A file of that version is gone through once, when it is opened.
"""

from __future__ import annotations

import sqlite3

import msgspec

from datawatch_lab.service.access.redaction import without_links

_SECRETS = {"change_password": ("old", "new")}
"""Fields of an operation's input that were kept, by its name."""

_SELECT = "SELECT id, operation, asked, before, after, reason FROM audit"
_UPDATE = "UPDATE audit SET asked = ?, before = ?, after = ?, reason = ? WHERE id = ?"
_GUARD = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'audit_holds'"


def purge(con: sqlite3.Connection) -> None:
    """Take secrets out of all entries, within the transaction that is open.

    The connection has to be one of ``secure_delete``: then what is overwritten is gone from the
    file's pages too.
    """
    (guard,) = con.execute(_GUARD).fetchone()
    con.execute("DROP TRIGGER audit_holds")
    for id_, operation, *kept in con.execute(_SELECT).fetchall():
        clean = _clean(operation, *kept)
        if clean != kept:
            con.execute(_UPDATE, (*clean, id_))
    con.execute(guard)


def _clean(operation: str, asked: str, *texts: str | None) -> list[str | None]:
    if names := _SECRETS.get(operation):
        given = msgspec.json.decode(asked)
        asked = msgspec.json.encode(
            {name: value for name, value in given.items() if name not in names}
        ).decode()
    return [None if each is None else without_links(each) for each in (asked, *texts)]
