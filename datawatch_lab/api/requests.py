"""A request's path, query and body as the typed input of an operation."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from datawatch_lab.api.auth import SECRETS
from datawatch_lab.api.envelope import HttpError
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.operation import Operation

MAX_BYTES = 64 * 1024 * 1024
"""Largest body of a request, as it comes and unpacked."""

_DEPTH = 100

BODY_FIELDS = frozenset({"body", "content_type", "content_encoding"})
"""Fields of a binary operation's input that come from the body and its headers."""


def read_ask(
    operation: Operation[Any, Any],
    *,
    path: Mapping[str, str],
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: bytes,
    max_bytes: int = MAX_BYTES,
) -> msgspec.Struct:
    """The input of an operation.

    Args:
        operation: what is asked for.
        path: values of the path's ``{name}`` parts.
        query: values of the query string, by name.
        headers: of the request.
        body: as it came.
        max_bytes: that a packed body may have unpacked.

    Raises:
        HttpError: 413, 415: the body is too large unpacked, or of a kind that is not taken.
        InputError: a value is unknown, missing, given twice or of the wrong type; names it.
    """
    values = _query_values(operation, query)
    if operation.binary:
        values |= _body_values(operation, headers, body)
    elif operation.method in ("POST", "PUT", "PATCH"):
        values = _merge(operation, values, _json_values(operation, headers, body, max_bytes))
    ask: msgspec.Struct = operation.read(_merge(operation, values, path))
    return ask


def _query_values(operation: Operation[Any, Any], query: Mapping[str, list[str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, given in query.items():
        if name in SECRETS:
            continue
        if len(given) > 1 and _is_repeatable(operation, name):
            values[name] = given
            continue
        if len(given) > 1:
            raise InputError(f"{operation.name}: parameter {name!r} is given {len(given)} times.")
        if operation.binary and name in BODY_FIELDS:
            raise InputError(f"{operation.name}: {name!r} is no query parameter.")
        values[name] = given[0]
    return values


@cache
def _inputs(operation: Operation[Any, Any]) -> dict[str, Any]:
    """The inputs of an operation and their types; told once, since msgspec evaluates hints."""
    return {each.encode_name: each.type for each in msgspec.structs.fields(operation.ask)}


def _is_repeatable(operation: Operation[Any, Any], name: str) -> bool:
    """Whether an input may be a list, so that its parameter may be given several times."""
    kinds = get_args(_inputs(operation).get(name))
    return any(get_origin(kind) is list for kind in kinds)


def _body_values(
    operation: Operation[Any, Any], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    if not body:
        raise InputError(f"{operation.name}: the body is empty.", hint="Send the events as JSON.")
    taken = _inputs(operation)
    given = {
        "body": body,
        "content_type": headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        "content_encoding": headers.get("Content-Encoding", "").strip().lower(),
    }
    return {name: value for name, value in given.items() if name in taken}


def _json_values(
    operation: Operation[Any, Any], headers: Mapping[str, str], body: bytes, max_bytes: int
) -> dict[str, Any]:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind.endswith("xml") or kind.startswith("multipart/"):
        raise HttpError(415, f"{operation.name} does not take {kind}.", hint="Send JSON.")
    body = _unpacked(operation, headers.get("Content-Encoding", ""), body, max_bytes)
    if not body.strip():
        return {}
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{operation.name}: the body is not JSON: {error}.") from None
    except RecursionError:
        raise _too_deep(operation) from None
    if not isinstance(values, dict):
        raise InputError(f"{operation.name}: the body must be a JSON object.")
    _check_depth(operation, values)
    return values


def _check_depth(operation: Operation[Any, Any], values: dict[str, Any]) -> None:
    """Refuse what is nested more deeply than anything that is meant."""
    level: list[Any] = [values]
    for _ in range(_DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for found in inner for each in found if isinstance(each, dict | list)]
        if not level:
            return
    raise _too_deep(operation)


def _too_deep(operation: Operation[Any, Any]) -> InputError:
    return InputError(f"{operation.name}: the body is nested more than {_DEPTH} levels deep.")


def _unpacked(operation: Operation[Any, Any], encoding: str, body: bytes, max_bytes: int) -> bytes:
    """The body without gzip; no more than a byte beyond the limit is ever unpacked."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip"):
        raise HttpError(
            415, f"{operation.name} does not take Content-Encoding {name[:40]}.", hint="Use gzip."
        )
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        found = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InputError(f"{operation.name}: the body is not gzip: {error}.") from None
    if len(found) > max_bytes:
        raise HttpError(
            413,
            f"the body is larger than {max_bytes:,} bytes unpacked.",
            details={"max_bytes": max_bytes},
        )
    if not unpacker.eof:
        raise InputError(f"{operation.name}: the body is not gzip: it ends too early.")
    return found


def _merge(
    operation: Operation[Any, Any], values: dict[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    for name in more:
        if name in values and values[name] != more[name]:
            raise InputError(f"{operation.name}: {name!r} is given twice, with two values.")
    return {**values, **more}
