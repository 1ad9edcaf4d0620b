"""The OpenAPI 3.1 document, made from the declared operations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from datawatch_lab.api.envelope import ErrorAnswer
from datawatch_lab.api.examples import EXAMPLES
from datawatch_lab.api.forms import ARROW
from datawatch_lab.api.paging import LARGEST, LINK, TOTAL, Page, has_pages
from datawatch_lab.api.requests import BODY_FIELDS
from datawatch_lab.api.sockets.routes import socket_document
from datawatch_lab.core.docstrings import attributes_of
from datawatch_lab.service.answers import HealthAnswer
from datawatch_lab.service.operation import NO_CONTENT, Operation

_REF = "#/components/schemas/{name}"
_FAULTS = {
    "400": "The request cannot be carried out as asked; the message says why.",
    "401": "Nobody is signed in: the token, the cookie or the signature is missing or wrong.",
    "403": "The Host, the Origin or the role is not allowed.",
    "404": "A named thing does not exist; the message names the nearest that does.",
    "405": "The path does not take this method; Allow says which it takes.",
    "409": "It was changed by somebody else in between, or its name is taken.",
    "413": "The body is too large, as it comes or unpacked.",
    "415": "The body is of a type or encoding that is not taken.",
    "429": "The engine, or whoever asks, is at a limit; Retry-After says when to try again.",
    "500": "A fault of the server; its log has the reason under X-Request-ID.",
    "502": "A source, such as a database that is watched, cannot be read.",
    "503": "The workspace cannot be used at the moment.",
}
_REMARKS = {
    "health": "Without a token only the status is told.",
    "post_event": "An event that is posted alone and is malformed answers 400 with its reason; it "
    "waits in the quarantine all the same. Several in one body answer 202 with each outcome.",
    "post_events": "Answers 202 with the outcome of each event, also when all are malformed.",
}
_BODY_TYPES = ("application/json", "application/x-ndjson")

_HEADERS = {
    "X-Request-ID": ("Name of the request in answers and in the log; a client may send one.", {}),
    "ETag": ("Of this answer; sent back as If-None-Match, an unchanged one is 304.", {}),
    TOTAL: ("Items of the whole list.", {"type": "integer", "minimum": 0}),
    LINK: ('The next page, as `rel="next"`; not there on the last.', {}),
}
_TAGS = {
    "events": "Change events of tables, and events of applications.",
    "tables": "Tables, columns and roles.",
    "metrics": "Metrics of tables and measurements of applications.",
    "sql": "Read-only SQL.",
    "sources": "Databases that are watched.",
    "ledger": "What became of every event.",
    "quarantine": "Events that were set aside.",
    "watermarks": "How far each source is.",
    "retention": "How long what is kept.",
    "stats": "The workspace at a glance.",
    "health": "Whether the engine takes events and answers.",
    "vitals": "The server's own state.",
    "heartbeat": "Signs of life of services.",
    "services": "Services, and how they do.",
    "dashboards": "Dashboards, their versions, templates and exports.",
    "widgets": "Tiles of dashboards.",
    "dashboard": "All services at a glance.",
    "analytics": "Telemetry as the older analytics service takes and gives it.",
    "me": "Who asks.",
    "users": "Who may sign in.",
    "tokens": "Tokens of users, for programs.",
    "shares": "Links that open one thing to read.",
    "audit": "Who changed what.",
    "batches": "For the tools themselves.",
    "offset": "For the tools themselves.",
}
"""What each tag is about, in the order in which a newcomer needs them."""

Json = dict[str, Any]


def document(
    operations: Sequence[Operation[Any, Any]], *, cookie: str = "datawatch_token_3002"
) -> Json:
    """The OpenAPI document of these operations, as plain JSON values.

    Args:
        operations: that are served.
        cookie: name of the cookie that says who signed in; it has the port in it.
    """
    types = [each.ask for each in operations] + [each.answer for each in operations]
    schemas, components = msgspec.json.schema_components([*types, ErrorAnswer], ref_template=_REF)
    asks, answers = schemas[: len(operations)], schemas[len(operations) : -1]
    paths: dict[str, Json] = {}
    for each, ask, answer in zip(operations, asks, answers, strict=True):
        asked = components[ask["$ref"].removeprefix(_REF.format(name=""))]
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
            "summary": "Live tables, metrics and dashboards from database changes.",
            "description": "Times are ISO 8601 or relative (-1h, now, today), durations a number "
            "and a unit (30s, 5m, 7d). Every fault is answered with one form of error. Each "
            "operation names the role that it asks for as x-role: viewer, editor or admin.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": _TAGS.get(name, "")} for name in _named(paths)],
        "security": [{"bearer": []}, {"cookie": []}, {"query": []}],
        "paths": paths,
        "x-websockets": socket_document(),
        "components": {
            "schemas": {name: components[name] for name in sorted(used)},
            "responses": faults | {"304": {"description": "It has not changed."}},
            "headers": {
                name: {"description": words, "schema": {"type": "string"} | schema}
                for name, (words, schema) in _HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": cookie},
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
                "headers": _headers(operation),
                **({} if operation.status == NO_CONTENT else _content(operation, answer)),
            },
            **(
                {"304": {"$ref": "#/components/responses/304"}} if operation.method == "GET" else {}
            ),
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


def _named(paths: Json) -> list[str]:
    """The tags of all operations: those that are described, then others by name."""
    found = {tag for each in paths.values() for one in each.values() for tag in one["tags"]}
    return [name for name in _TAGS if name in found] + sorted(found - set(_TAGS))


def _headers(operation: Operation[Any, Any]) -> Json:
    """The headers of a good answer."""
    names = ["X-Request-ID"]
    names += ["ETag"] if operation.method == "GET" else []
    names += [TOTAL, LINK] if has_pages(operation) else []
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _forms(operation: Operation[Any, Any], answer: Json) -> Json:
    """The media types of an answer; a table comes as Arrow to who accepts that."""
    forms: Json = {"application/json": {"schema": answer}}
    return forms | {ARROW: {"schema": {}}} if operation.table is not None else forms


def _content(operation: Operation[Any, Any], answer: Json) -> Json:
    return {"content": _forms(operation, answer)}


def _tag(path: str) -> str:
    """The resource that a path is about: its last fixed part before any parameter.

    >>> _tag("/api/v1/datawatch/metrics/{name}/query"), _tag("/health")
    ('metrics', 'health')
    >>> _tag("/api/v1/analytics/events"), _tag("/api/v1/metrics/query")
    ('analytics', 'metrics')
    """
    fixed = re.sub(r"^/api/v\d+(?:/datawatch)?(?=/)", "", path).strip("/")
    return fixed.partition("/")[0]


def _parameters(operation: Operation[Any, Any], asked: Json) -> list[Json]:
    said = attributes_of(operation.ask)
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
    return parameters + (_page() if has_pages(operation) else [])


def _page() -> list[Json]:
    """The parameters that cut a list."""
    said = attributes_of(Page)
    bounds = {
        "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST},
        "offset": {"type": "integer", "minimum": 0, "default": 0},
    }
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": said[name],
            "schema": schema,
        }
        for name, schema in bounds.items()
    ]


def _body(operation: Operation[Any, Any], asked: Json) -> Json | None:
    if operation.binary:
        return {
            "required": True,
            "description": attributes_of(operation.ask).get("body", ""),
            "content": _binary_forms(operation),
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
    content: Json = {"schema": schema | {"required": required}}
    if operation.name in EXAMPLES:
        content["example"] = EXAMPLES[operation.name]
    return {"required": bool(required), "content": {"application/json": content}}


def _binary_forms(operation: Operation[Any, Any]) -> Json:
    """The media types of a body that is taken as it comes."""
    example = EXAMPLES.get(operation.name)
    if example is None:
        return {"application/octet-stream": {"schema": {}}}
    forms: Json = {kind: {"schema": {}} for kind in _BODY_TYPES}
    forms["application/json"]["example"] = example
    return forms


def _fault(text: str) -> Json:
    reference = _REF.format(name=ErrorAnswer.__name__)
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": reference}}},
    }


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
