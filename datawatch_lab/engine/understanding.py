"""What a table is: its key and its columns, from what is said of it and from its rows.

A telemetry stream has a schema of its own, which holds where nobody says otherwise.

The key is the one that the configuration names, else the one that the source declares, else an
inferred one. A role or mask is the one that a user set, else the configuration's, else inferred;
a type is the declared one, else inferred.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from datawatch_lab.core.batches import Declared
from datawatch_lab.core.settings import Settings, TableSettings
from datawatch_lab.core.values import Correction, Stated, TableInfo
from datawatch_lab.ingest.telemetry.streams import stream_of
from datawatch_lab.metrics.evidence import Evidence, FieldEvidence
from datawatch_lab.metrics.roles import infer, infer_key

_SILENT = TableSettings()


def configured(table: TableInfo, settings: Settings) -> TableSettings:
    """What the configuration says of a table, by its workspace name or as ``schema.table``."""
    qualified = f"{table.schema}.{table.table}"
    return settings.tables.get(table.name) or settings.tables.get(qualified) or _SILENT


def understood(table: TableInfo, evidence: Evidence | None, settings: Settings) -> TableInfo:
    """The table with the key, roles, masks and types that hold now.

    Args:
        table: with what is stated of it.
        evidence: of its rows so far; None before the first.
        settings: with what the configuration says.
    """
    config = configured(table, settings)
    stated = _of_stream(table)
    seen = evidence or _declared_only(table)
    if config.key is not None:
        named = msgspec.structs.replace(table, key=config.key, key_from="config")
    elif stated.key is not None:
        named = msgspec.structs.replace(table, key=stated.key, key_from="source")
    else:
        key = infer_key(seen)
        named = msgspec.structs.replace(table, key=key, key_from="inferred" if key else "")
    corrections = _by_schema(table) | _corrections(config, stated.corrections)
    columns = infer(seen, corrections, named.key, stated.types)
    return msgspec.structs.replace(named, columns=columns, sampled=seen.rows)


def _of_stream(table: TableInfo) -> Stated:
    """What is stated of a table; of a stream, its own schema under that: append-only, typed."""
    stream = stream_of(table.schema, table.table)
    if stream is None:
        return table.stated
    key = () if table.stated.key is None else table.stated.key
    stated: Stated = msgspec.structs.replace(
        table.stated, key=key, types=stream.types | table.stated.types
    )
    return stated


def _by_schema(table: TableInfo) -> dict[str, Correction]:
    """Roles that the columns of a stream have by its schema."""
    stream = stream_of(table.schema, table.table)
    roles = stream.roles if stream is not None else {}
    return {name: Correction(role=role, by="schema") for name, role in roles.items()}


def _declared_only(table: TableInfo) -> Evidence:
    """Evidence of a table without rows: the fields that its source declares."""
    fields = tuple(FieldEvidence(name=name) for name in table.stated.types)
    return Evidence(table=table.table, fields=fields)


def may_differ(table: TableInfo, settings: Settings) -> bool:
    """Whether a table may look different under other settings than those it was understood by."""
    by_config = table.key_from == "config" or any(each.corrected_by for each in table.columns)
    return by_config or configured(table, settings) is not _SILENT


def _corrections(
    config: TableSettings, by_users: Mapping[str, Correction]
) -> dict[str, Correction]:
    """What holds for each corrected column: a user's word, else the configuration's."""
    names = {*config.roles, *config.sensitive, *by_users}
    return {name: _merged(config, name, by_users.get(name, Correction())) for name in names}


def _merged(config: TableSettings, name: str, user: Correction) -> Correction:
    role, masked = config.roles.get(name), True if name in config.sensitive else None
    by_config = user.role is None and (role is not None or user.sensitive is None)
    return Correction(
        role=role if user.role is None else user.role,
        sensitive=masked if user.sensitive is None else user.sensitive,
        by="config" if by_config else "user",
    )


def with_declared(table: TableInfo, declared: Declared) -> TableInfo:
    """The table with what its source declares now; what it says nothing of stays."""
    old = table.stated
    key = old.key if declared.key is None else tuple(declared.key)
    types = {**old.types, **declared.types}
    dropped = old.dropped
    if declared.whole:
        had = dict.fromkeys([*(column.name for column in table.columns), *old.types])
        dropped = tuple(name for name in had if name not in declared.types)
        types = {**declared.types}
    if (key, types, dropped) == (old.key, old.types, old.dropped):
        return table
    stated = msgspec.structs.replace(old, key=key, types=types, dropped=dropped)
    return msgspec.structs.replace(table, stated=stated)


def with_correction(table: TableInfo, column: str, correction: Correction | None) -> TableInfo:
    """The table with a user's word on a column; None takes back what users said of it."""
    kept = {name: each for name, each in table.stated.corrections.items() if name != column}
    if correction is not None:
        kept[column] = correction
    stated: Stated = msgspec.structs.replace(table.stated, corrections=kept)
    return msgspec.structs.replace(table, stated=stated)
