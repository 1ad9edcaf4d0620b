"""Links that open one resource to read, until they expire or are revoked."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.door import check_role_on
from datawatch_lab.service.access.file import later
from datawatch_lab.service.access.shares import Share
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


class ShareAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A link.

    Attributes:
        id: for revoking it.
        resource: what it opens, such as ``dashboard:ID``.
        expires, revoked: ISO 8601.
        token: what the link carries as ``?share=``, in the answer that made it and nowhere else.
    """

    id: str
    resource: str
    role: str
    created_by: str
    created: str | None
    expires: str | None
    revoked: str | None
    token: str = ""


class ShareBody(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be made.

    Attributes:
        resource: what it opens, ``kind:id``.
        expires: after a duration such as 7d.
    """

    resource: str
    expires: str = "7d"


@operation("GET", f"{API}/shares", role="editor")
def list_shares(engine: Engine, ask: Nothing) -> list[ShareAnswer]:
    """The links that were made, newest first, without their tokens."""
    del ask
    with Access(engine.path, engine.clock) as access:
        return [_share(each) for each in access.shares.all()]


@operation("POST", f"{API}/shares", role="editor", status=201)
def make_share(engine: Engine, ask: ShareBody) -> ShareAnswer:
    """Make a signed link that opens one resource to read."""
    check_role_on(engine, current_who(), "editor", ask.resource)
    expires = later(engine.clock.now(), parse_duration(ask.expires))
    with Access(engine.path, engine.clock) as access:
        share, token = access.shares.sign_share(ask.resource, expires, by=current_who().name)
        return msgspec.structs.replace(_share(share), token=token)


class ShareAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which link."""

    id: str


def _before(engine: Engine, ask: ShareAsk) -> ShareAnswer:
    """The link before it is revoked."""
    with Access(engine.path, engine.clock) as access:
        return _share(access.shares.get(ask.id))


@operation("DELETE", f"{API}/shares/{{id}}", role="editor", before=_before)
def revoke_share(engine: Engine, ask: ShareAsk) -> ShareAnswer:
    """End a link now."""
    with Access(engine.path, engine.clock) as access:
        check_role_on(engine, current_who(), "editor", access.shares.get(ask.id).resource)
        return _share(access.shares.revoke(ask.id))


def _share(share: Share) -> ShareAnswer:
    return ShareAnswer(
        share.id,
        share.resource,
        share.role,
        share.created_by,
        iso(share.created),
        iso(share.expires),
        iso(share.revoked),
    )
