"""Every operation is a method, near and far, waited for and awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from datawatch_lab.client import AsyncClient, Client
from datawatch_lab.service import calling
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operation import Operation
from datawatch_lab.service.operations import OPERATIONS
from datawatch_lab.service.remote import answer_of, request_of
from tools import stubs

NAMES = sorted(calling.operations())


def arguments(operation: Operation[Any, Any]) -> dict[str, Any]:
    """Values of the right types for all that an operation takes."""
    return {
        field.name: _value(field.type, field.name)
        for field in msgspec.structs.fields(operation.ask)
    }


def _value(kind: Any, name: str) -> Any:
    samples: list[Any] = [f"a {name}", 7, True, 1.5, b"x", [], {}, None]
    for sample in samples:
        try:
            return msgspec.convert(sample, kind, builtin_types=(bytes,))
        except msgspec.ValidationError:
            continue
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = [each for each in msgspec.structs.fields(kind) if each.required]
        return kind(**{each.name: _value(each.type, each.name) for each in fields})
    schema = msgspec.json.schema(kind)
    return schema["enum"][0]


class Recorder:
    """A caller that remembers what it was asked, for both kinds of clients."""

    place = "here"

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool, Any]] = []

    def call(self, operation: Operation[Any, Any], ask: Any) -> str:
        """Remember."""
        self.asked.append((operation.name, operation.gives_table, ask))
        return "answered"

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_callable_every_way(name: str) -> None:
    """On a workspace, a client and an asynchronous client, with the same typed input."""
    operation = calling.operations()[name]
    given = arguments(operation)
    asked = Recorder()

    class Later(Recorder):
        async def call(self, operation: Operation[Any, Any], ask: Any) -> str:  # type: ignore[override]
            return Recorder.call(asked, operation, ask)

    with Client(spool=False) as client:
        client._connected = lambda _: asked  # type: ignore[assignment, method-assign]
        assert calling.method(client._carry_out, name, "Client")(**given) == "answered"
    later = AsyncClient(spool=False)
    later._client._connected = lambda _: Later()  # type: ignore[assignment, method-assign]
    assert asyncio.run(calling.method(later._carry_out, name, "X")(**given)) == "answered"
    workspace = Workspace(asked)  # type: ignore[arg-type]
    assert calling.method(workspace._carry_out, name, "Workspace")(**given) == "answered"
    expected = (operation.name, operation.gives_table, operation.ask(**given))
    assert asked.asked == [expected] * 3


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_a_request(name: str) -> None:
    """What a caller sends for an operation is what its handler reads: nothing gets lost."""
    from datawatch_lab.api.requests import read_ask

    operation = calling.operations()[name]
    ask = operation.ask(**arguments(operation))
    request = request_of(operation, ask)
    pattern = operation.path
    parts = {}
    for field in operation.path_fields:
        head, _, rest = pattern.partition("{" + field + "}")
        parts[field] = str(getattr(ask, field))
        assert request["url"].startswith(head.partition("{")[0])
        del rest
    body = request.get("content", b"")
    if "json" in request:
        body = msgspec.json.encode(request["json"])
    query = {key: _listed(value) for key, value in request.get("params", {}).items()}
    read = read_ask(operation, path=parts, query=query, headers=request["headers"], body=body)
    assert read == ask


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def test_methods_show_in_completion() -> None:
    """`dir` lists the operations beside what the client does itself."""
    with Client(spool=False) as client:
        shown = dir(client)
    assert {each.name for each in OPERATIONS} <= set(shown)
    assert {"track_event", "flush", "sql_table"} <= set(shown)


def test_a_method_says_what_it_takes() -> None:
    """Signature and docstring are those of the declaration."""
    with Client(spool=False) as client:
        found: Callable[..., Any] = client.range_query_table
        parameters = inspect.signature(found).parameters
        assert list(parameters)[:3] == ["name", "start", "end"]
        assert parameters["start"].kind is inspect.Parameter.KEYWORD_ONLY
        assert "step" in (found.__doc__ or "")


def test_a_wrong_argument_is_named() -> None:
    """As for any function, with the parameters that there are."""
    with Client(spool=False) as client, pytest.raises(TypeError, match=r"strat.*Parameters: name"):
        client.query("orders_total", strat="-1h")  # type: ignore[call-arg]


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    """An operation that does not exist is an AttributeError that helps."""
    with Client(spool=False) as client, pytest.raises(AttributeError, match="'ledger'"):
        client.leger()  # type: ignore[attr-defined]


def test_the_types_are_those_of_the_declarations() -> None:
    """`methods.pyi` is what ``python -m tools.stubs`` writes; run it after changing operations."""
    assert stubs.TARGET.read_text("utf-8") == stubs.source()


def test_answers_that_are_tables_fall_back_to_json() -> None:
    """A server of an older release answers JSON, and the typed answer is the same."""
    import httpx

    operation = calling.operations()["query"]
    text: dict[str, object] = {
        "metric": "m",
        "aggregation": "sum",
        "from": "a",
        "to": "b",
        "step": None,
        "series": [],
    }
    response = httpx.Response(200, json=text)
    assert answer_of(operation, response, "http://x").metric == "m"
