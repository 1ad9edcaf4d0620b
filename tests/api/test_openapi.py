"""The OpenAPI document says what the server does."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # it has no stubs here
import msgspec
import pytest
from schemathesis.specs.openapi import definitions

from datawatch_lab.api.openapi import document
from datawatch_lab.api.routes import OPENAPI_PATH
from datawatch_lab.api.server import Server
from datawatch_lab.service.operations import OPERATIONS
from tests.api.conftest import API


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The document of all operations."""
    return document(OPERATIONS)


def references(value: object) -> set[str]:
    """Every ``$ref`` within a value."""
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(each) for each in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(references(each) for each in value))
    return set()


def test_it_is_served(client: httpx.Client, server: Server) -> None:
    """The server answers with the document of its operations, and the name of its cookie."""
    cookie = f"datawatch_token_{server.port}"
    wanted = msgspec.json.decode(msgspec.json.encode(document(OPERATIONS, cookie=cookie)))
    assert client.get(OPENAPI_PATH).json() == wanted


def test_every_operation_is_there(described: dict[str, Any]) -> None:
    """Each operation stands at each of its paths, with its name, summary and good status."""
    for each in OPERATIONS:
        for path in each.paths:
            found = described["paths"][path][each.method.lower()]
            assert found["operationId"].startswith(each.name)
            assert found["summary"] == each.summary
            assert str(each.status) in found["responses"]


def test_operation_ids_are_unique(described: dict[str, Any]) -> None:
    """No two routes have one operationId, as the standard demands."""
    names = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    """Each $ref names a component, and each schema of the components is used."""
    found = references(described)
    components = described["components"]
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "headers")
        for name in components[kind]
    }
    definitions = described["x-websockets"]["definitions"]
    there |= {f"#/x-websockets/definitions/{name}" for name in definitions}
    assert found == there


def test_parameters_say_what_they_mean(described: dict[str, Any]) -> None:
    """Query parameters carry the names of the wire, and the words of the input's docstring."""
    path = described["paths"][f"{API}/metrics/{{name}}/range"]["get"]
    by_name = {each["name"]: each for each in path["parameters"]}
    named = {
        "name",
        "from",
        "to",
        "step",
        "aggregation",
        "group_by",
        "filters",
        "compare",
        "points",
        "backend",
    }
    assert set(by_name) == named
    assert by_name["name"]["in"] == "path"
    assert by_name["name"]["required"]
    assert by_name["step"]["description"].startswith("width of a bucket")
    assert "relative" in by_name["from"]["description"]
    assert all(each["description"] for each in path["parameters"])


def test_events_have_a_body_and_no_parameter_of_it(described: dict[str, Any]) -> None:
    """A binary operation describes its body's types, and only the rest as parameters."""
    path = described["paths"][f"{API}/events"]["post"]
    assert set(path["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
    assert [each["name"] for each in path["parameters"]] == ["wait"]


def test_a_json_body_is_described(described: dict[str, Any]) -> None:
    """An operation with a JSON body lists its fields."""
    path = described["paths"][f"{API}/quarantine/replay"]["post"]
    schema = path["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"ids", "fixed"}


def test_signing_in_is_described(described: dict[str, Any]) -> None:
    """All routes ask for the token, but health, which may be asked without."""
    assert described["security"]
    open_paths = {
        path
        for path, methods in described["paths"].items()
        for each in methods.values()
        if {} in each.get("security", described["security"])
    }
    assert open_paths == {"/health", f"{API}/health"}


def test_it_is_openapi_3_1(described: dict[str, Any]) -> None:
    """The meta-schema of the standard takes it, and every schema in it is one of JSON Schema."""
    validator: Any = definitions.__getattr__("OPENAPI_31_VALIDATOR")
    assert list(validator.iter_errors(described)) == []
    assert list(validator.iter_errors(described | {"paths": []}))
    for each in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(each)


def test_examples_fit_their_schemas(described: dict[str, Any]) -> None:
    """What the document gives as an example of a body is one."""
    found = 0
    for methods in described["paths"].values():
        for each in methods.values():
            content = each.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                schema = content["schema"] | {"components": described["components"]}
                jsonschema.validate(content["example"], schema)
                found += 1
    assert found > 20


def test_lists_have_pages(described: dict[str, Any]) -> None:
    """A list takes limit and offset and says how many there are; the audit log has its own."""
    tables = described["paths"][f"{API}/tables"]["get"]
    assert {"limit", "offset"} < {each["name"] for each in tables["parameters"]}
    assert {"X-Total-Count", "Link"} < set(tables["responses"]["200"]["headers"])
    audit = described["paths"][f"{API}/audit"]["get"]
    assert [each["name"] for each in audit["parameters"]].count("limit") == 1
