"""What an operation is: a function of the engine and one typed input, with its route."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args, get_type_hints

import msgspec

from datawatch_lab.core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from datawatch_lab.engine import Engine

Role = Literal["viewer", "editor", "admin"]
ROLES: tuple[str, ...] = get_args(Role)
"""Each role may do what those before it may."""

API = "/api/v1/datawatch"
NO_CONTENT = 204
"""Status of an answer that has no body; the operation gives None."""

Ask = TypeVar("Ask", bound=msgspec.Struct)
Answer = TypeVar("Answer")


class Nothing(msgspec.Struct, frozen=True):
    """The input of an operation that needs none."""


@dataclass(frozen=True)
class Tabular(Generic[Ask, Answer]):
    """The same answer as an Arrow table, which keeps types that JSON has no form for.

    Attributes:
        make: gives the table; what of the answer is no row stands in its schema's metadata.
        read: makes the answer of the table.
    """

    make: Callable[[Engine, Ask], pa.Table]
    read: Callable[[pa.Table], Answer]


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
        audited: whether a method other than GET is a change, to be noted in the audit log. False
            for what only reads, and for events that are taken in.
        before: reads what the change is about to replace; without one, GET of the same path does.
        table: for an answer that is a table: how it is one of Arrow.
        gives_table: this operation's answer is the Arrow table; see `as_table`.
        resource: what it is about, such as ``dashboard:ID``, on which users may have a role of
            their own and which links open; '' for what is not there. The operation's input checks
            nothing before the role is known. None for operations on the whole workspace.
        secret: fields of the input that are noted nowhere.
        asks_password: a call may be a guess at a password, so it counts as an attempt to sign in.
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
    audited: bool = True
    before: Callable[[Engine, Ask], object] | None = None
    table: Tabular[Ask, Answer] | None = None
    gives_table: bool = False
    resource: Callable[[Engine, Ask], str] | None = None
    secret: tuple[str, ...] = ()
    asks_password: bool = False

    def as_table(self) -> Operation[Ask, pa.Table]:
        """The operation whose answer is the Arrow table.

        Raises:
            InputError: the answer is no table.
        """
        if self.table is None:
            raise InputError(f"{self.name}: its answer is no table.")
        changed: Any = replace(self, function=self.table.make, gives_table=True)
        found: Operation[Ask, pa.Table] = changed
        return found

    @property
    def changes(self) -> bool:
        """Whether it is a change that the audit log notes."""
        return self.audited and self.method != "GET" and not self.binary

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
        known = set(self.ask.__struct_encode_fields__)
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


def operation(  # noqa: PLR0913 — the parts of a declaration, by name
    method: str,
    path: str,
    *,
    role: Role = "viewer",
    status: int = 200,
    binary: bool = False,
    also: Sequence[str] = (),
    audited: bool = True,
    before: Callable[[Engine, Any], object] | None = None,
    table: Tabular[Any, Any] | None = None,
    resource: Callable[[Engine, Any], str] | None = None,
    secret: Sequence[str] = (),
    asks_password: bool = False,
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
            audited=audited,
            before=before,
            table=table,
            resource=resource,
            secret=tuple(secret),
            asks_password=asks_password,
        )

    return declare
