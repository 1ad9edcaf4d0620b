"""What detection goes on from: watched series, the bank, open episodes; as bytes and back."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa

from datawatch_lab.anomaly.bank_state import Array
from datawatch_lab.anomaly.episodes import Episode
from datawatch_lab.core.anomalies import Anomaly, Verdict
from datawatch_lab.core.errors import InputError

FORM = 1
_CODEC = "lz4"


class Watched(msgspec.Struct, kw_only=True):
    """A series that the bank has a place for.

    Attributes:
        metric, labels: which.
        step: seconds of its buckets.
        offset: added to its threshold, from what people said of its anomalies.
        held: buckets in a row that were not got used to.
        first: start of the first bucket that it was trained on, epoch seconds.
        floor: strength that is flagged at least, in standard deviations; 0 for any.
        said: what people said last of each of its anomalies, by id: the verdict, and how far off
            the anomaly was; offset and floor follow from it.
    """

    metric: str
    labels: tuple[tuple[str, str], ...]
    step: int
    first: int
    offset: float = 0.0
    held: int = 0
    floor: float = 0.0
    said: dict[str, tuple[Verdict, float]] = {}


class Going(msgspec.Struct, kw_only=True):
    """An episode of the last days, open or over.

    Attributes:
        place: of its series in the bank.
    """

    place: int
    episode: Episode
    anomaly: Anomaly


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, as it is stored.

    Attributes:
        revised: data version up to which late changes were looked at.
        zone: whose wall clock profiles go by.
        arrays: of the bank: name, type, shape, bytes.
        levels, arrivals: the same of the hourly baselines and the runs of zeros.
        joints: the same of the trees; empty in states of older releases.
        row_counts: the same of the rows that averages are made of; empty there as well.
        recent: episodes, open ones first.
        open: how many of ``recent`` are open.
    """

    form: int
    watched: list[Watched]
    recent: list[Going]
    open: int
    arrays: list[tuple[str, str, tuple[int, ...], bytes]]
    levels: list[tuple[str, str, tuple[int, ...], bytes]]
    arrivals: list[tuple[str, str, tuple[int, ...], bytes]]
    joints: list[tuple[str, str, tuple[int, ...], bytes]] = []
    row_counts: list[tuple[str, str, tuple[int, ...], bytes]] = []
    revised: int = 0
    zone: str = "UTC"


def packed(saved: Saved) -> bytes:
    """As bytes: eight with the size, then compressed MessagePack."""
    plain = msgspec.msgpack.encode(saved)
    compressed: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
    return len(plain).to_bytes(8, "big") + compressed


def unpacked(data: bytes) -> Saved:
    """What `packed` made.

    Raises:
        InputError: it is of another form, or no such bytes.
    """
    try:
        size = int.from_bytes(data[:8], "big")
        plain = pa.decompress(data[8:], decompressed_size=size, codec=_CODEC, asbytes=True)
        found = msgspec.msgpack.decode(plain, type=Saved)
    except (msgspec.DecodeError, pa.ArrowException, OSError) as error:
        raise InputError(f"the state of the detectors cannot be read: {error}") from None
    if found.form != FORM:
        raise InputError(
            f"the state of the detectors has form {found.form}; this release reads {FORM}."
        )
    return found


def arrays_out(arrays: dict[str, Array]) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    """Arrays as plain values."""
    return [
        (name, array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        for name, array in arrays.items()
    ]


def arrays_in(given: list[tuple[str, str, tuple[int, ...], bytes]]) -> dict[str, Array]:
    """The arrays again."""
    return {
        name: np.frombuffer(data, dtype=np.dtype(kind)).reshape(shape)
        for name, kind, shape, data in given
    }
