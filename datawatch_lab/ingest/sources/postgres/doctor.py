"""What a server needs to be read from, checked one by one, each with the way to fix it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.postgres import driver
from datawatch_lab.ingest.sources.postgres.address import Address
from datawatch_lab.ingest.sources.postgres.catalogue import Catalogue, Table
from datawatch_lab.ingest.sources.postgres.selection import Selection
from datawatch_lab.ingest.sources.postgres.status import slots_of

_OLDEST = 130000
_MUCH_WAL = 1 << 30


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: its name.
        ok: nothing stands in the way.
        detail: what was found, one sentence.
        fix: what to do; '' when there is nothing to do.
    """

    check: str
    ok: bool
    detail: str
    fix: str = ""


def doctor(
    url: str,
    *,
    slot: str = "datawatch",
    publication: str = "datawatch",
    selection: Selection | None = None,
) -> list[Finding]:
    """Check all that reading needs; changes nothing.

    A server that cannot be reached is a finding too.

    Raises:
        InputError: the address cannot be read.
    """
    address = Address.parse(url)
    try:
        connection = driver.connect(address)
    except SourceError as error:
        return [Finding("connection", ok=False, detail=error.message, fix=error.hint)]
    try:
        catalogue = Catalogue(connection)
        findings = [Finding("connection", ok=True, detail=f"{address} answers.")]
        for check in (_version, _wal_level, _capacity, _role):
            findings += check(catalogue)
        findings += _replication(address)
        findings += _slots(catalogue, slot)
        tables = catalogue.tables(selection or Selection())
        findings += _publication(catalogue, publication, tables)
        findings += _tables(catalogue, tables)
        findings += _encoding(catalogue)
    finally:
        connection.close()
    return findings


def _version(catalogue: Catalogue) -> Iterator[Finding]:
    version = catalogue.setting("server_version")
    fine = catalogue.version >= _OLDEST
    fix = "" if fine else "Use PostgreSQL 13 or newer."
    yield Finding("version", fine, f"The server is PostgreSQL {version}.", fix)


def _wal_level(catalogue: Catalogue) -> Iterator[Finding]:
    level = catalogue.setting("wal_level")
    fine = level == "logical"
    fix = "" if fine else "ALTER SYSTEM SET wal_level = 'logical'; and restart the server."
    yield Finding("wal_level", fine, f"wal_level is {level}.", fix)


def _capacity(catalogue: Catalogue) -> Iterator[Finding]:
    """A second slot and sender are needed for a moment when tables join later."""
    counts: Sequence[tuple[str, str, int]] = (
        ("max_replication_slots", "SELECT count(*) FROM pg_replication_slots", 2),
        ("max_wal_senders", "SELECT count(*) FROM pg_stat_replication", 2),
    )
    for name, text, needed in counts:
        most = int(catalogue.setting(name))
        used = int(driver.query(catalogue.connection, text)[0][0])
        fine = most - used >= needed
        fix = f"ALTER SYSTEM SET {name} = {used + 10}; and restart the server."
        yield Finding(name, fine, f"{used} of {most} are in use.", "" if fine else fix)


def _role(catalogue: Catalogue) -> Iterator[Finding]:
    name, replicates, superuser = driver.query(
        catalogue.connection,
        "SELECT rolname, rolreplication, rolsuper FROM pg_roles WHERE rolname = current_user",
    )[0]
    managed = driver.query(
        catalogue.connection,
        "SELECT 1 FROM pg_roles WHERE rolname IN ('rds_replication', 'cloudsqlsuperuser') "
        "AND pg_has_role(current_user, oid, 'MEMBER')",
    )
    fine = bool(replicates or superuser or managed)
    yield Finding(
        "role",
        fine,
        f"The role {name} {'may' if fine else 'may not'} replicate.",
        "" if fine else f"As a superuser: ALTER ROLE {name} REPLICATION;",
    )


def _replication(address: Address) -> Iterator[Finding]:
    """Whether a replication connection is let in: pg_hba.conf can refuse it on its own."""
    try:
        driver.connect(address, replication=True).close()
    except SourceError as error:
        yield Finding("replication connection", ok=False, detail=error.message, fix=error.hint)
    else:
        yield Finding("replication connection", ok=True, detail="It is let in.")


def _slots(catalogue: Catalogue, name: str) -> Iterator[Finding]:
    slots = slots_of(catalogue.connection)
    mine = next((slot for slot in slots if slot.slot == name), None)
    if mine is None:
        yield Finding("slot", ok=True, detail=f"The slot {name} will be made.")
    elif mine.wal_status == "lost":
        yield Finding("slot", ok=False, detail=f"The slot {name} is lost.", fix=driver.LOST)
    else:
        state = "is being read" if mine.active else "is idle"
        yield Finding(
            "slot", ok=True, detail=f"The slot {name} {state}, {mine.lag_bytes:,} B behind."
        )
    for each in slots:
        if not each.active and each.retained_bytes > _MUCH_WAL:
            yield Finding(
                "idle slot",
                ok=False,
                detail=f"The slot {each.slot} is read by nobody and keeps "
                f"{each.retained_bytes / (1 << 30):.1f} GiB of log on the server's disk.",
                fix=f"If nobody needs it: SELECT pg_drop_replication_slot('{each.slot}');",
            )


def _publication(catalogue: Catalogue, name: str, tables: Sequence[Table]) -> Iterator[Finding]:
    found = driver.query(
        catalogue.connection, "SELECT 1 FROM pg_publication WHERE pubname = %s", [name]
    )
    if found:
        published = {
            each.table.name for each in catalogue.published([name, f"{name}_inserts"], Selection())
        }
        missing = [table for table in tables if table.name not in published]
        detail = f"The publication {name} has {len(tables) - len(missing)} of {len(tables)} tables."
        owned = all(table.owned for table in missing)
        fix = f"Its owner can: ALTER PUBLICATION {name} ADD TABLE {_listed(missing)};"
        yield Finding("publication", owned, detail, "" if owned else fix)
        return
    may = driver.query(
        catalogue.connection,
        "SELECT has_database_privilege(current_database(), 'CREATE')",
    )[0][0]
    foreign = [table for table in tables if not table.owned]
    if may and not foreign:
        yield Finding("publication", ok=True, detail=f"The publication {name} will be made.")
        return
    why = "may not make publications" if not may else f"does not own {_listed(foreign)}"
    yield Finding(
        "publication",
        ok=False,
        detail=f"There is no publication {name}, and the role {why}.",
        fix=f"As a superuser: CREATE PUBLICATION {name} FOR TABLE {_listed(tables)} "
        "WITH (publish_via_partition_root = true);",
    )


def _tables(catalogue: Catalogue, tables: Sequence[Table]) -> Iterator[Finding]:
    """Rights and replica identity, table by table; one line for all that are well."""
    role = catalogue.setting("session_authorization")
    well = 0
    checks: Sequence[tuple[str, Callable[[Table], bool], str, str]] = (
        ("select", lambda t: t.readable, "may not be read by this role", ("GRANT SELECT ON {} TO "
         f"{role}; GRANT USAGE ON SCHEMA {{schema}} TO {role};")),
        ("replica identity", lambda t: t.identified, ("has no primary key: its updates and deletes "
         "cannot be seen, inserts can"), ("ALTER TABLE {} ADD PRIMARY KEY (…); or "
         "ALTER TABLE {} REPLICA IDENTITY FULL;")),
    )  # fmt: skip
    for table in tables:
        faults = [each for each in checks if not each[1](table)]
        well += not faults
        for check, _, detail, fix in faults:
            name = f"{table.schema}.{table.table}"
            told = fix.replace("{schema}", table.schema).replace("{}", name)
            yield Finding(check, ok=False, detail=f"{name} {detail}.", fix=told)
    yield Finding("tables", bool(tables), f"{well} of {len(tables)} tables are fine.",
                  "" if tables else "Check the include and exclude lists.")  # fmt: skip


def _encoding(catalogue: Catalogue) -> Iterator[Finding]:
    encoding = catalogue.setting("server_encoding")
    fine = encoding != "SQL_ASCII"
    fix = "" if fine else "Bytes that are not UTF-8 are shown as \\xHH."
    yield Finding("encoding", fine, f"The database is in {encoding}.", fix)


def _listed(tables: Sequence[Table]) -> str:
    shown = ", ".join(f"{table.schema}.{table.table}" for table in tables[:5])
    return shown + (f", … ({len(tables) - 5} more)" if len(tables) > 5 else "")
