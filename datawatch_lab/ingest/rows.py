"""Row images, as JSON text, to typed columns: exact numbers, and missing kept apart from null."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from msgspec import UNSET, Raw

from datawatch_lab.core.batches import RowFrame
from datawatch_lab.ingest.alike import Decoded, columns_of_tables
from datawatch_lab.ingest.few import columns_of_few
from datawatch_lab.ingest.raws import is_utf8
from datawatch_lab.ingest.repeats import without_repeats
from datawatch_lab.ingest.texts import FEW, Texts
from datawatch_lab.ingest.tokens import TokenColumn, field_tokens, inexact, token_column

MAX_DEPTH = 64
"""How deep objects and arrays may be nested; far deeper, a column parser crashes."""

_SCALARS = (pl.Int64, pl.Int128, pl.Float64, pl.Boolean, pl.String)
_NUMBERS = (pl.Int64, pl.Int128, pl.Float64)
_BOOLEANS = (b"true", b"false")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONG_NUMBER = r"[:\[,]\s*-?(?:[0-9.]{16,}|[0-9.]+[eE][+-]?[0-9]{3,})"
_DIGITS_AS_0 = bytes.maketrans(b"0123456789.E", b"00000000000e")
_SIGNS_OF_LONG = (b"0" * 16, b"e000", b"e+000", b"e-000")
_NUMBER_STARTS = b"-0123456789"

Misfit = tuple[int, str]
"""Position of an image that cannot be decoded, and the reason."""


@dataclass(frozen=True)
class Images:
    """Decoded images: ``kept`` are the positions, among those given, of the rows of ``columns``."""

    columns: pl.DataFrame
    absent: dict[str, pl.Series]
    json: frozenset[str]
    kept: np.ndarray
    misfits: list[Misfit]


def decode_rows(
    texts: Sequence[bytes] | pa.Array, rows: np.ndarray
) -> tuple[RowFrame, list[Misfit]]:
    """Decode row images of one table.

    Args:
        texts: JSON objects, one an image; bytes, or an Arrow string or binary array without nulls.
        rows: int64, ascending; the position of each image's event, as long as ``texts``.

    Returns:
        The typed columns of the images that could be decoded, and for the others their position
        (a value of ``rows``) with a reason. Of several equal keys in one object the last counts.
    """
    images = texts.cast(pa.large_binary()).to_pylist() if isinstance(texts, pa.Array) else texts
    wrong = dict(_invalid(images, range(len(images))))
    fit = np.delete(np.asarray(rows, dtype=np.int64), list(wrong))
    decoded = decode_images([image for at, image in enumerate(images) if at not in wrong])
    misfits = [(int(rows[at]), reason) for at, reason in wrong.items()]
    misfits += [(int(fit[at]), reason) for at, reason in decoded.misfits]
    frame = RowFrame(fit[decoded.kept], decoded.columns, decoded.absent, decoded.json)
    return frame, sorted(misfits)


def decode_tables(texts: Texts, tables: Sequence[np.ndarray]) -> list[Images]:
    """Decode the row images of several tables.

    Args:
        texts: JSON objects, in UTF-8.
        tables: which of them are a table's, ascending; none is empty.

    Returns:
        The images of each table; positions are indices of its entry in ``tables``.
    """
    if sum(map(len, tables)) <= FEW:
        return [_decode_few(texts.some(rows)) for rows in tables]
    return [
        decode_mixed(texts.some(rows)) if found is None else whole_images(found)
        for rows, found in zip(tables, columns_of_tables(texts, tables), strict=True)
    ]


def _decode_few(images: Sequence[bytes]) -> Images:
    found = columns_of_few(images)
    return decode_mixed(images) if found is None else whole_images(found)


def whole_images(found: Decoded) -> Images:
    """The images of a table whose columns are all there."""
    columns, absent = found
    return Images(columns, absent, frozenset(), np.arange(columns.height), [])


def decode_images(images: Sequence[bytes]) -> Images:
    """Decode row images that are known to be JSON objects; positions are indices of ``images``."""
    texts = Texts.of(images)
    if images and is_utf8(texts.data):
        return decode_tables(texts, [np.arange(len(images))])[0]
    return decode_mixed(images)


def decode_mixed(images: Sequence[bytes]) -> Images:
    """The same, whatever is mixed in the images: by a column parser, and where it fails by tokens.

    `ingest.alike` decodes images that are written alike, and most are, several times as fast.
    """
    joined = b",".join(images)
    misfits = _unfit(images, joined)
    kept = np.delete(np.arange(len(images)), [at for at, _ in misfits])
    if misfits:
        images = [images[at] for at in kept.tolist()]
        joined = b",".join(images)
    columns = _parse(len(images), joined) if images else pl.DataFrame()
    if columns is None:
        return _by_tokens(images, kept, misfits)
    columns, json = _exact(columns, images, joined)
    absent = _absent(columns, images, joined)
    single = without_repeats(images, joined, columns.width, absent, json)
    if single is not None:
        return _by_tokens(single, kept, misfits)
    return Images(columns, absent, json, kept, misfits)


def _parse(count: int, joined: bytes) -> pl.DataFrame | None:
    """The images by the column parser; None when it cannot read them all as they are."""
    try:
        columns = pl.read_json(b"[" + joined + b"]", infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None  # one misfit fails the whole batch; the way by tokens finds which row it is
    return columns if columns.height == count else None


def _unfit(images: Sequence[bytes], joined: bytes) -> list[Misfit]:
    """Images that must not reach the column parser: it would crash, or change them unsaid."""
    misfits: dict[int, str] = {}
    if joined.count(b"{") + joined.count(b"[") > len(images):
        misfits.update(_too_deep(images))
    if b"\\u" in joined and _SURROGATE.search(joined):
        suspects = (at for at, image in enumerate(images) if _SURROGATE.search(image))
        misfits.update(_invalid(images, suspects))
    if b"\\u0000" in joined:
        misfits.update(_unnameable(images))
    if not joined.isascii():
        misfits.update(_not_text(images, joined))
    return sorted(misfits.items())


def _too_deep(images: Sequence[bytes]) -> Iterable[Misfit]:
    for at, image in enumerate(images):
        if image.count(b"{") + image.count(b"[") > MAX_DEPTH and depth(image) > MAX_DEPTH:
            yield at, f"the row image is nested more than {MAX_DEPTH} levels deep"


def depth(text: bytes) -> int:
    """How deep objects and arrays are nested in a JSON text.

    >>> depth(b'{"a": [1, {"b": "[[["}]}')
    3
    """
    steps = np.frombuffer(_STRINGS.sub(b"", text), np.uint8)
    opens = (steps | 0x20) == ord("{")
    closes = (steps | 0x20) == ord("}")
    return int(np.cumsum(opens.astype(np.int64) - closes, dtype=np.int64).max(initial=0))


def _unnameable(images: Sequence[bytes]) -> Iterable[Misfit]:
    """Images with a field whose name no column can have."""
    decode = msgspec.json.Decoder(dict[str, Raw]).decode
    for at, image in enumerate(images):
        if b"\\u0000" not in image:
            continue
        try:
            names = [name for name in decode(image) if "\0" in name]
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            continue  # no object; said elsewhere
        if names:
            yield at, f"the row image has a field {names[0]!r}: no name may have a NUL character"


def _not_text(images: Sequence[bytes], joined: bytes) -> Iterable[Misfit]:
    try:
        joined.decode("utf-8")
    except UnicodeDecodeError:
        for at, image in enumerate(images):
            try:
                image.decode("utf-8")
            except UnicodeDecodeError as error:
                yield at, f"the row image is not UTF-8 at byte {error.start}"


def _invalid(images: Sequence[bytes], suspects: Iterable[int]) -> Iterable[Misfit]:
    decode = msgspec.json.Decoder(dict[str, Raw]).decode
    for at in suspects:
        try:
            decode(images[at])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            yield at, f"the row image is not a JSON object: {error}"


def _by_tokens(images: Sequence[bytes], kept: np.ndarray, misfits: list[Misfit]) -> Images:
    """All columns from tokens: for batches in which a row misfits or a column mixes kinds."""
    wrong = dict(_invalid(images, range(len(images))))
    fit = [image for at, image in enumerate(images) if at not in wrong]
    misfits = sorted([*misfits, *((int(kept[at]), reason) for at, reason in wrong.items())])
    kept = np.delete(kept, list(wrong))
    decode = msgspec.json.Decoder(dict[str, Raw]).decode
    fields = [decode(image) for image in fit]
    names = dict.fromkeys(chain.from_iterable(fields))
    made = {name: token_column(name, [row.get(name, UNSET) for row in fields]) for name in names}
    columns = _frame([column.values for column in made.values()], len(fit))
    absent = {name: column.absent for name, column in made.items() if column.absent.any()}
    return Images(columns, absent, _json_names(made), kept, misfits)


def _frame(series: Sequence[pl.Series], height: int) -> pl.DataFrame:
    return pl.DataFrame({s.name: s for s in series}) if series else pl.DataFrame(height=height)


def _json_names(made: dict[str, TokenColumn]) -> frozenset[str]:
    return frozenset(name for name, column in made.items() if column.json)


def _exact(
    columns: pl.DataFrame, images: Sequence[bytes], joined: bytes
) -> tuple[pl.DataFrame, frozenset[str]]:
    """Replace the columns that the column parser did not keep as they came; name those of JSON."""
    doubtful = [
        # Beyond 128 bits the column parser gives null and says nothing.
        *(c.name for c in columns if c.dtype == pl.Int128),
        *_nested(columns, joined),
        *_rounded(columns, images, joined),
        *_with_booleans(columns, images, joined),
    ]
    wanted = list(dict.fromkeys(doubtful))
    if not wanted and pl.Null not in columns.dtypes:
        return columns, frozenset()
    tokens = field_tokens(images, wanted) if wanted else []
    made = {name: token_column(name, t) for name, t in zip(wanted, tokens, strict=True)}
    series = [made[c.name].values if c.name in made else _scalar(c) for c in columns]
    return _frame(series, columns.height), _json_names(made)


def _scalar(column: pl.Series) -> pl.Series:
    return column.cast(pl.String) if column.dtype == pl.Null else column


def _nested(columns: pl.DataFrame, joined: bytes) -> list[str]:
    """Names of columns in which objects or arrays may be, also where the parser made them text."""
    names = [c.name for c in columns if c.dtype not in _SCALARS and c.dtype != pl.Null]
    if joined.count(b"{") + joined.count(b"[") == columns.height:
        return names
    texts = [c for c in columns if c.dtype == pl.String]
    return names + [c.name for c in texts if c.str.contains(r"^[\[{]").any()]


def _rounded(columns: pl.DataFrame, images: Sequence[bytes], joined: bytes) -> list[str]:
    """Names of columns with a number that went through a double and is another now."""
    names = [c.name for c in columns if c.dtype in (pl.Float64, pl.String)]
    digits = joined.translate(_DIGITS_AS_0)
    if not names or not any(sign in digits for sign in _SIGNS_OF_LONG):
        return []
    long = pl.Series(images, dtype=pl.Binary).cast(pl.String).str.contains(_LONG_NUMBER)
    suspects = [images[at] for at in long.arg_true()]
    if not suspects:
        return []
    return [
        name
        for name, tokens in zip(names, field_tokens(suspects, names), strict=True)
        if _some_inexact(tokens)
    ]


def _with_booleans(columns: pl.DataFrame, images: Sequence[bytes], joined: bytes) -> list[str]:
    """Names of columns of numbers in which the parser made true and false 1 and 0."""
    names = [c.name for c in columns if c.dtype in _NUMBERS]
    cells = sum(c.len() - c.null_count() for c in columns if c.dtype == pl.Boolean)
    if not names or joined.count(b"true") + joined.count(b"false") == cells:
        return []
    suspects = [image for image in images if b"true" in image or b"false" in image]
    return [
        name
        for name, tokens in zip(names, field_tokens(suspects, names), strict=True)
        if any(isinstance(token, Raw) and bytes(token) in _BOOLEANS for token in tokens)
    ]


def _some_inexact(tokens: Sequence[object]) -> bool:
    texts = [bytes(token) for token in tokens if isinstance(token, Raw)]
    numbers = [text.decode() for text in texts if text[0] in _NUMBER_STARTS]
    return inexact(pl.Series(numbers, dtype=pl.String))


def _absent(columns: pl.DataFrame, images: Sequence[bytes], joined: bytes) -> dict[str, pl.Series]:
    """Where fields are missing; only rows with some null can miss one."""
    nulls = {column.name: column.is_null() for column in columns if column.null_count()}
    if not nulls or b"null" not in joined:
        return nulls
    rows = np.flatnonzero(np.logical_or.reduce([mask.to_numpy() for mask in nulls.values()]))
    tokens = field_tokens([images[at] for at in rows.tolist()], list(nulls))
    masks: dict[str, pl.Series] = {}
    for name, column in zip(nulls, tokens, strict=True):
        missing = np.zeros(columns.height, dtype=np.bool_)
        missing[rows] = [token is UNSET for token in column]
        if missing.any():
            masks[name] = pl.Series(name, missing)
    return masks
