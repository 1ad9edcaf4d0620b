"""Who may do what with one dashboard: roles of users on it, and links that open it."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import not_found
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.file import later
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import NO_CONTENT, operation
from datawatch_lab.service.operations.dashboards import PATH, DashboardAsk, resource_of

_PATH = f"{PATH}/{{id}}/access"


class GrantAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A role of a user on one dashboard, in place of the one they have everywhere."""

    dashboard: str
    user: str
    role: str


class LinkAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A link that opens one dashboard to read.

    Attributes:
        id: for revoking it, as of any link.
        expires, revoked: ISO 8601.
        path: of the page, with the token, in the answer that made it and nowhere else.
        embed: the same for a frame in another page.
    """

    id: str
    created_by: str
    created: str | None
    expires: str | None
    revoked: str | None = None
    path: str = ""
    embed: str = ""


class AccessAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what with a dashboard.

    Attributes:
        is_public: anybody who reaches the server may look at it.
        grants: roles of users on it.
        links: that open it to read, without their tokens.
    """

    dashboard: str
    is_public: bool
    grants: list[GrantAnswer]
    links: list[LinkAnswer]


def _resource(engine: Engine, ask: Any) -> str:
    return f"dashboard:{engine.beside(Dashboards).get(ask.id).id}"


@operation("GET", _PATH, role="editor", resource=resource_of)
def dashboard_access(engine: Engine, ask: DashboardAsk) -> AccessAnswer:
    """Who may do what with a dashboard: roles of users on it, and links."""
    board, resource = engine.beside(Dashboards).get(ask.id), _resource(engine, ask)
    with Access(engine.path, engine.clock) as access:
        grants = access.shares.grants(resource)
        links = [each for each in access.shares.all() if each.resource == resource]
    return AccessAnswer(
        dashboard=board.id,
        is_public=board.is_public,
        grants=[GrantAnswer(dashboard=board.id, user=u, role=role) for u, role in grants.items()],
        links=[
            LinkAnswer(
                id=each.id,
                created_by=each.created_by,
                created=iso(each.created),
                expires=iso(each.expires),
                revoked=iso(each.revoked),
            )
            for each in links
        ],
    )


class GrantBody(msgspec.Struct, frozen=True, kw_only=True):
    """A role for a user on a dashboard.

    Attributes:
        id: of the dashboard, or its name.
        user: the name of one who can sign in.
        role: viewer, editor or admin.
    """

    id: str
    user: str
    role: str


@operation("PUT", f"{_PATH}/{{user}}", role="admin")
def grant_dashboard(engine: Engine, ask: GrantBody) -> GrantAnswer:
    """Give a user a role on one dashboard, in place of the one they have everywhere."""
    board, resource = engine.beside(Dashboards).get(ask.id), _resource(engine, ask)
    with Access(engine.path, engine.clock) as access:
        access.shares.grant(resource, ask.user, ask.role)
        role = access.shares.grants(resource)[access.users.get(ask.user).name]
    return GrantAnswer(dashboard=board.id, user=ask.user, role=role)


class GrantAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Whose role on which dashboard."""

    id: str
    user: str


@operation("DELETE", f"{_PATH}/{{user}}", role="admin", status=NO_CONTENT)
def withdraw_dashboard(engine: Engine, ask: GrantAsk) -> None:
    """Take a user's role on one dashboard back; the one they have everywhere stays."""
    resource = _resource(engine, ask)
    with Access(engine.path, engine.clock) as access:
        if not access.shares.withdraw(resource, ask.user):
            raise not_found("role of a user", ask.user, access.shares.grants(resource))


class LinkBody(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be made.

    Attributes:
        id: of the dashboard, or its name.
        expires: after a duration such as 7d.
    """

    id: str
    expires: str = "7d"


@operation("POST", f"{PATH}/{{id}}/share", role="editor", status=201, resource=resource_of)
def share_dashboard(engine: Engine, ask: LinkBody) -> LinkAnswer:
    """Make a signed link that opens one dashboard to read, until it expires or is revoked."""
    resource = _resource(engine, ask)
    expires = later(engine.clock.now(), parse_duration(ask.expires))
    with Access(engine.path, engine.clock) as access:
        share, token = access.shares.sign_share(resource, expires, by=current_who().name)
    path = f"/d/{resource.partition(':')[2]}?share={token}"
    return LinkAnswer(
        id=share.id,
        created_by=share.created_by,
        created=iso(share.created),
        expires=iso(share.expires),
        path=path,
        embed=f"{path}&embed=1",
    )
