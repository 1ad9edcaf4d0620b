"""What the source needs in the database: publications, a slot, and where allowed an event trigger.

Two publications are made, since publishing the updates of a table without a replica identity would
make those updates fail: ``NAME`` has the tables with an identity and publishes everything,
``NAME_inserts`` has the others and publishes inserts and truncates. A publication that somebody
else made is used as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.postgres.catalogue import Catalogue, Table
from datawatch_lab.ingest.sources.postgres.ddl import FUNCTIONS, TRIGGERS
from datawatch_lab.ingest.sources.postgres.driver import psycopg2, query
from datawatch_lab.ingest.sources.postgres.selection import Selection

log = logging.getLogger(__name__)

MARK = "made and kept by DataWatch Lab"

SHARED = "datawatch"
"""A publication of this name that somebody else made is used where there is none of ours."""

_INSTALLING = 0x44_57_4C_61_62
"""Advisory lock of the database: to make a schema that somebody else makes just now would fail."""

_PUBLISH = ("insert, update, delete, truncate", "insert, truncate")


@dataclass(frozen=True)
class Publications:
    """The publications that a stream asks for.

    Attributes:
        names: for the option ``publication_names``.
        refused: tables of the selection that the role may not publish.
        triggered: whether an event trigger tells of DDL and publishes new tables.
    """

    names: tuple[str, ...]
    refused: tuple[Table, ...] = ()
    triggered: bool = False


def ensure(
    catalogue: Catalogue, name: str, selection: Selection, *, event_trigger: bool = True
) -> Publications:
    """Make or complete the publications.

    Raises:
        SourceError: there are none, and the role may not make them for a single table.
    """
    state = _managed(catalogue, name)
    if state is False:
        return Publications((name,))
    if state is None and _managed(catalogue, SHARED) is False:
        return Publications((SHARED,))
    names = (name, f"{name}_inserts")
    tables = catalogue.tables(selection)
    mine = [table for table in tables if table.owned]
    refused = tuple(table for table in tables if not table.owned)
    if not mine and refused:
        raise _cannot_publish(catalogue, name, refused)
    if state is None:
        _create(catalogue, names, mine)
    else:
        _complete(catalogue, names, mine)
    for table in refused:
        log.warning("%s.%s is not published: the role does not own it.", table.schema, table.table)
    triggered = event_trigger and _install(catalogue, names, selection)
    return Publications(names, refused, triggered)


def _managed(catalogue: Catalogue, name: str) -> bool | None:
    """Whether the publication is ours; None when there is none."""
    rows = query(
        catalogue.connection,
        "SELECT obj_description(oid, 'pg_publication') FROM pg_publication WHERE pubname = %s",
        [name],
    )
    return rows[0][0] == MARK if rows else None


def _cannot_publish(catalogue: Catalogue, name: str, tables: Sequence[Table]) -> SourceError:
    listed = ", ".join(f"{table.schema}.{table.table}" for table in tables[:5])
    more = f" and {len(tables) - 5} more" if len(tables) > 5 else ""
    role = catalogue.setting("session_authorization")
    return SourceError(
        f"postgresql: {role} owns none of the tables to be published ({listed}{more}).",
        hint=f"Their owner or a superuser can do it: CREATE PUBLICATION {name} FOR TABLE {listed} "
        f"WITH (publish_via_partition_root = true); and GRANT SELECT ON {listed} TO {role};",
    )


def _create(catalogue: Catalogue, names: Sequence[str], tables: Sequence[Table]) -> None:
    """Both in one transaction; a slot can only decode with publications older than itself."""
    driver = psycopg2()
    sql = driver.sql
    statements = []
    for name, publish, identified in zip(names, _PUBLISH, (True, False), strict=True):
        held = [table for table in tables if table.identified is identified]
        target = sql.SQL(" FOR TABLE {}").format(_listed(held)) if held else sql.SQL("")
        statements.append(
            sql.SQL(
                "CREATE PUBLICATION {}{} WITH (publish = {}, publish_via_partition_root = true)"
            ).format(sql.Identifier(name), target, sql.Literal(publish))
        )
        statements.append(
            sql.SQL("COMMENT ON PUBLICATION {} IS {}").format(
                sql.Identifier(name), sql.Literal(MARK)
            )
        )
    try:
        _at_once(catalogue.connection, statements)
    except driver.errors.InsufficientPrivilege as error:
        database = catalogue.database()
        raise SourceError(
            f"postgresql: {str(error).strip()}.",
            hint=f"As a superuser: GRANT CREATE ON DATABASE {database} TO "
            f"{catalogue.setting('session_authorization')};",
        ) from None


def _complete(catalogue: Catalogue, names: Sequence[str], tables: Sequence[Table]) -> None:
    """Add tables that are new, and move those whose identity has come or gone."""
    sql = psycopg2().sql
    rows = query(
        catalogue.connection,
        "SELECT p.pubname, r.prrelid::bigint FROM pg_publication_rel r "
        "JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = ANY(%s)",
        [list(names)],
    )
    holds = {name: {oid for held, oid in rows if held == name} for name in names}
    statements = []
    for name, identified in zip(names, (True, False), strict=True):
        for verb, chosen in (
            (
                "DROP",
                [t for t in tables if t.identified is not identified and t.oid in holds[name]],
            ),
            ("ADD", [t for t in tables if t.identified is identified and t.oid not in holds[name]]),
        ):
            if chosen:
                statement = sql.SQL(f"ALTER PUBLICATION {{}} {verb} TABLE {{}}")
                statements.append(statement.format(sql.Identifier(name), _listed(chosen)))
    _at_once(catalogue.connection, statements)


def _listed(tables: Sequence[Table]) -> Any:
    sql = psycopg2().sql
    only = {"r": sql.SQL("ONLY {}"), "p": sql.SQL("{}")}
    return sql.SQL(", ").join(
        only[table.kind].format(sql.Identifier(table.schema, table.table)) for table in tables
    )


def _at_once(connection: Any, statements: Sequence[Any]) -> None:
    """Run statements in one transaction of an autocommit connection."""
    if not statements:
        return
    driver = psycopg2()
    sql = driver.sql
    try:
        query(connection, sql.SQL("; ").join([sql.SQL("BEGIN"), *statements, sql.SQL("COMMIT")]))
    except driver.Error:
        with contextlib.suppress(driver.Error):  # it may have broken
            query(connection, "ROLLBACK")
        raise


def _install(catalogue: Catalogue, names: Sequence[str], selection: Selection) -> bool:
    """Put the event triggers there unless they are; False when the role may not."""
    if not catalogue.superuser() or catalogue.version < 140000:
        return False
    sql = psycopg2().sql
    include, exclude = selection.expressions
    bodies = {
        name: sql.SQL(body)
        .format(
            full=sql.Literal(names[0]),
            inserts=sql.Literal(names[1]),
            include=sql.Literal(include),
            exclude=sql.Literal(exclude),
        )
        .as_string(catalogue.connection)
        for name, body in FUNCTIONS.items()
    }
    version = hashlib.sha256("".join(bodies.values()).encode()).hexdigest()[:16]
    comment = f"{MARK}: {version}"
    found = query(
        catalogue.connection,
        "SELECT obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger "
        "WHERE evtname = ANY(%s)",
        [[f"{names[0]}_{event}" for event in bodies]],
    )
    if [row[0] for row in found] == [comment] * len(bodies):
        return True
    statements = [
        sql.SQL("SELECT pg_advisory_xact_lock({})").format(sql.Literal(_INSTALLING)),
        sql.SQL("CREATE SCHEMA IF NOT EXISTS datawatch"),
    ]
    for event, body in bodies.items():
        trigger = sql.Identifier(f"{names[0]}_{event}")
        function = sql.Identifier("datawatch", f"{names[0]}_{event}")
        statements += [
            sql.SQL("DROP EVENT TRIGGER IF EXISTS {}").format(trigger),
            sql.SQL(
                "CREATE OR REPLACE FUNCTION {}() RETURNS event_trigger LANGUAGE plpgsql "
                "SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {}"
            ).format(function, sql.Literal(body)),
            sql.SQL(f"CREATE EVENT TRIGGER {{}} {TRIGGERS[event]} EXECUTE FUNCTION {{}}()").format(
                trigger, function
            ),
            sql.SQL("COMMENT ON EVENT TRIGGER {} IS {}").format(trigger, sql.Literal(comment)),
        ]
    _at_once(catalogue.connection, statements)
    return True


def remove(connection: Any, publication: str, slot: str) -> None:
    """Take back all that was made in the database: event triggers, publications, the slot.

    Raises:
        SourceError: the slot is being read.
    """
    driver = psycopg2()
    sql = driver.sql
    statements = []
    for event in FUNCTIONS:
        trigger = sql.Identifier(f"{publication}_{event}")
        function = sql.Identifier("datawatch", f"{publication}_{event}")
        statements.append(sql.SQL("DROP EVENT TRIGGER IF EXISTS {}").format(trigger))
        statements.append(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(function))
    catalogue = Catalogue(connection)
    if query(connection, "SELECT 1 FROM pg_namespace WHERE nspname = 'datawatch'"):
        _at_once(connection, statements)
    if _managed(catalogue, publication):
        names = (publication, f"{publication}_inserts")
        listed = sql.SQL(", ").join(sql.Identifier(name) for name in names)
        query(connection, sql.SQL("DROP PUBLICATION IF EXISTS {}").format(listed))
    try:
        query(
            connection,
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
            "WHERE slot_name = %s",
            [slot],
        )
    except driver.errors.ObjectInUse as error:
        raise SourceError(
            f"postgresql: {str(error).strip()}.", hint="Stop the reader of this slot first."
        ) from None
