"""Parquet files: row groups in batches, declared types, resumed by row number."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from datawatch_lab.core.batches import Declared, DecodedBatch
from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.identity import content_id
from datawatch_lab.ingest.tabular import Layout, events_of, layout_of, text_tokens

BATCH_ROWS = 20_000


@dataclass(frozen=True)
class RowPart:
    """Some rows of a file: their events, and where reading stands behind them."""

    batch: DecodedBatch
    position: Mapping[str, object]
    rows: int


class ParquetRows:
    """The rows of a Parquet file as events.

    Args:
        path: the file; it must be a real file, since its index stands at its end.
        table: of rows that do not name their own.
        time_column: the column of event times; '' for none; None to find one.
        batch_rows: rows a batch.

    Raises:
        SourceError: the file cannot be opened, or is damaged.
    """

    def __init__(
        self,
        path: str,
        table: str,
        *,
        time_column: str | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self.path = path
        self.table = table
        self.time_column = time_column
        self.batch_rows = batch_rows
        try:
            self._file = pq.ParquetFile(path)
            with open(path, "rb") as raw:  # noqa: PTH123 - the same path as above
                raw.seek(max(os.fstat(raw.fileno()).st_size - 65_536, 0))
                self._mark = blake2b(raw.read(), digest_size=16).hexdigest()
        except (OSError, pa.ArrowException) as error:
            raise SourceError(
                f"{path}: is not a Parquet file that can be read: {error}.",
                hint="It may have been cut short; Parquet has its index at the end.",
            ) from error
        self.total = int(self._file.metadata.num_rows)

    def parts(self, resume: Mapping[str, object] | None, source: str) -> Iterator[RowPart]:
        """Parts from the row where ``resume`` says, if it is about this file, or from the start."""
        start = self._start(resume)
        layout: Layout | None = None
        for row, table in self._tables(start):
            try:
                columns = pl.DataFrame(table)
            except (pl.exceptions.PolarsError, pa.ArrowException) as error:
                raise SourceError(f"{self.path}: row {row + 1}: {error}.") from error
            tokens, texts = _written(columns)
            layout = layout or layout_of(texts, self.table, self.time_column)
            behind = row + table.num_rows
            batch = self._batch(tokens, texts, layout, row, source)
            declared = {key: Declared(types=_types(table.schema, layout)) for key in batch.rows}
            done = behind >= self.total
            yield RowPart(replace(batch, declared=declared), self.position(behind, done), behind)

    def position(self, row: int, done: bool) -> dict[str, object]:  # noqa: FBT001 - two values
        """Where to resume so that this row (from 0) comes next."""
        return {"fingerprint": self._mark, "row": row, "done": done}

    def _start(self, resume: Mapping[str, object] | None) -> int:
        if not resume or resume.get("fingerprint") != self._mark:
            return 0
        if resume.get("done") and resume.get("closed"):
            return 0
        row = resume.get("row")
        return row if isinstance(row, int) else 0

    def _tables(self, start: int) -> Iterator[tuple[int, pa.Table]]:
        """Rows from ``start`` on, in batches, with the number of the first."""
        row = 0
        for group in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(group).num_rows
            if row + size <= start:
                row += size
                continue
            try:
                batches = self._file.iter_batches(self.batch_rows, row_groups=[group])
                for batch in batches:
                    skip = min(max(start - row, 0), batch.num_rows)
                    if skip < batch.num_rows:
                        yield row + skip, pa.Table.from_batches([batch.slice(skip)])
                    row += batch.num_rows
            except (OSError, pa.ArrowException) as error:
                raise SourceError(
                    f"{self.path}: row {row + 1}: cannot be read any further: {error}.",
                    hint="What was read so far is kept.",
                ) from error

    def _batch(
        self,
        tokens: Mapping[str, pl.Series],
        texts: pl.DataFrame,
        layout: Layout,
        row: int,
        source: str,
    ) -> DecodedBatch:
        numbers = range(row, row + texts.height)
        plain = events_of(tokens, texts, layout, [""] * texts.height)
        ids = [content_id(item, at) for item, at in zip(plain, numbers, strict=True)]
        items = events_of(tokens, texts, layout, ids)
        batch = decode(items, [at + 1 for at in numbers], list(numbers), source=source)
        return replace(batch, backfill=True)


def _written(columns: pl.DataFrame) -> tuple[dict[str, pl.Series], pl.DataFrame]:
    """Columns as JSON values, and as texts."""
    tokens: dict[str, pl.Series] = {}
    texts: list[pl.Series] = []
    for column in columns:
        text, bare = _text(column)
        texts.append(text.alias(column.name))
        tokens[column.name] = text.fill_null("null") if bare else text_tokens(text)
    return tokens, pl.DataFrame(texts)


def _text(column: pl.Series) -> tuple[pl.Series, bool]:  # noqa: PLR0911 - one a kind of type
    """A column as texts, and whether these are JSON already.

    Decimals keep all digits, as text; times are ISO 8601, in UTC where they have a zone or none;
    bytes are base64; NaN and infinities, which JSON does not have, are null.
    """
    kind = column.dtype
    if kind.is_integer():
        return column.cast(pl.String), True
    if kind.is_float():
        finite = column.is_finite().fill_null(value=False)
        return column.set(~finite, None).cast(pl.String), True
    if kind == pl.Boolean:
        return column.cast(pl.String), True
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"), False
    if kind == pl.Time:
        return column.dt.strftime("%H:%M:%S%.f"), False
    if isinstance(kind, pl.Duration):
        return column.dt.total_microseconds().cast(pl.String), True
    if kind == pl.Binary:
        held = [None if v is None else base64.b64encode(v).decode() for v in column.to_list()]
        return pl.Series(held, dtype=pl.String), False
    if kind.is_nested() or kind == pl.Object:
        values = [None if v is None else _document(v) for v in column.to_list()]
        return pl.Series(values, dtype=pl.String), True
    return column.cast(pl.String), False


def _document(value: object) -> str:
    return msgspec.json.encode(_plain(value), enc_hook=str).decode()


def _plain(value: Any) -> Any:
    """A nested value with what JSON has: series as lists, bytes as base64, no NaN."""
    if isinstance(value, pl.Series):
        return [_plain(each) for each in value.to_list()]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _types(schema: pa.Schema, layout: Layout) -> dict[str, str]:
    fields = [field for field in schema if field.name not in layout.envelope]
    return {field.name: _type(field.type) for field in fields}


def _type(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_duration(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "json" if pa.types.is_nested(kind) else "text"
