"""Checks of all that reading a server needs, each with what to do where it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.findings import Check, failed
from datawatch_lab.ingest.sources.mysql import driver
from datawatch_lab.ingest.sources.mysql.catalogue import Catalogue, TableName
from datawatch_lab.ingest.sources.postgres.selection import Selection

_KEEP = "and put it under [mysqld] in the server's configuration, so that it stays"
_SETTINGS = (
    ("binlog_format", ("ROW",), f"SET GLOBAL binlog_format = 'ROW'; {_KEEP}."),
    ("binlog_row_image", ("FULL",), f"SET GLOBAL binlog_row_image = 'FULL'; {_KEEP}."),
    ("binlog_row_metadata", ("FULL",), f"SET GLOBAL binlog_row_metadata = 'FULL'; {_KEEP}."),
    ("binlog_row_value_options", ("",), f"SET GLOBAL binlog_row_value_options = ''; {_KEEP}."),
    (
        "binlog_transaction_compression",
        ("OFF", ""),
        f"SET GLOBAL binlog_transaction_compression = OFF; {_KEEP}.",
    ),
    ("log_bin_compress", ("OFF", ""), f"SET GLOBAL log_bin_compress = OFF; {_KEEP}."),
)
"""A global variable, what it must be ('' where it may be missing), and how to make it so."""

_DAY = 86_400


def doctor(url: str, *, selection: Selection | None = None, snapshot: bool = True) -> list[Check]:
    """Check everything; changes nothing on the server.

    Args:
        url: of the server.
        selection: the tables that are to be read.
        snapshot: the rows that are there are wanted too.

    Raises:
        InputError: the address cannot be read.
    """
    address = Endpoint.parse(url, driver.SCHEME)
    try:
        connection = driver.connect(address)
    except SourceError as error:
        return [failed(error)]
    try:
        with driver.telling(address):
            return [
                Check("connection", ok=True, detail=f"{address} answers."),
                *checks(Catalogue(connection), address, selection or Selection(), copy=snapshot),
            ]
    except SourceError as error:
        return [failed(error)]
    finally:
        connection.close()


def checks(
    catalogue: Catalogue, address: Endpoint, selection: Selection, *, copy: bool
) -> Iterator[Check]:
    """The checks of a server that answers."""
    yield from needed(catalogue, address)
    names = list(catalogue.names(address.path, selection))
    yield _expiry(catalogue)
    yield _ids(catalogue)
    yield _copy(catalogue, address, copy=copy)
    yield from _tables(catalogue, names, address, selection)


def needed(catalogue: Catalogue, address: Endpoint) -> Iterator[Check]:
    """Those without which the log cannot be read."""
    yield _version(catalogue)
    logs = catalogue.setting("log_bin").upper() == "ON"
    yield Check(
        "log_bin",
        logs,
        "The server writes a binary log." if logs else "The server writes no binary log.",
        "" if logs else "Put log_bin and server_id under [mysqld] and restart the server.",
    )
    for name, allowed, fix in _SETTINGS:
        value = catalogue.setting(name)
        if value or "" not in allowed:
            fine = value.upper() in allowed
            shown = value or "not there"
            yield Check(name, fine, f"{name} is {shown}.", "" if fine else fix)
    yield _rights(catalogue, address)


def _version(catalogue: Catalogue) -> Check:
    version = catalogue.version
    numbers = tuple(int(each) for each in re.findall(r"\d+", version)[:3])
    fine = numbers >= ((10, 5) if catalogue.mariadb else (8, 0, 14))
    fix = "" if fine else "Use MariaDB 10.5, MySQL 8.0.14, or newer: older logs name no columns."
    product = "MariaDB" if catalogue.mariadb else "MySQL"
    return Check("version", fine, f"The server is {product} {version}.", fix)


def _rights(catalogue: Catalogue, address: Endpoint) -> Check:
    grants = "\n".join(line for line in catalogue.grants().splitlines() if " ON *.* TO " in line)
    every = "ALL PRIVILEGES" in grants
    wanted = {
        "REPLICATION SLAVE": ("REPLICATION SLAVE", "REPLICATION REPLICA"),
        "REPLICATION CLIENT": ("REPLICATION CLIENT", "BINLOG MONITOR"),
    }
    lacking = [
        name
        for name, spelled in wanted.items()
        if not every and not any(re.search(rf"{each}\b(?! ADMIN)", grants) for each in spelled)
    ]
    user = address.user or "root"
    if lacking:
        return Check(
            "grants",
            ok=False,
            detail=f"The user {user} lacks {' and '.join(lacking)}.",
            fix=f"As an administrator: GRANT {', '.join(lacking)} ON *.* TO '{user}'@'%';",
        )
    return Check("grants", ok=True, detail=f"The user {user} may read the binary log.")


def _expiry(catalogue: Catalogue) -> Check:
    """How long the log is kept: what is read after a longer pause is gone."""
    text = catalogue.setting("binlog_expire_logs_seconds") or "0"
    seconds = int(float(text))
    fine = not seconds or seconds >= _DAY
    kept = f"for {seconds / 3600:,.0f} h" if seconds else "until somebody purges it"
    return Check(
        "log retention",
        fine,
        f"The binary log is kept {kept}.",
        "" if fine else f"SET GLOBAL binlog_expire_logs_seconds = {3 * _DAY}; {_KEEP}.",
        advice=True,
    )


def _ids(catalogue: Catalogue) -> Check:
    fine = catalogue.gtids
    return Check(
        "gtid",
        fine,
        "Transactions have global ids."
        if fine
        else "gtid_mode is OFF: the place in the log's "
        "files is kept, which holds on this server only, not on one that takes over.",
        "" if fine else "Set gtid_mode = ON and enforce_gtid_consistency = ON.",
        advice=True,
    )


def _copy(catalogue: Catalogue, address: Endpoint, *, copy: bool) -> Check:
    """MySQL says the place of a transaction only while all is locked."""
    grants = catalogue.grants()
    fine = not copy or catalogue.mariadb or "ALL PRIVILEGES ON *.*" in grants or "RELOAD" in grants
    user = address.user or "root"
    return Check(
        "copy",
        fine,
        "The copy can begin at a known place."
        if fine
        else f"The user {user} lacks RELOAD, with which the copy begins.",
        "" if fine else f"GRANT RELOAD ON *.* TO '{user}'@'%'; or watch without the copy.",
    )


def _tables(
    catalogue: Catalogue, names: list[TableName], address: Endpoint, selection: Selection
) -> Iterator[Check]:
    """Rights and keys, table by table; one line for all that are well."""
    if not names:
        where = f"the database {address.path}" if address.path else "any database"
        yield Check(
            "tables",
            ok=False,
            detail=f"There is no table to read in {where}.",
            fix="Check the name of the database, the include and exclude lists, and "
            f"GRANT SELECT ON *.* TO '{address.user or 'root'}'@'%';",
        )
        return
    well = 0
    for table in catalogue.tables(dict.fromkeys(names, 0), selection):
        shown = ".".join(table.name)
        readable = catalogue.readable(table.name)
        well += readable and bool(table.key)
        if not readable:
            yield Check(
                "select",
                ok=False,
                detail=f"{shown} may not be read by this user.",
                fix=f"GRANT SELECT ON {shown} TO '{address.user}'@'%'; or exclude it.",
            )
        elif not table.key:
            yield Check(
                "primary key",
                ok=False,
                detail=f"{shown} has no primary key: there is no live table of it.",
                fix=f"ALTER TABLE {shown} ADD PRIMARY KEY (…);",
                advice=True,
            )
    yield Check("tables", ok=True, detail=f"{well} of {len(names)} tables are fine.")
