"""Objects that name a field twice: JSON does not say which counts; here it is always the last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import polars as pl
from msgspec import Raw

from datawatch_lab.ingest.tokens import field_tokens

_SPACED = (b" :", b"\t:", b"\n:", b"\r:")


def without_repeats(
    images: Sequence[bytes],
    joined: bytes,
    width: int,
    absent: Mapping[str, pl.Series],
    nested: frozenset[str],
) -> list[bytes] | None:
    """The images with each field once, or None when none names one twice.

    A column parser takes the first of equal keys and cannot say that there was a second. So the
    key marks of the whole text are counted against the cells of its columns; only where these
    differ are rows looked at, or where a key has a space behind it and so no such mark.

    Args:
        images: JSON objects.
        joined: the same as one text.
        width: number of columns that were parsed from them.
        absent: masks of missing fields.
        nested: columns of objects or arrays, whose own keys do not count.
    """
    filled = width * len(images) - sum(int(mask.sum()) for mask in absent.values())
    spaced = any(space in joined for space in _SPACED)
    if not spaced and joined.count(b'":') == filled + _marks_inside(images, nested):
        return None
    cells = np.full(len(images), width, dtype=np.int64)
    for mask in absent.values():
        cells -= mask.to_numpy()
    marks = pl.Series(images, dtype=pl.Binary).cast(pl.String).str.count_matches(r'"\s*:')
    suspects = np.flatnonzero(marks.to_numpy() != cells)
    repeated = [at for at in suspects.tolist() if _names_twice(images[at])]
    if not repeated:
        return None
    cleaned = list(images)
    for at in repeated:
        cleaned[at] = msgspec.json.encode(msgspec.json.decode(images[at], type=dict[str, Raw]))
    return cleaned


def _marks_inside(images: Sequence[bytes], nested: frozenset[str]) -> int:
    """Key marks within the values of these columns."""
    columns = field_tokens(images, sorted(nested)) if nested else []
    tokens = [bytes(token) for column in columns for token in column if isinstance(token, Raw)]
    return sum(token.count(b'":') for token in tokens)


def _names_twice(image: bytes) -> bool:
    pairs = json.loads(image, object_pairs_hook=list, parse_int=str, parse_float=str)
    return len(dict(pairs)) != len(pairs)
