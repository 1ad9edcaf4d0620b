"""What an operation is: a function of the engine and one typed input, with its route."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args, get_type_hints

import msgspec

from datawatch_lab.core.errors import InputError

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine

Role = Literal["viewer", "editor", "admin"]
ROLES: tuple[str, ...] = get_args(Role)
"""Each role may do what those before it may."""

API = "/api/v1/datawatch"

Ask = TypeVar("Ask", bound=msgspec.Struct)
Answer = TypeVar("Answer")


class Nothing(msgspec.Struct, frozen=True):
    """The input of an operation that needs none."""


@dataclass(frozen=True)
class Operation(Generic[Ask, Answer]):
    """One thing that can be done with a workspace.

    Attributes:
        name: unique, a verb and a noun.
        method: of HTTP.
        path: below the server's root; ``{name}`` parts are fields of the input.
        ask: the input's type; fields not in the path come from the query string (GET, DELETE) or
            the JSON body.
        answer: the output's type.
        role: who may call it.
        summary: one sentence, from the function's docstring.
        function: does it.
        status: of a good HTTP answer.
        binary: the input's ``body`` field takes the request body as it comes.
        also: further paths that mean the same.
    """

    name: str
    method: str
    path: str
    ask: type[Ask]
    answer: Any
    role: Role
    summary: str
    function: Callable[[Engine, Ask], Answer]
    status: int = 200
    binary: bool = False
    also: tuple[str, ...] = ()

    @property
    def path_fields(self) -> tuple[str, ...]:
        """Names of the input's fields that stand in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that it is served at."""
        return (self.path, *self.also)

    def read(self, values: dict[str, Any]) -> Ask:
        """Make the typed input from plain values (texts are turned into numbers and the like).

        Raises:
            InputError: a field is unknown, missing or of the wrong type; names it.
        """
        known = {field.encode_name for field in msgspec.structs.fields(self.ask)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(
                f"{self.name}: no parameter {unknown[0]!r}.",
                hint=f"Parameters: {', '.join(sorted(known)) or 'none'}.",
            )
        try:
            return msgspec.convert(values, self.ask, strict=False)
        except msgspec.ValidationError as error:
            raise InputError(f"{self.name}: {error}.") from None


def operation(
    method: str,
    path: str,
    *,
    role: Role = "viewer",
    status: int = 200,
    binary: bool = False,
    also: Sequence[str] = (),
) -> Callable[[Callable[[Engine, Ask], Answer]], Operation[Ask, Answer]]:
    """Declare a function ``(engine, ask) -> answer`` as an operation; types come from its hints."""

    def declare(function: Callable[[Engine, Ask], Answer]) -> Operation[Ask, Answer]:
        namespace = {**function.__globals__, "Engine": object}
        hints = get_type_hints(function, globalns=namespace)
        answer = hints.pop("return")
        hints.pop("engine", None)
        (ask,) = hints.values()
        doc = (function.__doc__ or "").strip().splitlines()
        return Operation(
            name=function.__name__,
            method=method,
            path=path,
            ask=ask,
            answer=answer,
            role=role,
            summary=doc[0] if doc else function.__name__,
            function=function,
            status=status,
            binary=binary,
            also=tuple(also),
        )

    return declare
