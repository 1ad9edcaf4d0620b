"""Stable 64-bit hashes of columns.

They are part of what is stored (registers merge over years), so they depend on nothing but this
file: not on Python's, polars' or numpy's own hashes. Changing a result here is a migration.

A value has one canonical form, so that a column that drifts between number and text counts each
value once: ``1``, ``1.0`` and ``"1"`` agree. ``"007"`` is not 7, and ``"1e3"`` is text.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from datawatch_lab.core.columns import texts_of

Hashes = NDArray[np.uint64]

_SAFE_INTEGER = 10**18  # integers from here on hash as their digits, whatever type holds them
_LONG_TEXT = 256  # bytes; longer texts are rare and hashed one by one
_INTEGER_TEXT = r"^-?(?:0|[1-9][0-9]{0,17})(?:\.0+)?$"
_FRACTION_TEXT = r"^-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}$"
_DECIMAL_TEXT = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?$"
"""Texts of the two kinds that are the nearest double's, so that this tells their hash."""
_INTEGER_SALT = np.uint64(0x9E3779B97F4A7C15)
_FLOAT_SALT = np.uint64(0xD1B54A32D192ED03)
_TEXT_SALT = np.uint64(0x8CB92BA72F3D8DD7)
_WORD_FACTOR = np.uint64(0x9FB21C651E98DF25)


def hash_column(column: pl.Series) -> Hashes:
    """A 64-bit hash of each value.

    Args:
        column: Int64, Int128, Float64, Boolean or String, without nulls (filter them before).

    Returns:
        uint64, same length.
    """
    if column.dtype == pl.Float64:
        return _hash_floats(column.to_numpy())
    if column.dtype.is_integer():
        return _hash_integers(column)
    return _hash_texts(column.cast(pl.String))


def mix(words: Hashes) -> Hashes:
    """Finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit of input reaches every bit."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _hash_int64(values: NDArray[np.int64]) -> Hashes:
    return mix(values.view(np.uint64) + _INTEGER_SALT)


def _hash_integers(column: pl.Series) -> Hashes:
    large = (column >= _SAFE_INTEGER) | (column <= -_SAFE_INTEGER)
    if not large.any():
        return _hash_int64(column.cast(pl.Int64).to_numpy())
    result = np.empty(len(column), dtype=np.uint64)
    mask = large.to_numpy()
    result[~mask] = _hash_int64(column.filter(~large).cast(pl.Int64).to_numpy())
    result[mask] = _hash_bytes(texts_of(column.filter(large).cast(pl.String)))
    return result


def _hash_floats(values: NDArray[np.float64]) -> Hashes:
    whole = (values == np.floor(values)) & (np.abs(values) < _SAFE_INTEGER)
    as_float = mix(np.ascontiguousarray(values).view(np.uint64) ^ _FLOAT_SALT)
    return np.where(whole, _hash_int64(np.where(whole, values, 0).astype(np.int64)), as_float)


def _hash_texts(column: pl.Series) -> Hashes:
    """Texts that are plain numbers hash as numbers, the rest as bytes."""
    texts = texts_of(column)
    first = _first_bytes(texts)
    numeric = (first == ord("-")) | ((first >= ord("0")) & (first <= ord("9")))
    if numeric.all() and _matches(texts, _DECIMAL_TEXT).all():
        return _hash_floats(pl.Series(texts).cast(pl.Float64).to_numpy())
    result = _hash_bytes(texts)
    where = np.flatnonzero(numeric)
    if where.size:
        where = where[_matches(texts.take(pa.array(where)), r"^-?[0-9][0-9.]*$")]
    if not where.size:
        return result
    numbers = texts.take(pa.array(where))
    integer = _matches(numbers, _INTEGER_TEXT)
    fraction = _matches(numbers, _FRACTION_TEXT) & ~integer
    if integer.any():
        bare = pc.replace_substring_regex(numbers.filter(pa.array(integer)), r"\.0+$", "")
        result[where[integer]] = _hash_int64(np.asarray(bare.cast(pa.int64())))
    if fraction.any():
        floats = pl.Series(numbers.filter(pa.array(fraction))).cast(pl.Float64)
        result[where[fraction]] = _hash_floats(floats.to_numpy())
    return result


def _first_bytes(texts: pa.LargeStringArray) -> NDArray[np.uint8]:
    """First byte of each text, 0 of an empty one."""
    _, offset_buffer, data_buffer = texts.buffers()
    size = len(texts)
    found = np.zeros(size, dtype=np.uint8)
    if not size or data_buffer is None or not data_buffer.size:
        return found
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[texts.offset : texts.offset + size + 1]
    some = np.diff(offsets) > 0
    found[some] = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[:-1][some]]
    return found


def _matches(texts: pa.LargeStringArray, pattern: str) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(texts, pattern))


def _hash_bytes(array: pa.LargeStringArray) -> Hashes:
    """Hash UTF-8 bytes eight at a time, one pass over the column per word."""
    _, offset_buffer, data_buffer = array.buffers()
    size = len(array)
    if not size:
        return np.empty(0, dtype=np.uint64)
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[array.offset : array.offset + size + 1]
    starts, lengths = offsets[:-1], np.diff(offsets)
    data = data_buffer.to_pybytes() if data_buffer is not None else b""
    # an overlapping view: the eight bytes that begin at each position
    padded = data + bytes(8)
    windows = np.ndarray(shape=(len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
    hashes = mix(lengths.astype(np.uint64) + _TEXT_SALT)
    short = np.flatnonzero(lengths <= _LONG_TEXT)
    for word in range(-(-int(lengths[short].max(initial=0)) // 8)):
        left = lengths[short] - 8 * word
        short, left = short[left > 0], left[left > 0]
        taken = windows[starts[short] + 8 * word] & _tail_mask(left)
        hashes[short] = mix((hashes[short] ^ taken) * _WORD_FACTOR)
    for row in np.flatnonzero(lengths > _LONG_TEXT).tolist():
        text = data[starts[row] : starts[row] + lengths[row]]
        digest = hashlib.blake2b(text, digest_size=8).digest()
        hashes[row] = int.from_bytes(digest, "little")
    return hashes


def _tail_mask(left: NDArray[np.int64]) -> Hashes:
    """Masks that keep the first ``left`` (at most eight) bytes of a little-endian word."""
    unused = (8 * (8 - np.minimum(left, 8))).astype(np.uint64)
    return np.uint64(0xFFFFFFFFFFFFFFFF) >> unused
