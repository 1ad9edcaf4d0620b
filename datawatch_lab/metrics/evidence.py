"""What is known about a table's fields: statistics over the first rows, the same however batched.

Each field is judged by its own first ``limit`` inserted or snapshot rows that have it, in order of
sequence number, so a field that appears late gets its own sample. Which JSON types were seen is
noted beyond the sample too, since it decides the type of the column and not its role.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
import pyarrow.compute as pc

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.columns import not_null
from datawatch_lab.metrics.hashing import hash_column
from datawatch_lab.metrics.images import label_texts
from datawatch_lab.metrics.shapes import DECIMAL, INTEGER, shape_of

_WHOLE_FLOAT = re.compile(r"(-?[0-9]+)\.0")  # how it looks in a batch where it stands beside text
_INSERT, _SNAPSHOT, _DELETE = b"crd"
_WHOLE_BELOW = 1e15  # whole doubles from here on are not written as integers
_SHAPED_LENGTH = 200  # characters of a value that its shape is read from


class FieldEvidence(msgspec.Struct, kw_only=True, frozen=True):
    """Statistics of one field.

    Attributes:
        rows: sampled rows that have the field, null or not; at most the limit.
        nulls: of these, those where it is null.
        kinds: JSON types seen, ever: integer, number, boolean, text, json; sorted.
        shapes: sampled values by `shapes.shape_of`.
        low, high: smallest and largest sampled number; None without one.
        rising: sampled numbers that are larger than the one before.
        last: the number sampled last.
        longest: characters of the longest sampled value.
        hashes: sorted 64-bit hashes of the distinct sampled values, little-endian.
        spared: repeats that a key may have: values of rows that a snapshot read once more, and of
            rows that were deleted, so that they may come again.
    """

    name: str
    rows: int = 0
    nulls: int = 0
    kinds: tuple[str, ...] = ()
    shapes: dict[str, int] = {}
    low: float | None = None
    high: float | None = None
    rising: int = 0
    last: float | None = None
    longest: int = 0
    hashes: bytes = b""
    spared: int = 0

    @property
    def values(self) -> int:
        """Sampled values that are not null."""
        return self.rows - self.nulls

    @property
    def distinct(self) -> int:
        """Distinct sampled values."""
        return len(self.hashes) // 8

    @property
    def unique(self) -> bool:
        """Whether every sampled row has a value and no two are equal."""
        return self.rows > 0 and self.distinct == self.rows

    @property
    def unique_at_a_time(self) -> bool:
        """Whether every sampled row has a value that no other row need have had with it."""
        return self.rows > 0 and not self.nulls and self.distinct + self.spared >= self.rows


class Evidence(msgspec.Struct, kw_only=True, frozen=True):
    """Statistics of one table, fields in order of first appearance.

    Attributes:
        table: name of the table; it hints at what a bare ``name`` is.
        rows: inserted or snapshot rows sampled, at most the limit.
    """

    table: str = ""
    rows: int = 0
    fields: tuple[FieldEvidence, ...] = ()

    def to_bytes(self) -> bytes:
        """A portable form, for the store."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Evidence:
        """What `to_bytes` made."""
        return msgspec.msgpack.decode(data, type=cls)


def observe(evidence: Evidence | None, batch: TableBatch, limit: int) -> Evidence:
    """Add a batch to the evidence; batches come in order of sequence number.

    Args:
        evidence: so far; None for a new table.
        batch: the next batch of the table.
        limit: rows to sample per field (``Settings.role_sample``).

    Returns:
        The evidence with the batch in it; the very same object when it taught nothing.
    """
    before = evidence or Evidence(table=batch.table.table)
    known = {each.name: each for each in before.fields}
    sampled = _sampled_images(batch)
    fields: dict[str, FieldEvidence] = {}
    for frame, is_after in ((batch.after, True), (batch.before, False)):
        for column in frame.columns.iter_columns():
            name = column.name
            field = fields.get(name) or known.get(name) or FieldEvidence(name=name)
            field = _with_kind(field, column, frame)
            if is_after and field.rows < limit:
                field = _observe(field, _present(frame, column, sampled), batch, limit)
            elif field.rows < limit and name not in batch.after.columns.columns:
                field = _observe(field, sampled[:0], batch, limit)
            fields[name] = field
    rows = min(limit, before.rows + len(sampled))
    merged = {**known, **fields}
    changed = rows != before.rows or any(merged[key] is not known.get(key) for key in merged)
    if evidence is not None and not changed:
        return evidence
    return Evidence(table=before.table, rows=rows, fields=tuple(merged.values()))


def _sampled_images(batch: TableBatch) -> np.ndarray:
    """Positions of the after images of inserted and snapshot rows, in order of sequence number."""
    if not len(batch.after.rows):
        return np.empty(0, dtype=np.int64)
    op = batch.codes[batch.after.rows]
    return np.flatnonzero((op == _INSERT) | (op == _SNAPSHOT))


def _with_kind(field: FieldEvidence, column: pl.Series, frame: RowFrame) -> FieldEvidence:
    kind = _kind(column, is_json=column.name in frame.json)
    if not kind or kind in field.kinds:
        return field
    return msgspec.structs.replace(field, kinds=tuple(sorted({*field.kinds, kind})))


def _kind(column: pl.Series, *, is_json: bool) -> str:
    if column.null_count() == len(column):
        return ""
    if is_json:
        return "json"
    if column.dtype == pl.Boolean:
        return "boolean"
    if column.dtype == pl.Float64:
        return "number"
    return "integer" if column.dtype.is_integer() else "text"


def _present(frame: RowFrame, column: pl.Series, sampled: np.ndarray) -> np.ndarray:
    """Positions of the sampled images that have the field."""
    absent = frame.absent.get(column.name)
    return sampled if absent is None else sampled[~absent.to_numpy()[sampled]]


def _observe(
    field: FieldEvidence, images: np.ndarray, batch: TableBatch, limit: int
) -> FieldEvidence:
    """The field with the values of the next images that its sample has room for."""
    room = limit - field.rows
    spared = field.spared + _deleted(field.name, batch, images[:room], full=len(images) >= room)
    images = images[:room]
    if not len(images):
        return field if spared == field.spared else msgspec.structs.replace(field, spared=spared)
    column = batch.after.columns[field.name]
    if len(images) < len(column):
        column = column[images]
    filled = not_null(column)
    values = column if filled.all() else column.filter(pl.Series(filled))
    told = _told_by_type(values) or _told_by_text(values)  # a sample: `limit` values, ever
    known = np.frombuffer(field.hashes, dtype="<u8")
    hashes = np.union1d(known, told.hashes)
    read = batch.codes[batch.after.rows[images]][filled] == _SNAPSHOT
    spared += int((read & _repeats(told.hashes, known)).sum()) if read.any() else 0
    numbers = told.numbers
    steps = numbers if field.last is None else np.append(field.last, numbers)
    low, high = (None, None) if not len(numbers) else (numbers.min(), numbers.max())
    return msgspec.structs.replace(
        field,
        rows=field.rows + len(column),
        nulls=field.nulls + column.null_count(),
        shapes=dict(sorted((Counter(field.shapes) + Counter(told.shapes)).items())),
        low=_extreme(min, field.low, low),
        high=_extreme(max, field.high, high),
        rising=field.rising + int((steps[1:] > steps[:-1]).sum()),
        last=float(steps[-1]) if len(steps) else None,
        longest=max(field.longest, told.longest),
        hashes=hashes.astype("<u8").tobytes(),
        spared=spared,
    )


def _extreme(
    pick: Callable[[float, float], float], known: float | None, found: float | None
) -> float | None:
    if known is None or found is None:
        return known if found is None else float(found)
    return float(pick(known, found))


@dataclass(frozen=True)
class _Told:
    """What values that are not null tell of their field.

    Attributes:
        shapes: how many have which shape.
        numbers: those that are numbers, in order.
        longest: characters of the longest.
        hashes: of each value.
    """

    shapes: dict[str, int]
    numbers: np.ndarray
    longest: int
    hashes: np.ndarray


def _told_by_type(values: pl.Series) -> _Told | None:
    """The same as their texts would tell, for integers and usual doubles; None for others."""
    if not len(values) or values.dtype not in (pl.Int64, pl.Float64):
        return None
    numbers = values.to_numpy()
    if values.dtype == pl.Int64:
        longest = max(len(str(int(end))) for end in (numbers.min(), numbers.max()))
        shapes = {INTEGER: len(numbers)}
    else:
        if not (np.abs(numbers) < _WHOLE_BELOW).all():
            return None
        whole = int((numbers == np.floor(numbers)).sum())
        longest = int(pc.max(pc.binary_length(label_texts(values).to_arrow())).as_py())
        shapes = {INTEGER: whole, DECIMAL: len(numbers) - whole}
    told = {shape: count for shape, count in shapes.items() if count}
    return _Told(told, numbers.astype(np.float64), longest, hash_column(values))


def _told_by_text(values: pl.Series) -> _Told:
    texts = _texts(values)
    counts = Counter(texts)
    shapes = {text: shape_of(text[:_SHAPED_LENGTH]) for text in counts}
    tally: dict[str, int] = {}
    for text, count in counts.items():
        tally[shapes[text]] = tally.get(shapes[text], 0) + count
    numbers = [float(text) for text in texts if shapes[text] in (INTEGER, DECIMAL)]
    longest = max(map(len, counts), default=0)
    hashes = _hashes(values, texts) if texts else np.empty(0, dtype=np.uint64)
    return _Told(tally, np.array(numbers, dtype=np.float64), longest, hashes)


def _texts(values: pl.Series) -> list[str]:
    """Values that are not null as label texts; whole floats as integers."""
    texts: list[str] = label_texts(values).to_list()
    return [
        whole[1] if text.endswith(".0") and (whole := _WHOLE_FLOAT.fullmatch(text)) else text
        for text in texts
    ]


def _hashes(values: pl.Series, texts: list[str]) -> np.ndarray:
    """Hashes of values that are not null; a number has that of its text, at less cost."""
    return hash_column(values if values.dtype == pl.Float64 else pl.Series(texts))


def _repeats(hashes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where a value is known already, or stands earlier among these."""
    first = np.zeros(len(hashes), dtype=np.bool_)
    first[np.unique(hashes, return_index=True)[1]] = True
    return np.asarray(~first | np.isin(hashes, known))


def _deleted(name: str, batch: TableBatch, images: np.ndarray, *, full: bool) -> int:
    """Rows deleted that had a value there, up to the last image of a sample that is full now."""
    if name not in batch.before.columns.columns:
        return 0
    events = batch.before.rows
    gone = batch.codes[events] == _DELETE
    if not gone.any():
        return 0
    gone &= not_null(batch.before.columns[name])
    if full:
        gone &= events <= (batch.after.rows[images[-1]] if len(images) else -1)
    return int(gone.sum())
