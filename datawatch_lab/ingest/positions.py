"""Order of events of one source, out of the texts of its positions; column-wise.

Every source writes its position in its own shape. Here they become two whole numbers, the ordinal
(where in the source's log) and the sub (order within that), so that of two versions of a row the
later one is known without a look at arrival. Numbers of different sources are not comparable.
"""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pyarrow as pa

_FILE_BITS = 40
"""A binary log has fewer than 2^40 bytes; its number stands in the bits above."""

_MOST_FILES = 8
_PAD = 64
_MAX = np.uint64(2**63 - 1)
_NONE = 255
_VALUE_OF = np.full(256, _NONE, np.uint8)
for _text, _first in ((b"0123456789", 0), (b"abcdef", 10), (b"ABCDEF", 10)):
    _VALUE_OF[list(_text)] = np.arange(_first, _first + len(_text), dtype=np.uint8)
_BEFORE_VALUE = np.zeros(256, np.bool_)
_BEFORE_VALUE[list(b': "\t\r\n')] = True
_LSN_FIRST, _THEN_SEQUENCE = b'{"lsn":"', b'","sequence":'
_CLOSES = ord("}")
_FILE = re.compile(r'"file"\s*:\s*"[^"]*"')
_FILE_NUMBER = r'"file"\s*:\s*"[^"]*?([0-9]{1,6})"'
_PLAIN_LSN = r'^"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})"$'
_PLAIN_PLACE = r'^"[^"]*?([0-9]{1,6}):([0-9]{1,12})(?:[:/][^"]*)?"$'
_PLAIN_NUMBER = r'^"?([0-9]{1,18})"?$'
_CLUSTER_TIME = r'"cluster_time"\s*:\s*[^0-9]{0,24}([0-9]{1,10})[^0-9}]{1,12}([0-9]{1,9})\b'
_GTID = r'"gtid(?:_set)?"\s*:\s*"[^"]*?[:-]([0-9]{1,18})"'


def order_of(positions: pl.Series, tx_order: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Ordinal and sub of each event; both Int64 without nulls, 0 where nothing is known.

    Understood are ``lsn`` (``"0/16B3748"`` or a number), ``pos`` or ``position`` with the number
    of the binary log's ``file`` above it, ``cluster_time`` (seconds and increment), ``gtid`` when
    there is nothing else, and bare values: ``"0/16B3748"``, ``"binlog.000001:123"``, ``123``. The
    sub is the position's ``sequence`` if that is a number, else the order in the transaction, else
    the ``row`` within a position.

    Args:
        positions: String, JSON texts; null where an event has none.
        tx_order: Int64, the order in the transaction; may be null.
    """
    sub = tx_order.cast(pl.Int64).fill_null(0)
    if positions.null_count() == positions.len():
        return pl.zeros(positions.len(), pl.Int64, eager=True).alias("ordinal"), sub.alias("sub")
    texts = _Texts(positions)
    usual = _usual(texts)
    if usual is not None:
        return pl.Series("ordinal", usual[0]), pl.Series("sub", usual[1])
    ordinal = _log_places(texts)
    left = ordinal < 0
    if left.any():
        ordinal[left] = _other_places(positions.filter(pl.Series(left)))
    sequence = texts.numbers(b'"sequence"')
    order = np.where(sequence >= 0, sequence, tx_order.cast(pl.Int64).fill_null(-1).to_numpy())
    if (order < 0).any():
        order = np.where(order < 0, texts.numbers(b'"row"'), order)
    return (
        pl.Series("ordinal", np.maximum(ordinal, 0)),
        pl.Series("sub", np.maximum(order, 0)),
    )


class _Texts:
    """Position texts as one buffer, so that numbers are read with array operations."""

    def __init__(self, positions: pl.Series) -> None:
        self.series = positions.fill_null("")
        array = self.series.to_arrow().cast(pa.large_string())
        bounds = np.frombuffer(array.buffers()[1], np.int64)[array.offset :][: len(array) + 1]
        held = array.buffers()[2]
        self.bytes = (held.to_pybytes() if held else b"")[: int(bounds[-1])]
        self.data = np.frombuffer(self.bytes + bytes(_PAD), np.uint8)
        self.starts, self.ends = bounds[:-1], bounds[1:]
        self._words = np.ndarray(
            shape=(len(self.data) - 7,), dtype="<u8", buffer=self.data, strides=(1,)
        )

    def has(self, at: np.ndarray, word: bytes) -> bool:
        """Whether a word of 8 to 16 bytes stands at every one of some places."""
        first, last = (int.from_bytes(part, "little") for part in (word[:8], word[-8:]))
        return bool(
            (self._words[at] == first).all() and (self._words[at + (len(word) - 8)] == last).all()
        )

    def values_of(self, key: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Rows that have the key, and where in the buffer its value begins, quotes passed over."""
        if key not in self.bytes:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        found = self.series.str.find(key.decode(), literal=True)
        rows = np.flatnonzero(found.is_not_null().to_numpy())
        at = self.starts[rows] + found.drop_nulls().to_numpy().astype(np.int64) + len(key)
        for _ in range(4):  # colon, spaces, quote
            step = _BEFORE_VALUE[self.data[at]]
            if not step.any():
                break
            at = at + step
        return rows, at

    def numbers(self, key: bytes) -> np.ndarray:
        """The whole number under a key, of every row; -1 where there is none."""
        numbers = np.full(len(self.starts), -1, np.int64)
        rows, at = self.values_of(key)
        if len(rows):
            numbers[rows] = self.read(at, 10)[0]
        return numbers

    def read(self, at: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers that begin at places of the buffer (-1: none there), and where they end."""
        total = np.zeros(len(at), np.uint64)
        length = np.zeros(len(at), np.int64)
        alive = np.ones(len(at), np.bool_)
        most = 16 if base == 16 else 19
        for step in range(most + 1):
            digit = _VALUE_OF[self.data[at + step]]
            alive &= digit < base
            live = int(np.count_nonzero(alive))
            if not live:
                break
            if live == len(at):
                total *= np.uint64(base)
                total += digit
                length += 1
            else:
                total *= np.where(alive, np.uint64(base), np.uint64(1))
                total += digit * alive
                length += alive
        number = np.minimum(total, _MAX).astype(np.int64)
        return np.where((length > 0) & (length <= most), number, -1), at + length


def _usual(texts: _Texts) -> tuple[np.ndarray, np.ndarray] | None:
    """Ordinals and subs where every text is ``{"lsn":"0/16B3748","sequence":1}``, else None."""
    if not texts.has(texts.starts, _LSN_FIRST):
        return None
    high, end = texts.read(texts.starts + len(_LSN_FIRST), 16)
    if (high < 0).any() or (texts.data[end] != ord("/")).any():
        return None
    low, end = texts.read(end + 1, 16)
    if (low < 0).any() or not texts.has(end, _THEN_SEQUENCE):
        return None
    sequence, end = texts.read(end + len(_THEN_SEQUENCE), 10)
    if (sequence < 0).any() or (end + 1 != texts.ends).any() or (texts.data[end] != _CLOSES).any():
        return None
    return np.maximum((high << 32) + low, 0), sequence


def _log_places(texts: _Texts) -> np.ndarray:
    """Ordinals from ``lsn``, else from ``pos`` or ``position`` and ``file``; -1 for neither."""
    ordinal = np.full(len(texts.starts), -1, np.int64)
    rows, at = texts.values_of(b'"lsn"')
    if len(rows):
        ordinal[rows] = _lsn(texts, at)
    for key in (b'"pos"', b'"position"'):
        if (ordinal < 0).any():
            place = texts.numbers(key)
            ordinal = np.where((ordinal < 0) & (place >= 0), place + _files(texts, place), ordinal)
    return ordinal


def _lsn(texts: _Texts, at: np.ndarray) -> np.ndarray:
    """LSNs as numbers: two halves of hexadecimal digits with a slash between, or decimal digits."""
    high, end = texts.read(at, 16)
    halves = texts.data[np.minimum(end, len(texts.data) - 1)] == ord("/")
    number = np.full(len(at), -1, np.int64)
    if halves.any():
        low = texts.read(end[halves] + 1, 16)[0]
        whole = (high[halves] << 32) + low
        number[halves] = np.where((high[halves] >= 0) & (low >= 0), whole, -1)
    if not halves.all():
        number[~halves] = texts.read(at[~halves], 10)[0]
    return number


def _files(texts: _Texts, place: np.ndarray) -> np.ndarray:
    """What the number of the binary log adds to the places in it; a batch comes from few logs."""
    above = np.zeros(len(place), np.int64)
    if b'"file"' not in texts.bytes:
        return above
    left = place >= 0
    for _ in range(_MOST_FILES):
        if not left.any():
            return above
        first = int(np.argmax(left))
        name = _FILE.search(str(texts.series[first]))
        if name is None:
            left[first] = False
            continue
        same = left & texts.series.str.contains(name[0], literal=True).to_numpy()
        digits = re.search(r'([0-9]{1,6})"$', name[0])
        above[same] = int(digits[1]) << _FILE_BITS if digits else 0
        left &= ~same
    numbers = texts.series.str.extract(_FILE_NUMBER).cast(pl.Int64).fill_null(0).to_numpy()
    return np.where(left, numbers << _FILE_BITS, above)


def _other_places(positions: pl.Series) -> np.ndarray:
    """Ordinals of positions of rarer shapes; -1 where none fits."""
    if positions.null_count() == positions.len():
        return np.full(positions.len(), -1, np.int64)
    found = pl.DataFrame({"text": positions.str.strip_chars()})
    lsn = pl.col("text").str.extract_groups(_PLAIN_LSN)
    place, cluster = (
        pl.col("text").str.extract_groups(form) for form in (_PLAIN_PLACE, _CLUSTER_TIME)
    )
    ordinal = found.select(
        pl.coalesce(
            _base16(lsn, "1") * 2**32 + _base16(lsn, "2"),
            _whole(place, "1") * 2**_FILE_BITS + _whole(place, "2"),
            pl.col("text").str.extract(_PLAIN_NUMBER).cast(pl.Int64),
            _whole(cluster, "1") * 2**32 + _whole(cluster, "2"),
            pl.col("text").str.extract(r'"cluster_time"\s*:\s*"?([0-9]{1,18})\b').cast(pl.Int64),
            pl.col("text").str.extract(_GTID).cast(pl.Int64),
            pl.lit(-1),
        ).cast(pl.Int64)
    )
    return ordinal.to_series().to_numpy().copy()


def _base16(groups: pl.Expr, name: str) -> pl.Expr:
    return groups.struct.field(name).str.to_integer(base=16, strict=False)


def _whole(groups: pl.Expr, name: str) -> pl.Expr:
    return groups.struct.field(name).cast(pl.Int64)
