"""Runs a checked query and takes its rows as they come, until there are enough."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.store.gate.values import MAX_BYTES, MAX_ROWS

_BATCH_ROWS = 8_192
_LINE = re.compile(r"\n+LINE \d+:.*", re.DOTALL)
_KIND = re.compile(r"^(?:[A-Z][a-z]+ )+Error: |^INTERRUPT Error: ")
_LISTS = re.compile(
    r"\s*(?:Candidate functions|Candidate macros|Did you mean \"(?:pg_|duckdb_)).*", re.DOTALL
)
_LONGEST = 400  # characters of DuckDB's message
_VIEW = re.compile(r'"?temp"?\."?main"?\.|"?gate_\d+"?\.?')
_REFUSED = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.PermissionException,
    duckdb.SyntaxException,
    duckdb.TypeMismatchException,
)
_MISSING = re.compile(r'Referenced column "([^"]+)" (?:was )?not found')
_MEMORY_HINT = "Filter or aggregate before joining, or ask for fewer columns and rows."


def fetch(
    con: duckdb.DuckDBPyConnection,
    text: str,
    columns: Collection[str] = (),
    *,
    rows: int = MAX_ROWS,
    size: int = MAX_BYTES,
    parameters: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[pa.Table, str]:
    """The first rows of a query, and in words at what it was cut ('' when it was not).

    Rows stream: what comes after the cut is not computed.

    Args:
        con: the connection.
        text: the query as it runs.
        columns: of the tables that it reads, for the error of one that is not there.
        rows: most rows.
        size: bytes after which it is cut.
        parameters: values that the query names, bound.

    Raises:
        InputError: the query cannot be run; says why, without the text that we made of it.
        duckdb.InterruptException: it was ended from outside.
    """
    try:
        return _take(con.sql(text, params=dict(parameters) or None), rows, size)
    except duckdb.InterruptException:
        raise
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise _too_large(error) from error
    except _REFUSED as error:
        missing = _MISSING.search(str(error))
        if missing:
            raise not_found("column", missing[1], columns) from error
        raise InputError(explain(str(error))) from error
    except (OSError, pa.ArrowException) as error:  # what fails after the first rows comes as these
        if "INTERRUPT" in str(error):
            raise duckdb.InterruptException(str(error)) from error
        if "Out of Memory" in str(error):
            raise _too_large(error) from error
        raise InputError(explain(str(error))) from error


def _take(relation: duckdb.DuckDBPyRelation | None, rows: int, size: int) -> tuple[pa.Table, str]:
    if relation is None:
        raise InputError("the query gives no rows; queries only read.")
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    taken: list[pa.RecordBatch] = []
    count = held = 0
    cut = ""
    for batch in _batches(reader):
        if count + batch.num_rows > rows:
            batch, cut = batch.slice(0, rows - count), f"{rows:,} rows"  # noqa: PLW2901
        taken.append(batch)
        count += batch.num_rows
        held += batch.nbytes
        if held > size:
            cut = cut or f"{size // 1_048_576:,} MB"
        if cut:
            break
    table = pa.Table.from_batches(taken, reader.schema)
    del reader, relation
    return table.rename_columns(unique_names(table.column_names)), cut


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches that have rows."""
    return (batch for batch in reader if batch.num_rows)


def unique_names(names: list[str]) -> list[str]:
    """Column names with a number where one is there already.

    >>> unique_names(["id", "id", "id_2"])
    ['id', 'id_3', 'id_2']
    """
    taken = set(names)
    seen: set[str] = set()
    made = []
    for name in names:
        free, number = name, 2
        while free in seen or (free != name and free in taken):
            free, number = f"{name}_{number}", number + 1
        seen.add(free)
        made.append(free)
    return made


def explain(text: str) -> str:
    r"""DuckDB's message as a sentence, without its kind and the text that was run.

    >>> explain('Binder Error: column "x" not found\n\nLINE 1: SELECT x\n  ^')
    'the query cannot be run: column "x" not found.'
    """
    for pattern in (_LINE, _LISTS, _KIND, _VIEW):
        text = pattern.sub("", text)
    sentence = " ".join(text.split())
    if len(sentence) > _LONGEST:
        sentence = f"{sentence[:_LONGEST]} …"
    return f"the query cannot be run: {sentence.rstrip('.')}."


def _too_large(error: BaseException) -> InputError:
    del error
    return InputError(
        "the query was ended: it needs more memory than it may use.", hint=_MEMORY_HINT
    )
