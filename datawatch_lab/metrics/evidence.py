"""What is known about a table's fields: statistics over the first rows, the same however batched.

Each field is judged by its own first ``limit`` inserted or snapshot rows that have it, in order of
sequence number, so a field that appears late gets its own sample. Which JSON types were seen is
noted beyond the sample too, since it decides the type of the column and not its role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.columns import not_null
from datawatch_lab.metrics.hashing import Hashes
from datawatch_lab.metrics.telling import Told, tell

_INSERT, _SNAPSHOT, _DELETE = b"crd"


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
    """`observe_all` of one table."""
    (observed,) = observe_all([evidence], [batch], limit)
    return observed


def observe_all(
    evidences: Sequence[Evidence | None], batches: Sequence[TableBatch], limit: int
) -> list[Evidence]:
    """Add to the evidence of each table a batch; batches come in order of sequence number.

    Args:
        evidences: so far; None for a new table.
        batches: the next batch of each table.
        limit: rows to sample per field (``Settings.role_sample``).

    Returns:
        The evidence with the batch in it; the very same object when it taught nothing.
    """
    seen = [_look(*each, limit) for each in zip(evidences, batches, strict=True)]
    told = iter(tell([sample.values for each in seen for sample in each.samples.values()]))
    return [
        _learnt(evidence, each, {name: next(told) for name in each.samples})
        for evidence, each in zip(evidences, seen, strict=True)
    ]


@dataclass(frozen=True)
class _Sample:
    """The values of a field that its sample has room for.

    Attributes:
        rows: images that have the field.
        values: those that are not null.
        read: which values a snapshot read.
        spared: repeats that a key may have so far.
    """

    rows: int
    values: pl.Series
    read: np.ndarray
    spared: int


@dataclass(frozen=True)
class _Seen:
    """A batch looked at: fields with what is known of them, and samples yet to be judged."""

    table: str
    rows: int
    fields: dict[str, FieldEvidence]
    samples: dict[str, _Sample]


def _look(evidence: Evidence | None, batch: TableBatch, limit: int) -> _Seen:
    before = evidence or Evidence(table=batch.table.table)
    known = {each.name: each for each in before.fields}
    sampled = _sampled_images(batch)
    taker = _Taker(batch, sampled, _deleted_rows(batch))
    fields: dict[str, FieldEvidence] = {}
    samples: dict[str, _Sample] = {}
    inserted = frozenset(batch.after.columns.columns)
    for frame, is_after in ((batch.after, True), (batch.before, False)):
        for column in frame.columns.iter_columns():
            name = column.name
            field = fields.get(name) or known.get(name) or FieldEvidence(name=name)
            field = _with_kind(field, column, frame)
            if field.rows < limit and (is_after or name not in inserted):
                found = taker.sample(field, column, limit - field.rows, is_after=is_after)
                if isinstance(found, _Sample):
                    samples[name] = found
                else:
                    field = found
            fields[name] = field
    rows = min(limit, before.rows + len(sampled))
    return _Seen(before.table, rows, {**known, **fields}, samples)


def _learnt(evidence: Evidence | None, seen: _Seen, told: Mapping[str, Told]) -> Evidence:
    merged = {
        name: _with_sample(field, seen.samples[name], told[name]) if name in told else field
        for name, field in seen.fields.items()
    }
    if evidence is not None and seen.rows == evidence.rows:
        known = {each.name: each for each in evidence.fields}
        if all(merged[name] is known.get(name) for name in merged):
            return evidence
    return Evidence(table=seen.table, rows=seen.rows, fields=tuple(merged.values()))


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


_KINDS = {pl.Boolean: "boolean", pl.Float64: "number", pl.Int64: "integer", pl.Int128: "integer"}


def _kind(column: pl.Series, *, is_json: bool) -> str:
    if column.null_count() == len(column):
        return ""
    return "json" if is_json else _KINDS.get(column.dtype.base_type(), "text")


@dataclass(frozen=True)
class _Images:
    """The next images that the sample of a field takes.

    Attributes:
        at: their positions.
        index: the same, to take values by.
        read: which of them a snapshot read.
        full: whether the sample has no room for more.
    """

    at: np.ndarray
    index: pl.Series
    read: np.ndarray
    full: bool

    @classmethod
    def of(cls, batch: TableBatch, images: np.ndarray, room: int) -> _Images:
        """As many of some images as there is room for."""
        at = images[:room]
        read = batch.codes[batch.after.rows[at]] == _SNAPSHOT
        return cls(at, pl.Series(at.astype(np.uint32)), read, len(images) >= room)


@dataclass(frozen=True)
class _Taker:
    """Takes the samples of the fields of a batch.

    Attributes:
        sampled: images that are sampled, see `_sampled_images`.
        deleted: images before of rows that were deleted.
    """

    batch: TableBatch
    sampled: np.ndarray
    deleted: np.ndarray
    _heads: dict[int, _Images] = field(default_factory=dict)

    def sample(
        self, field: FieldEvidence, column: pl.Series, room: int, *, is_after: bool
    ) -> _Sample | FieldEvidence:
        """The values that a sample has room for; the field when there are none."""
        if is_after:
            images = self._present(field.name, room)
        else:
            images = _Images.of(self.batch, self.sampled[:0], room)
        spared = field.spared + self._deleted(field.name, images)
        if not len(images.at):
            return (
                field if spared == field.spared else msgspec.structs.replace(field, spared=spared)
            )
        if len(images.at) < len(column):
            column = column[images.index]
        if not column.null_count():
            return _Sample(len(column), column, images.read, spared)
        filled = not_null(column)
        rows = column.filter(pl.Series(filled))
        return _Sample(len(column), rows, images.read[filled], spared)

    def _present(self, name: str, room: int) -> _Images:
        """Sampled images that have a field; most fields are in all and have room for as many."""
        absent = self.batch.after.absent.get(name)
        if absent is not None:
            there = self.sampled[~absent.to_numpy()[self.sampled]]
            return _Images.of(self.batch, there, room)
        if room not in self._heads:
            self._heads[room] = _Images.of(self.batch, self.sampled, room)
        return self._heads[room]

    def _deleted(self, name: str, images: _Images) -> int:
        """Deleted rows that had a value, up to the last image of a sample that is full now."""
        before = self.batch.before
        if not len(self.deleted) or name not in before.columns.columns:
            return 0
        column, gone = before.columns[name], self.deleted
        if column.null_count():
            gone = gone[not_null(column)[gone]]
        if not images.full:
            return len(gone)
        last = self.batch.after.rows[images.at[-1]] if len(images.at) else -1
        return int(np.count_nonzero(before.rows[gone] <= last))


def _deleted_rows(batch: TableBatch) -> np.ndarray:
    return np.flatnonzero(batch.codes[batch.before.rows] == _DELETE)


def _with_sample(field: FieldEvidence, sample: _Sample, told: Told) -> FieldEvidence:
    known = np.frombuffer(field.hashes, dtype="<u8")
    repeated = sample.read & _repeats(told.hashes, known) if sample.read.any() else sample.read
    numbers = told.numbers
    steps = numbers if field.last is None else np.append(field.last, numbers)
    low, high = (None, None) if not len(numbers) else (numbers.min(), numbers.max())
    return msgspec.structs.replace(
        field,
        rows=field.rows + sample.rows,
        nulls=field.nulls + sample.rows - len(sample.values),
        shapes=_added(field.shapes, told.shapes),
        low=_extreme(min, field.low, low),
        high=_extreme(max, field.high, high),
        rising=field.rising + int((steps[1:] > steps[:-1]).sum()),
        last=float(steps[-1]) if len(steps) else None,
        longest=max(field.longest, told.longest),
        hashes=_united(known, told.hashes).astype("<u8", copy=False).tobytes(),
        spared=sample.spared + int(repeated.sum()),
    )


def _united(known: Hashes, told: Hashes) -> Hashes:
    """Known hashes, sorted and distinct, with others among them; as `numpy.union1d`, and sooner."""
    new = _distinct(np.sort(told))
    if not len(known) or not len(new):
        return new if len(new) else known
    place = np.minimum(np.searchsorted(known, new), len(known) - 1)
    fresh = new[known[place] != new]
    return np.sort(np.concatenate((known, fresh)), kind="stable") if len(fresh) else known


def _distinct(ordered: Hashes) -> Hashes:
    other = ordered[1:] != ordered[:-1]
    return ordered if other.all() else ordered[np.append(True, other)]


def _added(known: Mapping[str, int], told: Mapping[str, int]) -> dict[str, int]:
    return {shape: known.get(shape, 0) + told.get(shape, 0) for shape in sorted({*known, *told})}


def _extreme(
    pick: Callable[[float, float], float], known: float | None, found: float | None
) -> float | None:
    if known is None or found is None:
        return known if found is None else float(found)
    return float(pick(known, found))


def _repeats(hashes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where a value is known already, or stands earlier among these."""
    first = np.zeros(len(hashes), dtype=np.bool_)
    first[np.unique(hashes, return_index=True)[1]] = True
    return np.asarray(~first | np.isin(hashes, known))
