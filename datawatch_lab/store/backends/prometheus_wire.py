"""What remote write carries: samples by series, split when refused, and as protocol buffers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

Sample = tuple[int, float]  # ms since 1970, value
Series = tuple[tuple[tuple[str, str], ...], list[Sample]]  # labels, samples


def halves(series: Sequence[Series]) -> list[list[Series]]:
    """Early and late samples of all series, the early ones first; those of one moment by series.

    What is too old is found so in a few requests, and all that is new is written. Empty for a
    single sample.
    """
    moments = moments_of(series)
    if len(moments) > 1:
        cut = moments[len(moments) // 2]
        early = [(labels, [each for each in had if each[0] < cut]) for labels, had in series]
        late = [(labels, [each for each in had if each[0] >= cut]) for labels, had in series]
        return [[each for each in half if each[1]] for half in (early, late)]
    if len(series) < 2:
        return []
    middle = len(series) // 2
    return [list(series[:middle]), list(series[middle:])]


def moments_of(series: Sequence[Series]) -> list[int]:
    """Distinct moments of samples, in order, ms."""
    return sorted({at for _, samples in series for at, _ in samples})


def count(series: Sequence[Series]) -> int:
    """Samples of all series."""
    return sum(len(samples) for _, samples in series)


def encode(series: Iterable[Series]) -> bytes:
    """A WriteRequest of remote write 1.0 (protocol buffers), labels sorted by name.

    >>> encode([((("a", "b"),), [(1, 0.5)])]).hex()
    '0a150a060a0161120162120b09000000000000e03f1001'
    """
    return b"".join(_field(1, _one(labels, samples)) for labels, samples in series)


def _one(labels: Iterable[tuple[str, str]], samples: Iterable[Sample]) -> bytes:
    parts = [
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels
    ]
    parts += [
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at))
        for at, value in samples
    ]
    return b"".join(parts)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)
