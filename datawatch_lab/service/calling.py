"""Methods made of the declared operations, so that a new operation is a method everywhere.

A method takes the fields of its operation's input: the first one and those that must be given by
position or by name, the others by name. An operation whose answer is a table has a second one,
``…_table``, which gives it as Arrow.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from datawatch_lab.core.errors import not_found
from datawatch_lab.service.operation import Operation

AnyOperation = Operation[Any, Any]
Call = Callable[[AnyOperation, Any], Any]

TABLE = "_table"


@cache
def operations() -> Mapping[str, AnyOperation]:
    """Every operation by the name of its method; loads the engine's code."""
    from datawatch_lab.service.operations import OPERATIONS

    found = {each.name: each for each in OPERATIONS}
    tables = {name + TABLE: each.as_table() for name, each in found.items() if each.table}
    return {**found, **{name: each for name, each in tables.items() if name not in found}}


def method(call: Call, name: str, of: str) -> Callable[..., Any]:
    """The operation of a name as a method.

    Args:
        call: carries it out.
        name: of the operation.
        of: the class, for messages.

    Raises:
        AttributeError: there is none; names the nearest.
    """
    if name.startswith("_") or name not in operations():
        known = () if name.startswith("_") else operations()
        raise AttributeError(f"{of} has {not_found('operation', name, known).message}")
    operation = operations()[name]
    signature = signature_of(operation)

    def do(*args: Any, **kwargs: Any) -> Any:
        return call(operation, ask_of(operation, args, kwargs))

    do.__name__ = do.__qualname__ = name
    do.__doc__ = describe(operation)
    do.__signature__ = signature  # type: ignore[attr-defined]
    return do


def ask_of(
    operation: AnyOperation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> msgspec.Struct:
    """The input of an operation, from the arguments of its method.

    Raises:
        TypeError: an argument is missing or unknown, as for any function.
    """
    try:
        bound = signature_of(operation).bind(*args, **kwargs)
    except TypeError as error:
        parameters = ", ".join(signature_of(operation).parameters)
        raise TypeError(f"{operation.name}(): {error}. Parameters: {parameters}.") from None
    ask: msgspec.Struct = operation.ask(**bound.arguments)
    return ask


@cache
def signature_of(operation: AnyOperation) -> inspect.Signature:
    """The parameters of an operation's method, without ``self``."""
    fields = msgspec.structs.fields(operation.ask)
    required = [each for each in fields if each.required]
    first = [] if required else list(fields[:1])
    later = [each for each in fields if not each.required and each not in first]
    parameters = [
        inspect.Parameter(each.name, kind, default=_default(each), annotation=each.type)
        for kind, group in (
            (inspect.Parameter.POSITIONAL_OR_KEYWORD, [*required, *first]),
            (inspect.Parameter.KEYWORD_ONLY, later),
        )
        for each in group
    ]
    answer: Any = "pyarrow.Table" if operation.gives_table else operation.answer
    return inspect.Signature(parameters, return_annotation=answer)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return inspect.Parameter.empty
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def describe(operation: AnyOperation) -> str:
    """The docstring of an operation's method: what it does, then the text of its input."""
    said = inspect.cleandoc(operation.ask.__doc__ or "")
    shape = "\n\nThe answer is an Arrow table." if operation.gives_table else ""
    return f"{operation.summary}{shape}\n\n{said.replace('Attributes:', 'Args:')}".strip()


def names() -> Iterator[str]:
    """Names of all methods."""
    return iter(operations())
