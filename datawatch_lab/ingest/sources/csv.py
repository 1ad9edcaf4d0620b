"""CSV files: dialect and header by the first bytes, rows as events, resumed at any record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import msgspec
import pyarrow as pa

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.cutting import Cut, Mode
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.identity import content_id
from datawatch_lab.ingest.records import Dialect, RecordCutter, fields_of
from datawatch_lab.ingest.sources.forms import AnyCutter
from datawatch_lab.ingest.tabular import Layout, events_of, layout_of, value_tokens


class _Kept(msgspec.Struct):
    dialect: Dialect
    layout: Layout | None
    text: list[str]


class CsvForm:
    """Delimited text.

    Args:
        table: of rows that do not name their own.
        time_column: the column of event times; '' for none; None to find one.
        delimiter: one character; '' to find it.
        header: whether the first record has the names; None to find out.
        backfill: the rows are history, so how long they took says nothing.
    """

    def __init__(
        self,
        table: str,
        *,
        time_column: str | None = None,
        delimiter: str = "",
        header: bool | None = None,
        backfill: bool = True,
    ) -> None:
        self.table = table
        self.time_column = time_column
        self.delimiter = delimiter
        self.header = header
        self.backfill = backfill
        self._layout: Layout | None = None
        self._text: set[str] = set()
        self._cutter = RecordCutter(delimiter=delimiter, header=header)

    def cutter(self, offset: int = 0, line: int = 1, mode: Mode = "") -> AnyCutter:
        """A cutter of records; it keeps the dialect that is known of the file."""
        dialect = self._cutter.dialect if mode else None
        self._cutter = RecordCutter(
            offset, line, dialect, delimiter=self.delimiter, header=self.header
        )
        return self._cutter

    def restore(self, kept: object) -> None:
        """Know the dialect, what columns are for, and which of them are text."""
        try:
            known = msgspec.convert(kept, _Kept)
        except msgspec.ValidationError:
            return
        self._cutter.dialect = known.dialect
        self._layout, self._text = known.layout, set(known.text)

    def kept(self) -> Mapping[str, object]:
        """Dialect, use of columns, columns of text."""
        if self._cutter.dialect is None:
            return {}
        layout = None if self._layout is None else asdict(self._layout)
        dialect = {**asdict(self._cutter.dialect), "columns": list(self._cutter.dialect.columns)}
        return {"dialect": dialect, "layout": layout, "text": sorted(self._text)}

    def decode(self, cut: Cut, source: str) -> DecodedBatch:
        """Rows as events; a row that does not fit the columns is malformed."""
        dialect = self._cutter.dialect
        if dialect is None or not cut.items:
            return decode(cut.items, cut.lines, cut.offsets, source=source, refused=cut.refused)
        texts, faults = fields_of(cut.items, dialect)
        if self._layout is None:
            self._layout = layout_of(texts, self.table, self.time_column)
        tokens = {}
        for name in texts.columns:
            tokens[name], is_text = value_tokens(texts[name], as_text=name in self._text)
            if is_text:
                self._text.add(name)
        ids = [content_id(item, at) for item, at in zip(cut.items, cut.offsets, strict=True)]
        items = events_of(tokens, texts, self._layout, ids)
        refused = faults | cut.refused
        for at in refused:
            items[at] = cut.items[at]
        batch = decode(items, cut.lines, cut.offsets, source=source, refused=refused)
        size = sum(map(len, cut.items))
        return replace(batch, bad=self._named(batch.bad), size=size, backfill=self.backfill)

    def _named(self, bad: pa.Table) -> pa.Table:
        """Malformed rows, under the table that the file is of."""
        if not bad.num_rows or self._layout is None or self._layout.operation:
            return bad
        at = bad.schema.get_field_index("table")
        names = pa.array([self._layout.table] * bad.num_rows, bad.schema.field(at).type)
        return bad.set_column(at, bad.schema.field(at), names)
