"""What every operation passes, whoever asks and however: role, masks, the audit log."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from datawatch_lab.core.errors import AccessError, DataWatchError
from datawatch_lab.core.who import UserRole, Who, current_who, has_role

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine
    from datawatch_lab.service.operation import Operation

Answer = TypeVar("Answer")


def carry_out(engine: Engine, operation: Operation[Any, Answer], ask: msgspec.Struct) -> Answer:
    """Call an operation for whoever asks, see `core.who.current_who`.

    A change is noted in the audit log before it is made, and its outcome after; so is a look at
    what is masked. What cannot be noted is not done. Events that are taken in are not noted one by
    one: the ledger counts them.

    Raises:
        AccessError: 403: the role is not enough, or unmasked values are asked for by a viewer.
        WorkspaceError: the audit log cannot be written.
    """
    who = current_who()
    _check(engine, operation, ask, who)
    unmasked = getattr(ask, "masked", True) is False
    if unmasked and not who.sees_sensitive:
        raise AccessError(
            "sensitive values are masked for viewers; masked=false needs the role editor.",
            status=403,
        )
    if operation.changes or unmasked:
        return _noted(engine, operation, ask, who)
    return operation.function(engine, ask)


def _check(engine: Engine, operation: Operation[Any, Any], ask: msgspec.Struct, who: Who) -> None:
    """Refuse somebody whose role is too small, on the resource too, where it is about one."""
    resource = operation.resource(engine, ask) if operation.resource is not None else ""
    check_role_on(engine, who, operation.role, resource)


def check_role_on(engine: Engine, who: Who, wanted: UserRole, resource: str) -> None:
    """Refuse somebody who has not a role on a resource; see `Shares.role_on`.

    Args:
        engine: of the workspace.
        who: asks.
        wanted: the least role.
        resource: such as ``dashboard:ID``; '' for the whole workspace.

    Raises:
        AccessError: 403.
    """
    # A viewer's part is everybody's, and an admin's role is never less.
    if resource and not who.resource and wanted != "viewer" and who.role != "admin":
        from datawatch_lab.service.access.access import Access

        with Access(engine.path, engine.clock) as access:
            role = access.shares.role_on(who, resource) or who.role
        if has_role(role, wanted):
            return
        if role != who.role:
            raise AccessError(
                f"this needs the role {wanted}; {who.name} is {role} here.", status=403
            )
    check_role(who, wanted, resource)


def check_role(who: Who, role: UserRole, resource: str = "") -> None:
    """Refuse somebody who has not the role.

    Raises:
        AccessError: 403.
    """
    if who.may(role, resource):
        return
    if who.resource not in ("", resource):
        raise AccessError("this link opens something else.", status=403)
    raise AccessError(
        f"this needs the role {role}; {who.name or 'a stranger'} is {who.role}.", status=403
    )


def _noted(
    engine: Engine, operation: Operation[Any, Answer], ask: msgspec.Struct, who: Who
) -> Answer:
    from datawatch_lab.service.access.access import Access

    kept_back = {"body", *operation.secret}
    values = {name: getattr(ask, name) for name in ask.__struct_fields__ if name not in kept_back}
    target = "/".join(str(values[name]) for name in operation.path_fields if name in values)
    with Access(engine.path, engine.clock) as access:
        before = _before(engine, operation, ask)
        with access.audit.noted(who, operation.name, target, values, before) as after:
            answer = operation.function(engine, ask)
            if operation.changes and operation.method != "DELETE":
                after.append(answer)
        return answer


def _before(engine: Engine, operation: Operation[Any, Any], ask: msgspec.Struct) -> object:
    """What is there now: by the operation's own reader, or what GET of the same path answers."""
    read = operation.before or _twin(operation)
    if read is None:
        return None
    try:
        return read(engine, ask)
    except DataWatchError:  # it is not there; then nothing was before
        return None


@lru_cache(maxsize=256)
def _twin(operation: Operation[Any, Any]) -> Callable[[Any, Any], object] | None:
    """GET of the same path, asked with the fields of the path; None when there is none."""
    if operation.method not in ("PUT", "PATCH", "DELETE") or not operation.path_fields:
        return None
    from datawatch_lab.service.operations import OPERATIONS

    reads = (each for each in OPERATIONS if each.method == "GET" and each.path == operation.path)
    twin = next(reads, None)
    if twin is None:
        return None

    def read(engine: Any, ask: msgspec.Struct) -> object:
        return twin.function(
            engine, twin.ask(**{name: getattr(ask, name) for name in twin.path_fields})
        )

    return read
