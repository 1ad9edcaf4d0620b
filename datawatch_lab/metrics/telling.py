"""What sampled values tell of their fields: shapes, numbers, lengths, hashes; many fields at once.

Values of one type are looked at together, whatever tables they are of, since the samples of
hundreds of tables are some ten thousand short columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.columns import texts_of
from datawatch_lab.metrics.hashing import Hashes, hash_column
from datawatch_lab.metrics.images import label_texts
from datawatch_lab.metrics.numbers import Floats
from datawatch_lab.metrics.shapes import DECIMAL, INTEGER, shape_of

_WHOLE_FLOAT = re.compile(r"(-?[0-9]+)\.0")  # how it looks in a batch where it stands beside text
_WHOLE_BELOW = 1e15  # whole doubles from here on are not written as integers
_SHAPED_LENGTH = 200  # characters of a value that its shape is read from

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Told:
    """What values of one field tell.

    Attributes:
        shapes: how many have which shape, see `shapes.shape_of`.
        numbers: those that are numbers, in order.
        longest: characters of the longest.
        hashes: of each value.
    """

    shapes: dict[str, int]
    numbers: Floats
    longest: int
    hashes: Hashes


def tell(columns: Sequence[pl.Series]) -> list[Told]:
    """What the values of each column tell.

    Args:
        columns: Int64, Int128, Float64, Boolean or String, without nulls.

    Returns:
        One a column. Integers and usual doubles tell what their texts would.
    """
    told: list[Told | None] = [None] * len(columns)
    by_type: dict[pl.DataType, list[int]] = {}
    for place, column in enumerate(columns):
        if len(column):
            by_type.setdefault(column.dtype, []).append(place)
    for places in by_type.values():
        for place, one in zip(places, _tell([columns[each] for each in places]), strict=True):
            told[place] = one
    nothing = Told({}, np.empty(0), 0, np.empty(0, dtype=np.uint64))
    return [nothing if each is None else each for each in told]


def _tell(columns: Sequence[pl.Series]) -> Iterator[Told]:
    """The same of columns of one type, none of them empty."""
    sizes = np.fromiter(map(len, columns), np.int64, len(columns))
    values = pl.concat([each.alias("") for each in columns], rechunk=True)
    starts = np.cumsum(sizes) - sizes
    if values.dtype == pl.Int64:
        return _of_integers(values.to_numpy(), hash_column(values), starts)
    if values.dtype == pl.Float64 and (np.abs(values.to_numpy()) < _WHOLE_BELOW).all():
        return _of_doubles(values, hash_column(values), starts)
    texts = _texts(values)
    hashes = hash_column(pl.Series(texts) if values.dtype == pl.String else values)
    return _of_texts(texts, hashes, starts)


def _parts(starts: Ints, size: int) -> Iterator[slice]:
    ends = [*starts[1:].tolist(), size]
    return (slice(*each) for each in zip(starts.tolist(), ends, strict=True))


def _of_integers(values: Ints, hashes: Hashes, starts: Ints) -> Iterator[Told]:
    floats = values.astype(np.float64)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    for part, end in zip(_parts(starts, len(values)), ends, strict=True):
        longest = max(len(str(each)) for each in end)
        yield Told({INTEGER: part.stop - part.start}, floats[part], longest, hashes[part])


def _of_doubles(column: pl.Series, hashes: Hashes, starts: Ints) -> Iterator[Told]:
    values = column.to_numpy()
    wholes = np.add.reduceat((values == np.floor(values)).astype(np.int64), starts)
    lengths = np.asarray(pc.binary_length(texts_of(label_texts(column))))
    longest = np.maximum.reduceat(lengths, starts)
    counts = zip(wholes.tolist(), longest.tolist(), strict=True)
    for part, (whole, length) in zip(_parts(starts, len(values)), counts, strict=True):
        shapes = {INTEGER: whole, DECIMAL: part.stop - part.start - whole}
        told = {shape: count for shape, count in shapes.items() if count}
        yield Told(told, values[part], length, hashes[part])


def _of_texts(texts: list[str], hashes: Hashes, starts: Ints) -> Iterator[Told]:
    shapes: dict[str, str] = {}
    for part in _parts(starts, len(texts)):
        mine = texts[part]
        counts = Counter(mine)
        tally: dict[str, int] = {}
        for text, count in counts.items():
            shape = shapes.get(text)
            if shape is None:
                shape = shapes[text] = shape_of(text[:_SHAPED_LENGTH])
            tally[shape] = tally.get(shape, 0) + count
        numbers: list[float] = []
        if INTEGER in tally or DECIMAL in tally:
            numbers = [float(text) for text in mine if shapes[text] in (INTEGER, DECIMAL)]
        longest = max(map(len, counts))
        yield Told(tally, np.array(numbers, dtype=np.float64), longest, hashes[part])


def _texts(values: pl.Series) -> list[str]:
    """Values as label texts; whole floats as integers."""
    texts: list[str] = label_texts(values).to_list()
    return [
        whole[1] if text.endswith(".0") and (whole := _WHOLE_FLOAT.fullmatch(text)) else text
        for text in texts
    ]
