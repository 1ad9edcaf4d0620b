"""Requests made from the OpenAPI document, good ones and bad ones, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from datawatch_lab.api.openapi import document
from datawatch_lab.service.operations import OPERATIONS
from tests.api.whole import Whole, whole
from tests.waiting import PATIENCE

UNSUITED = {
    "watch": "signs in to addresses that are made up",
    "diagnose": "the same",
    "diagnose_address": "the same",
    "submit_batch": "its body is Arrow of the tools themselves",
    "remove_user": "may hit the user whom the test asks as",
    "change_user": "the same",
    "revoke_token": "the same, of a token",
    "quality_backtest": "schemathesis misreads the valid prefixItems of its answer",
}
FEW, MANY = 4, 150
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

load_all_checks()
schema = schemathesis.openapi.from_dict(document(OPERATIONS))
OK = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
FOUND = {each.definition.raw["operationId"]: each for each in OK}
SUITED = sorted(set(FOUND) - set(UNSUITED))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """One server for all requests."""
    with whole(tmp_path_factory.mktemp("fuzz")) as found:
        yield found


def run(served: Whole, name: str, mode: GenerationMode, count: int) -> None:
    """Send so many requests; no 5xx, and each answer is one that the document names."""
    headers = {"Authorization": f"Bearer {served.tokens['admin']}"}

    @seed(1)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=FOUND[name].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        answer = case.call(base_url=served.server.address, headers=headers, timeout=PATIENCE)
        case.validate_response(answer, checks=CHECKS)

    send()


@pytest.mark.parametrize("name", SUITED)
def test_no_request_breaks_the_server(served: Whole, name: str) -> None:
    """A few requests that fit the document and a few that do not, for each operation."""
    for mode in GenerationMode:
        if mode is GenerationMode.POSITIVE or takes_input(name):
            run(served, name, mode, FEW)


@pytest.mark.soak
@pytest.mark.parametrize("name", SUITED)
def test_no_request_breaks_the_server_for_long(served: Whole, name: str) -> None:
    """The same with many requests."""
    for mode in GenerationMode:
        if mode is GenerationMode.POSITIVE or takes_input(name):
            run(served, name, mode, MANY)


def takes_input(name: str) -> bool:
    """Whether anything can be given wrongly."""
    raw = FOUND[name].definition.raw
    return bool(raw.get("parameters") or raw.get("requestBody"))


def test_what_is_left_out_is_there() -> None:
    """Operations that are left out exist, and all others can be read."""
    assert set(UNSUITED) <= {each.name for each in OPERATIONS} <= set(FOUND)
