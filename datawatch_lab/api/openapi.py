"""The OpenAPI 3.1 document, made from the declared operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from datawatch_lab.api.envelope import ErrorAnswer
from datawatch_lab.api.forms import ARROW
from datawatch_lab.api.requests import BODY_FIELDS
from datawatch_lab.api.sockets.routes import socket_document
from datawatch_lab.service.answers import HealthAnswer
from datawatch_lab.service.operation import Operation

_REF = "#/components/schemas/{name}"
_FAULTS = {
    "400": "The request cannot be carried out as asked; the message says why.",
    "401": "Nobody is signed in: the token, the cookie or the signature is missing or wrong.",
    "403": "The Host, the Origin or the role is not allowed.",
    "404": "A named thing does not exist; the message names the nearest that does.",
    "413": "The body is too large.",
    "429": "The engine, or whoever asks, is at a limit; Retry-After says when to try again.",
    "500": "A fault of the server; its log has the reason under X-Request-ID.",
    "503": "The workspace cannot be used at the moment.",
}
_REMARKS = {
    "health": "Without a token only the status is told.",
    "post_event": "An event that is posted alone and is malformed answers 400 with its reason; it "
    "waits in the quarantine all the same. Several in one body answer 202 with each outcome.",
    "post_events": "Answers 202 with the outcome of each event, also when all are malformed.",
}
_BODY_TYPES = ("application/json", "application/x-ndjson")

Json = dict[str, Any]


def document(operations: Sequence[Operation[Any, Any]]) -> Json:
    """The OpenAPI document of these operations, as plain JSON values."""
    types = [each.ask for each in operations] + [each.answer for each in operations]
    schemas, components = msgspec.json.schema_components([*types, ErrorAnswer], ref_template=_REF)
    answers = schemas[len(operations) : -1]
    paths: dict[str, Json] = {}
    for each, answer in zip(operations, answers, strict=True):
        asked = components[each.ask.__name__]
        for number, path in enumerate(each.paths):
            described = _operation(each, asked, answer, path)
            if number:
                described["operationId"] += f"_{number + 1}"
            paths.setdefault(path, {})[each.method.lower()] = described
    faults = {status: _fault(text) for status, text in _FAULTS.items()}
    used = _used([paths, faults], components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DataWatch Lab",
            "version": version("datawatch-lab"),
            "description": "Live tables, metrics and dashboards from database changes.",
        },
        "security": [{"bearer": []}, {"cookie": []}, {"query": []}],
        "paths": paths,
        "x-websockets": socket_document(),
        "components": {
            "schemas": {name: components[name] for name in sorted(used)},
            "responses": faults,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "datawatch_token_PORT"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def _operation(operation: Operation[Any, Any], asked: Json, answer: Json, path: str) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [_tag(path)],
        "parameters": _parameters(operation, asked),
        "responses": {
            str(operation.status): {
                "description": "Done.",
                "content": _forms(operation, answer),
            },
            **{status: {"$ref": f"#/components/responses/{status}"} for status in _FAULTS},
        },
        "x-role": operation.role,
    }
    body = _body(operation, asked)
    if body is not None:
        described["requestBody"] = body
    if operation.answer is HealthAnswer:
        described["security"] = [{}, {"bearer": []}]
    if operation.name in _REMARKS:
        described["description"] = _REMARKS[operation.name]
    return described


def _forms(operation: Operation[Any, Any], answer: Json) -> Json:
    """The media types of an answer; a table comes as Arrow to who accepts that."""
    forms: Json = {"application/json": {"schema": answer}}
    return forms | {ARROW: {"schema": {}}} if operation.table is not None else forms


def _tag(path: str) -> str:
    """The resource that a path is about: its last fixed part before any parameter.

    >>> _tag("/api/v1/datawatch/metrics/{name}/query"), _tag("/health")
    ('metrics', 'health')
    """
    fixed = re.sub(r"^/api/v\d+/datawatch", "", path).strip("/")
    return fixed.partition("/")[0]


def _parameters(operation: Operation[Any, Any], asked: Json) -> list[Json]:
    said = _said(operation.ask)
    by_query = operation.binary or operation.method in ("GET", "DELETE")
    parameters = []
    for field in msgspec.structs.fields(operation.ask):
        in_path = field.name in operation.path_fields
        if not in_path and (not by_query or (operation.binary and field.name in BODY_FIELDS)):
            continue
        parameters.append(
            {
                "name": field.encode_name,
                "in": "path" if in_path else "query",
                "required": in_path or field.required,
                "description": said.get(field.name, ""),
                "schema": asked["properties"][field.encode_name],
            }
        )
    return parameters


def _body(operation: Operation[Any, Any], asked: Json) -> Json | None:
    if operation.binary:
        return {
            "required": True,
            "description": _said(operation.ask).get("body", ""),
            "content": {kind: {"schema": {}} for kind in _BODY_TYPES},
        }
    if operation.method in ("GET", "DELETE"):
        return None
    kept = {
        name: schema
        for name, schema in asked["properties"].items()
        if name not in operation.path_fields
    }
    required = [name for name in asked.get("required", []) if name in kept]
    schema = {"type": "object", "properties": kept, "additionalProperties": False}
    return {
        "required": bool(required),
        "content": {"application/json": {"schema": schema | {"required": required}}},
    }


def _fault(text: str) -> Json:
    reference = _REF.format(name=ErrorAnswer.__name__)
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": reference}}},
    }


def _said(ask: type[msgspec.Struct]) -> dict[str, str]:
    """What the docstrings of an input and its bases say about each field."""
    said: dict[str, str] = {}
    for each in reversed(ask.__mro__):
        doc = inspect.cleandoc(each.__doc__ or "")
        listed = re.search(r"^Attributes:\n((?:[ ]{4}.*\n?|\n)+)", doc, re.MULTILINE)
        entries = re.findall(
            r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", listed[1] if listed else "", re.MULTILINE
        )
        for names, text in entries:
            plain = re.sub(r"\s+", " ", text).replace("``", "`")
            said |= dict.fromkeys(re.split(r",\s*", names), plain)
    return said


def _used(value: object, components: Json) -> set[str]:
    """Names of the components that a value refers to, directly or through others."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            name = str(item.get("$ref", "")).removeprefix(_REF.format(name=""))
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
            waiting.extend(item.values())
    return found
