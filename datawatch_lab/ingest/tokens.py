"""Columns from the JSON tokens themselves, for values that a column parser would not keep exactly.

A token is the text of one JSON value as it came. This way costs about twice the column parser's, so
`ingest.rows` takes it only for the columns, or the batches, that need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from msgspec import UNSET, Raw, UnsetType

Token = Raw | UnsetType
"""The text of a JSON value; ``UNSET`` where the field is missing."""

LONG_NUMBER = r"^-?(?:[0-9.]{16,}|[0-9.]+[eE][+-]?[0-9]{3,})"
"""What a number token looks like that a double may not hold exactly (superset)."""

_SURELY_EXACT = 15
"""Characters of a number without an exponent that a double holds, whatever they are."""

_QUOTE, _OBJECT, _ARRAY, _NULL, _TRUE, _FALSE = b'"{[ntf'
_UNNAMEABLE = frozenset('"\\') | {chr(c) for c in range(0x20)}


@dataclass(frozen=True)
class TokenColumn:
    """A column made from tokens.

    Attributes:
        values: Int64, Int128, Float64, Boolean or String.
        absent: Boolean, true where the field is missing.
        json: whether some values are objects or arrays, held as their JSON text.
    """

    values: pl.Series
    absent: pl.Series
    json: bool


def field_tokens(images: Sequence[bytes], names: Sequence[str]) -> list[list[Token]]:
    """The tokens of some fields of valid JSON objects; one list a name, as long as ``images``.

    The last of several equal keys wins.
    """
    if any(not _UNNAMEABLE.isdisjoint(name) for name in names):
        as_dict = msgspec.json.Decoder(dict[str, Raw]).decode
        fields = [as_dict(image) for image in images]
        return [[row.get(name, UNSET) for row in fields] for name in names]
    slots = [f"f{i}" for i in range(len(names))]
    shape = msgspec.defstruct(
        "Fields",
        [(slot, Raw, UNSET) for slot in slots],
        rename=dict(zip(slots, names, strict=True)),
        gc=False,
    )
    decode = msgspec.json.Decoder(shape).decode
    rows = [decode(image) for image in images]
    return [[getattr(row, slot) for row in rows] for slot in slots]


def token_column(name: str, tokens: Sequence[Token]) -> TokenColumn:
    """Make a column that holds every token exactly.

    Integers are Int64 or Int128, other numbers Float64 if each comes back from a double as it was
    written, else String with their digits; a mixture of kinds is String: strings as they read,
    everything else as its text.
    """
    present = np.fromiter((token is not UNSET for token in tokens), np.bool_, len(tokens))
    absent = pl.Series(name, ~present)
    if not present.any():
        return TokenColumn(pl.Series(name, [None] * len(tokens), pl.String), absent, json=False)
    text, first = _text(list(compress(tokens, present)), present)
    kinds = {int(kind) for kind in np.unique(first)} - {0, _NULL}
    json = not kinds.isdisjoint({_OBJECT, _ARRAY})
    if _QUOTE in kinds:
        text = _unquote(text, first == _QUOTE)
    return TokenColumn(_typed(text, kinds).alias(name), absent, json)


def frame_of(columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    """A frame of named columns, of which there is at least one; quicker than by its constructor."""
    if "" in columns:
        return pl.DataFrame(columns)  # a list of columns would give another name to this one
    return pl.DataFrame([column.alias(name) for name, column in columns.items()])


def inexact(literals: pl.Series) -> bool:
    """Whether some number literal does not come back from a double with the value it was written.

    >>> inexact(pl.Series(["0.1", "1e300"])), inexact(pl.Series(["9007199254740993"]))
    (False, True)
    """
    long = literals.filter(literals.str.contains(LONG_NUMBER)).unique()
    return any(Decimal(repr(float(text))) != Decimal(text) for text in long)


def _text(tokens: Sequence[Token], present: np.ndarray) -> tuple[pl.Series, np.ndarray]:
    """Token texts, null for absent and ``null``; and their first bytes, 0 for absent."""
    raws = [bytes(token) for token in tokens if token is not UNSET]
    lengths = np.zeros(len(present), dtype=np.int64)
    lengths[present] = np.fromiter(map(len, raws), np.int64, len(raws))
    data = b"".join(raws)
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    first = np.zeros(len(present), dtype=np.uint8)
    first[present] = np.frombuffer(data, np.uint8)[bounds[:-1][present]]
    valid = np.packbits(present & (first != _NULL), bitorder="little")
    array = pa.LargeStringArray.from_buffers(
        len(present), pa.py_buffer(bounds), pa.py_buffer(data), pa.py_buffer(valid)
    )
    return pl.Series(array), first


def _unquote(text: pl.Series, quoted: np.ndarray) -> pl.Series:
    where = np.flatnonzero(quoted)
    listed = "[" + ",".join(text.gather(where).to_list()) + "]"
    plain = msgspec.json.decode(listed, type=list[str])
    return text.scatter(where, pl.Series(plain, dtype=pl.String))


def _typed(text: pl.Series, kinds: set[int]) -> pl.Series:
    if kinds and kinds <= {_TRUE, _FALSE}:
        return text == "true"
    if not kinds or not kinds.isdisjoint({_QUOTE, _OBJECT, _ARRAY, _TRUE, _FALSE}):
        return text
    return number_column(text, whole=text.str.contains(r"^-?[0-9]+$").all())


def number_column(text: pl.Series, *, whole: bool, longest: int | None = None) -> pl.Series:
    """A column of number literals: the smallest type that holds every one exactly, else text.

    Args:
        text: JSON numbers; may have nulls.
        whole: all of them are written without point and exponent.
        longest: the most characters that one has, if that is known and none has an exponent.
    """
    if whole:
        for kind in (pl.Int64, pl.Int128):
            numbers = text.cast(kind, strict=False)
            if numbers.null_count() == text.null_count():
                return numbers
        return text
    if (longest is None or longest > _SURELY_EXACT) and inexact(text):
        return text
    return text.cast(pl.Float64)
