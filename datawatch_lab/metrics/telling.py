"""What sampled values tell of their fields: shapes, numbers, lengths, hashes; many fields at once.

Values of one type are looked at together, whatever tables they are of, since the samples of
hundreds of tables are some ten thousand short columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.columns import texts_of
from datawatch_lab.metrics.hashing import Hashes, hash_column
from datawatch_lab.metrics.images import label_texts
from datawatch_lab.metrics.numbers import Floats
from datawatch_lab.metrics.shapes import DATETIME, DECIMAL, INTEGER, NUMBERS, PLAIN, shape_of

_WHOLE_FLOAT = r"^(-?[0-9]+)\.0$"
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


def _of_texts(texts: pa.LargeStringArray, hashes: Hashes, starts: Ints) -> Iterator[Told]:
    """Each text is looked at once, however often it comes."""
    encoded = texts.dictionary_encode()
    code = np.asarray(encoded.indices)
    names, shapes = _shapes(encoded.dictionary)
    shape = shapes[code]
    sizes = np.diff(starts, append=len(code))
    cell = np.repeat(np.arange(len(starts)) * len(names), sizes) + shape
    counts = np.bincount(cell, minlength=len(starts) * len(names)).reshape(len(starts), -1)
    longest = np.maximum.reduceat(np.asarray(pc.utf8_length(encoded.dictionary))[code], starts)
    numeric = np.array([name in NUMBERS for name in names])
    is_number = numeric[shape]
    numbers = _numbers(encoded.dictionary, numeric[shapes])[code[is_number]]
    ends = np.append(0, np.cumsum(is_number))[np.append(starts, len(code))]
    for place, part in enumerate(_parts(starts, len(code))):
        found = zip(names, counts[place].tolist(), strict=True)
        yield Told(
            {name: count for name, count in found if count},
            numbers[ends[place] : ends[place + 1]],
            int(longest[place]),
            hashes[part],
        )


def _shapes(texts: pa.LargeStringArray) -> tuple[list[str], NDArray[np.intp]]:
    """Shape of each of some texts, all different: names of shapes, and which each has.

    The usual ones are told all at once, by expressions that take the very texts that those of
    `shapes` take.
    """
    names = [INTEGER, DECIMAL, DATETIME]
    found = np.full(len(texts), -1, dtype=np.intp)
    short = np.asarray(pc.binary_length(texts)) <= _SHAPED_LENGTH
    for number, pattern in enumerate(_USUAL):
        alike = np.asarray(pc.match_substring_regex(texts, pattern))
        found[alike & short & (found < 0)] = number
    found[(found == 1) & np.asarray(pc.match_substring_regex(texts, _FROM_ZERO))] = -1
    codes = {name: number for number, name in enumerate(names)}
    rest = np.flatnonzero(found < 0)
    for at, text in zip(rest.tolist(), texts.take(pa.array(rest)).to_pylist(), strict=True):
        found[at] = codes.setdefault(shape_of(text[:_SHAPED_LENGTH]), len(codes))
    return list(codes), found


_USUAL = tuple(rf"^(?:{PLAIN[name]})$" for name in (INTEGER, DECIMAL, DATETIME))
_FROM_ZERO = "^0[0-9]+$"  # digits that are no plain number


def _numbers(texts: pa.LargeStringArray, numeric: NDArray[np.bool_]) -> Floats:
    """The number that each text is; 0 where it is none."""
    values = np.zeros(len(texts))
    values[numeric] = [_number(text) for text in texts.filter(pa.array(numeric)).to_pylist()]
    return values


def _number(text: str) -> float:
    """The number of a text that begins like one as far as its shape is read.

    >>> _number("1" * 250 + "x") == float("1" * 200)
    True
    """
    try:
        return float(text)
    except ValueError:
        return float(text[:_SHAPED_LENGTH])


def _texts(values: pl.Series) -> pa.LargeStringArray:
    """Values as label texts; whole floats as integers, as in a batch where they stand beside text.

    >>> _texts(pl.Series(["-2.0", "x.0", "7"])).to_pylist()
    ['-2', 'x.0', '7']
    """
    texts = texts_of(label_texts(values))
    if not pc.any(pc.ends_with(texts, ".0")).as_py():
        return texts
    return pc.replace_substring_regex(texts, _WHOLE_FLOAT, r"\1")
