"""The OpenAPI document against a real server: who may ask, what is refused, what answers look like.

Golden files hold the shape of each answer, keys and types. ``DATAWATCH_GOLDEN=write`` writes them
anew; the difference is then for a person to read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no stubs here
import pytest

from datawatch_lab.api.examples import EXAMPLES
from datawatch_lab.api.openapi import document
from datawatch_lab.service.answers import HealthAnswer
from datawatch_lab.service.operation import NO_CONTENT, ROLES
from datawatch_lab.service.operations import OPERATIONS, named
from tests.api.whole import WITHOUT_CALL, Whole, in_order, send, whole

GOLDEN = Path(__file__).parent / "golden"
DESCRIBED = document(OPERATIONS)
ROUTES = [
    (path, method, described)
    for path, methods in DESCRIBED["paths"].items()
    for method, described in methods.items()
]
FREE = {each.name for each in OPERATIONS if each.answer is HealthAnswer}
DOCS = (Path(__file__).parents[2] / "docs" / "http.md").read_text("utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One server for all tests of this file."""
    with whole(tmp_path_factory.mktemp("whole")) as found:
        yield found


def concrete(path: str) -> str:
    """A path with something that does not exist for each of its parts."""
    return path.replace("{", "no-such-").replace("}", "")


def check_envelope(answer: Any, status: int, route: object) -> None:
    """The answer is an error of this status, in the one form."""
    assert answer.status_code == status, (route, answer.text)
    jsonschema.validate(answer.json(), resolved({"$ref": "#/components/schemas/ErrorAnswer"}))
    assert answer.json()["error"]["message"]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the document that can be used alone."""
    return schema | {"components": DESCRIBED["components"]}


def test_strangers_are_refused_everywhere(served: Whole) -> None:
    """Without a token, each route of the document is 401 with the envelope, but health."""
    with served.client(None) as client:
        for path, method, described in ROUTES:
            answer = client.request(method, concrete(path))
            if described["operationId"].removesuffix("_2") in FREE:
                assert set(answer.json()) == {"status"}
                continue
            check_envelope(answer, 401, (method, path))
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_each_role_may_do_what_the_document_says(served: Whole) -> None:
    """The role below the one of a route is 403 with the envelope: a viewer cannot write."""
    for path, method, described in ROUTES:
        wanted = described["x-role"]
        for role in ROLES[: ROLES.index(wanted)]:
            with served.client(role) as client:
                check_envelope(client.request(method, concrete(path)), 403, (method, path))


def test_changes_are_not_for_viewers() -> None:
    """What a viewer may send changes nothing, or only what is the viewer's own."""
    own = {"change_password", "make_token", "revoke_token"}
    own |= {"sql", "query_metrics", "quality_check", "quality_validate"}
    own |= {"backtest_alert", "validate_dashboard", "preview_anomalies", "missed_anomalies"}
    own |= {"measure_sla"}
    free = {e.name for e in OPERATIONS if e.method != "GET" and e.role == "viewer"}
    assert free == own


def test_bad_input_is_answered_with_the_envelope(served: Whole) -> None:
    """An unknown parameter is 400 on every route, and names the parameter."""
    with served.client() as client:
        for path, method, _ in ROUTES:
            content = b"{}" if method in ("post", "put", "patch") else None
            answer = client.request(method, f"{concrete(path)}?no_such=1", content=content)
            check_envelope(answer, 400, (method, path))
            assert "no_such" in answer.json()["error"]["message"]


def test_other_methods_are_refused_with_those_that_are_taken(served: Whole) -> None:
    """405 carries Allow; OPTIONS says the same; HEAD is there wherever GET is."""
    with served.client() as client:
        for path, methods in DESCRIBED["paths"].items():
            taken = {each.upper() for each in methods}
            wanted = taken | {"OPTIONS"} | ({"HEAD"} if "GET" in taken else set())
            missing = next(each for each in ("DELETE", "PATCH") if each not in taken)
            answer = client.request(missing, concrete(path))
            check_envelope(answer, 405, path)
            asked = client.options(concrete(path))
            assert (asked.status_code, asked.content) == (204, b"")
            assert set(answer.headers["Allow"].split(", ")) == wanted
            assert asked.headers["Allow"] == answer.headers["Allow"]


def test_every_route_is_in_the_documentation() -> None:
    """docs/http.md names each route of the document."""
    for path, method, _ in ROUTES:
        assert f"`{method.upper()} {path}`" in DOCS


def test_every_body_has_an_example_that_is_taken() -> None:
    """Each operation with a body documents one, which its own input type takes."""
    for each in OPERATIONS:
        if each.method not in ("POST", "PUT") or each.name == "submit_batch":
            continue
        example = EXAMPLES[each.name]
        if not each.binary:
            each.read({**example, **dict.fromkeys(each.path_fields, "x")})
    assert set(EXAMPLES) <= {each.name for each in OPERATIONS}


def shape(value: Any) -> Any:
    """The keys and types of a value; a list has the shape of its items, merged."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        found: Any = None
        for each in value:
            found = merged(found, shape(each))
        return [] if found is None else [found]
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return kinds.get(type(value), "null")


def merged(one: Any, other: Any) -> Any:
    """Two shapes as one; a key that only some have stays, null gives way."""
    if one is None or one == "null":
        return other
    if other == "null":
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return {key: merged(one.get(key), other.get(key, "null")) for key in keys}
    if isinstance(one, list) and isinstance(other, list):
        return [merged(one[0], other[0])] if one and other else one or other
    return one if one == other else "number"


def fits(found: Any, golden: Any) -> bool:
    """Whether a shape is that of the golden file; null and empty lists say nothing of a type."""
    if isinstance(found, dict) and isinstance(golden, dict):
        return set(found) == set(golden) and all(fits(found[key], golden[key]) for key in golden)
    if isinstance(found, list) and isinstance(golden, list):
        return not found or not golden or fits(found[0], golden[0])
    return found == golden or "null" in (found, golden) or {found, golden} == {"integer", "number"}


def test_answers_have_the_shapes_of_the_golden_files(served: Whole) -> None:
    """Each good answer has its status, and fits its schema and its golden file."""
    faults = []
    with served.client() as client:
        for operation in in_order():
            answer = send(client, served, operation)
            if answer.status_code != operation.status:
                faults.append(f"{operation.name}: {answer.status_code} {answer.text[:200]}")
                continue
            if operation.status == NO_CONTENT:
                assert answer.content == b""
                continue
            found = answer.json()
            described = DESCRIBED["paths"][operation.path][operation.method.lower()]
            good = described["responses"][str(operation.status)]
            schema = good["content"]["application/json"]["schema"]
            jsonschema.validate(found, resolved(schema))
            if not is_golden(operation.name, shape(found)):
                faults.append(f"{operation.name}: another shape than in {GOLDEN.name}")
    assert not faults, "\n".join(faults)


def is_golden(name: str, found: Any) -> bool:
    """Whether a shape is that of the golden file, which is written first if that is asked for."""
    file = GOLDEN / f"{name}.json"
    if os.environ.get("DATAWATCH_GOLDEN") == "write":
        file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return file.exists() and fits(found, json.loads(file.read_text("utf-8")))


def test_every_operation_has_a_golden_file() -> None:
    """And no file is of an operation that is gone; those without one say why."""
    files = {each.stem for each in GOLDEN.glob("*.json") if not each.stem.startswith("older_")}
    answering = {each.name for each in OPERATIONS if each.status != NO_CONTENT}
    assert files == answering - set(WITHOUT_CALL)
    assert all(named(each) for each in WITHOUT_CALL)
