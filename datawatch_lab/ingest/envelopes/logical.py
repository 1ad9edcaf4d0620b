"""Logical types of Kafka Connect and Debezium: encoded values to what they stand for.

Times become ISO 8601 text, decimals their exact digits as text, JSON documents JSON. What a type's
encoding does not explain stays as it came. Sources: the data type tables of Debezium's PostgreSQL
and MySQL connectors; ``org.apache.kafka.connect.data``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Raw

from datawatch_lab.core.batches import Declared

Converter = Callable[[Any], Any]
"""A decoded JSON value (never null) to the value to keep."""

_INFINITY = {9_223_372_036_825_200_000: "infinity", -9_223_372_036_832_400_000: "-infinity"}
_DEEPEST = 32
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_DEBEZIUM, _CONNECT = "io.debezium.time.", "org.apache.kafka.connect.data."
_INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
_TYPES = {"float": "number", "double": "number", "float32": "number", "float64": "number"} | {
    "boolean": "boolean", "struct": "json", "array": "json", "map": "json",
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What a schema says of the rows of a table.

    Attributes:
        converters: of the columns whose values are encoded.
        declared: types of all columns.
    """

    converters: Mapping[str, Converter] = field(default_factory=dict)
    declared: Declared = field(default_factory=Declared)

    def converted(self, image: bytes) -> bytes:
        """A row image with its encoded values decoded; what is no object comes back as it is."""
        if not self.converters or image[:1] != b"{":
            return image
        try:
            row = msgspec.json.decode(image, type=dict[str, Raw])
            for name, convert in self.converters.items():
                if name in row and bytes(row[name]) != b"null":
                    value = msgspec.json.decode(row[name])
                    row[name] = Raw(msgspec.json.encode(convert(value)))
            return msgspec.json.encode(row)
        except _UNREADABLE:
            return image  # the parser of row images says what is wrong with it


def shape_of(schema: bytes) -> Shape:
    """The shape of row images from the schema block of an event; empty when it tells nothing."""
    try:
        block = msgspec.json.decode(schema)
        sides = {part.get("field"): part for part in block["fields"] if isinstance(part, dict)}
        columns = [
            part
            for part in (sides.get("after") or sides.get("before") or {}).get("fields", ())
            if isinstance(part, dict) and isinstance(part.get("field"), str)
        ]
        found = {part["field"]: converter_of(part) for part in columns}
    except (*_UNREADABLE, AttributeError, TypeError, KeyError):
        return Shape()
    return Shape(
        {name: convert for name, convert in found.items() if convert is not None},
        Declared(types={part["field"]: _type_of(part) for part in columns}),
    )


def converter_of(part: Mapping[str, Any]) -> Converter | None:
    """How values of one field of a schema are decoded; None when they stand for themselves."""
    if part.get("type") == "array" and isinstance(part.get("items"), dict):
        each = converter_of(part["items"])
        return None if each is None else _each(each)
    parameters = part.get("parameters")
    given = parameters if isinstance(parameters, dict) else {}
    name = str(part.get("name") or "")
    if name == f"{_CONNECT}Decimal":
        return _decimal(_whole(given.get("scale")))
    if name == "io.debezium.data.Bits":
        return _bits(_whole(given.get("length")))
    return _CONVERTERS.get(name)


def _type_of(part: Mapping[str, Any]) -> str:
    name, kind = str(part.get("name") or ""), str(part.get("type") or "")
    if name in (f"{_CONNECT}Decimal", "io.debezium.data.VariableScaleDecimal"):
        return "number"
    if name == "io.debezium.data.Json":
        return "json"
    if kind in _INTEGERS:
        return "text" if name in _CONVERTERS else "integer"
    return _TYPES.get(kind, "text")


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _each(convert: Converter) -> Converter:
    def converted(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [None if each is None else convert(each) for each in value]

    return converted


def _of_whole(convert: Callable[[int], Any]) -> Converter:
    """Apply to whole numbers only; anything else stays as it is."""

    def converted(value: Any) -> Any:
        return convert(value) if type(value) is int else value

    return converted


def date_text(days: int) -> str:
    """The date so many days after 1970-01-01, of any year, in the Gregorian calendar.

    >>> date_text(0), date_text(17702), date_text(-719529), date_text(2932897)
    ('1970-01-01', '2018-06-20', '-0001-12-31', '+10000-01-01')
    """
    # Days are counted from 0000-03-01 in eras of 400 years, as leap days then come last.
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524
                   - day_of_era // 146_096) // 365  # fmt: skip
    day = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    sign = "-" if year < 0 else "+" if year > 9_999 else ""
    return f"{sign}{abs(year):04d}-{month:02d}-{day - (153 * shifted + 2) // 5 + 1:02d}"


def time_text(count: int, per_second: int) -> str:
    """A time of day or a duration as hours, minutes and seconds; hours may pass 24.

    >>> time_text(51_195_001, 1_000), time_text(-3_600_000_001, 1_000_000), time_text(0, 1_000)
    ('14:13:15.001', '-01:00:00.000001', '00:00:00')
    """
    seconds, part = divmod(abs(count), per_second)
    digits = len(str(per_second)) - 1
    fraction = f".{part:0{digits}d}" if part else ""
    clock = f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
    return f"-{clock}" if count < 0 else clock


def moment_text(count: int, per_second: int) -> str:
    """A moment counted from 1970 as ISO 8601 in UTC; PostgreSQL's infinities by name.

    >>> moment_text(1529507596945104, 1_000_000), moment_text(-1, 1_000)
    ('2018-06-20T15:13:16.945104Z', '1969-12-31T23:59:59.999Z')
    """
    if count in _INFINITY:
        return _INFINITY[count]
    days, rest = divmod(count, 86_400 * per_second)
    return f"{date_text(days)}T{time_text(rest, per_second)}Z"


def decimal_text(unscaled: bytes, scale: int) -> str:
    r"""A big-endian two's complement number with a decimal point so many digits from its end.

    >>> decimal_text(b"\x30\x39", 2), decimal_text(b"\xff", 3), decimal_text(b"\x05", -2)
    ('123.45', '-0.001', '500')
    """
    number = int.from_bytes(unscaled, "big", signed=True)
    if scale <= 0:
        return str(number * 10**-scale)
    digits = f"{abs(number):0{scale + 1}d}"
    return f"{'-' if number < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _bytes(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


_MOST_SCALE = 10_000


def _decimal(scale: int) -> Converter:
    def converted(value: Any) -> Any:
        unscaled = _bytes(value)
        if unscaled is None or abs(scale) > _MOST_SCALE or len(unscaled) > _MOST_SCALE // 4:
            return value
        return decimal_text(unscaled, scale)

    return converted


def _scaled(value: Any) -> Any:
    if not isinstance(value, dict) or type(value.get("scale")) is not int:
        return value
    return _decimal(value["scale"])(value.get("value"))


def _bits(length: int) -> Converter:
    def converted(value: Any) -> Any:
        little = _bytes(value)
        if little is None:
            return value
        size = min(length, 8 * len(little)) if length > 0 else 8 * len(little)
        number = int.from_bytes(little, "little") & ((1 << size) - 1)
        return f"{number:0{size}b}" if size else ""

    return converted


def _document(value: Any) -> Any:
    """A JSON document held as text; one that is no object or array, or too deep, stays text."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    if value.count("{") + value.count("[") > _DEEPEST:
        return value
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError):
        return value
    return Raw(value.encode())


_CONVERTERS: dict[str, Converter] = {
    f"{_DEBEZIUM}Date": _of_whole(date_text),
    f"{_CONNECT}Date": _of_whole(date_text),
    f"{_DEBEZIUM}Time": _of_whole(lambda n: time_text(n, 1_000)),
    f"{_CONNECT}Time": _of_whole(lambda n: time_text(n, 1_000)),
    f"{_DEBEZIUM}MicroTime": _of_whole(lambda n: time_text(n, 1_000_000)),
    f"{_DEBEZIUM}NanoTime": _of_whole(lambda n: time_text(n, 1_000_000_000)),
    f"{_DEBEZIUM}Timestamp": _of_whole(lambda n: moment_text(n, 1_000)),
    f"{_CONNECT}Timestamp": _of_whole(lambda n: moment_text(n, 1_000)),
    f"{_DEBEZIUM}MicroTimestamp": _of_whole(lambda n: moment_text(n, 1_000_000)),
    f"{_DEBEZIUM}NanoTimestamp": _of_whole(lambda n: moment_text(n, 1_000_000_000)),
    "io.debezium.data.VariableScaleDecimal": _scaled,
    "io.debezium.data.Json": _document,
}
