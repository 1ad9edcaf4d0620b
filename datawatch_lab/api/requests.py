"""A request's path, query and body as the typed input of an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec

from datawatch_lab.api.auth import SECRETS
from datawatch_lab.api.envelope import HttpError
from datawatch_lab.core.errors import InputError
from datawatch_lab.service.operation import Operation

BODY_FIELDS = frozenset({"body", "content_type", "content_encoding"})
"""Fields of a binary operation's input that come from the body and its headers."""


def read_ask(
    operation: Operation[Any, Any],
    *,
    path: Mapping[str, str],
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: bytes,
) -> msgspec.Struct:
    """The input of an operation.

    Args:
        operation: what is asked for.
        path: values of the path's ``{name}`` parts.
        query: values of the query string, by name.
        headers: of the request.
        body: as it came.

    Raises:
        InputError: a value is unknown, missing, given twice or of the wrong type; names it.
    """
    values = _query_values(operation, query)
    if operation.binary:
        values |= _body_values(operation, headers, body)
    elif operation.method in ("POST", "PUT", "PATCH"):
        values = _merge(operation, values, _json_values(operation, headers, body))
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


def _is_repeatable(operation: Operation[Any, Any], name: str) -> bool:
    """Whether an input may be a list, so that its parameter may be given several times."""
    fields = msgspec.structs.fields(operation.ask)
    kinds = next((get_args(each.type) for each in fields if each.encode_name == name), ())
    return any(get_origin(kind) is list for kind in kinds)


def _body_values(
    operation: Operation[Any, Any], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    if not body:
        raise InputError(f"{operation.name}: the body is empty.", hint="Send the events as JSON.")
    taken = {each.encode_name for each in msgspec.structs.fields(operation.ask)}
    given = {
        "body": body,
        "content_type": headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        "content_encoding": headers.get("Content-Encoding", "").strip().lower(),
    }
    return {name: value for name, value in given.items() if name in taken}


def _json_values(
    operation: Operation[Any, Any], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise HttpError(
            415, f"{operation.name} takes its body uncompressed.", hint="Drop Content-Encoding."
        )
    if not body.strip():
        return {}
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{operation.name}: the body is not JSON: {error}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{operation.name}: the body must be a JSON object.")
    return values


def _merge(
    operation: Operation[Any, Any], values: dict[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    for name in more:
        if name in values and values[name] != more[name]:
            raise InputError(f"{operation.name}: {name!r} is given twice, with two values.")
    return {**values, **more}
