"""ClickHouse's Native format: blocks of columns, so nothing is written as text and read back.

A block is the number of columns and of rows (variable-length integers), then for each column its
name, its type and its values. Old servers (18.x) read text doubles with an error of one unit in the
last place; bits come through unharmed. See https://clickhouse.com/docs/interfaces/formats/Native.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

_FIXED: dict[str, tuple[np.dtype, pl.DataType]] = {
    "Int64": (np.dtype("<i8"), pl.Int64()),
    "UInt64": (np.dtype("<u8"), pl.UInt64()),
    "Float64": (np.dtype("<f8"), pl.Float64()),
    "DateTime": (np.dtype("<u4"), pl.UInt32()),
}


def encode(frame: pl.DataFrame, types: Mapping[str, str]) -> bytes:
    """A block of the rows.

    Args:
        frame: columns of ``types`` in any order; times as whole seconds since 1970, UInt32.
        types: ClickHouse type by column, of those in `_FIXED`, ``String``, and
            ``Nullable`` of them.
    """
    parts = [_varint(len(types)), _varint(frame.height)]
    for name, kind in types.items():
        parts += [_text(name), _text(kind), *_column(frame[name], kind)]
    return b"".join(parts)


def decode(data: bytes) -> pl.DataFrame:
    """The rows of all blocks, in order; a frame without columns when there is no block.

    Raises:
        ValueError: a type that this does not read, or data that ends too early.
    """
    reader = _Reader(memoryview(data))
    blocks = list(_blocks(reader))
    return pl.concat(blocks) if blocks else pl.DataFrame()


def _column(values: pl.Series, kind: str) -> Iterator[bytes]:
    if kind.startswith("Nullable("):
        yield values.is_null().cast(pl.UInt8).to_numpy().tobytes()
        kind = kind[len("Nullable(") : -1]
    if kind == "String":
        yield _strings(values.fill_null(""))
    else:
        number, plain = _FIXED[kind.partition("(")[0]]
        yield values.cast(plain).fill_null(0).to_numpy().astype(number).tobytes()


def _strings(values: pl.Series) -> bytes:
    """Length and bytes of each; a text that repeats is made once."""
    coded = values.to_arrow().dictionary_encode()
    each = np.array([_text(text) for text in coded.dictionary.to_pylist()], dtype=object)
    return b"".join(each[coded.indices.to_numpy()].tolist()) if len(each) else b""


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _text(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data)) + data


@dataclass
class _Reader:
    data: memoryview
    place: int = 0

    def take(self, count: int) -> memoryview:
        end = self.place + count
        if end > len(self.data):
            raise ValueError("the answer of ClickHouse ends too early.")
        found = self.data[self.place : end]
        self.place = end
        return found

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7

    def text(self) -> str:
        return str(self.take(self.varint()), "utf-8", "replace")


def _blocks(reader: _Reader) -> Iterator[pl.DataFrame]:
    while reader.place < len(reader.data):
        columns, rows = reader.varint(), reader.varint()
        found = []
        for _ in range(columns):
            name, kind = reader.text(), reader.text()
            found.append(_values(reader, kind, rows).alias(name))
        yield pl.DataFrame(found)


def _values(reader: _Reader, kind: str, rows: int) -> pl.Series:
    if kind.startswith("Nullable("):
        missing = np.frombuffer(reader.take(rows), dtype="u1").astype(bool)
        values = _values(reader, kind[len("Nullable(") : -1], rows)
        return pl.select(pl.when(pl.Series(~missing)).then(values)).to_series()
    if kind == "String":
        return pl.Series([reader.text() for _ in range(rows)], dtype=pl.String)
    base = kind.partition("(")[0]
    if base not in _FIXED:
        raise ValueError(f"ClickHouse answers with the type {kind}, which is not asked for.")
    number, plain = _FIXED[base]
    data = np.frombuffer(reader.take(number.itemsize * rows), dtype=number)
    return pl.Series(data.astype(number.newbyteorder("=")), dtype=plain)
