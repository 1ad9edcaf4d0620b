"""The form of an answer: JSON, or Arrow where the answer is a table and the request accepts it."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.service.operation import Operation
from datawatch_lab.service.remote import ARROW

__all__ = ["ARROW", "asked_for", "written"]


def asked_for(operation: Operation[Any, Any], accept: str) -> Operation[Any, Any]:
    """The operation in the form that an Accept header asks for; JSON unless it names Arrow.

    Other types of the header are not weighed: whoever names an Arrow stream can read one.
    """
    if operation.table is None:
        return operation
    for each in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        if kind == ARROW and not any(_is_zero(part) for part in parameters):
            return operation.as_table()
    return operation


def written(operation: Operation[Any, Any], answer: Any) -> bytes:
    """An answer as the body of its response."""
    if not operation.gives_table:
        return msgspec.json.encode(answer)
    from datawatch_lab.service.tables import to_ipc

    return to_ipc(answer)


def _is_zero(parameter: str) -> bool:
    """Whether a parameter of a media type refuses it: ``q=0``."""
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip("0. ") == ""
