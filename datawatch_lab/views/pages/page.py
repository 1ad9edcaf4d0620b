"""What a page is: pure parts from answers of a workspace, and actions by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datawatch_lab.core.config import Config
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import UserRole, Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.pages.place import Place

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """Somebody looks at a place of a workspace.

    Attributes:
        config: that the server was started with; None where there is no server.
    """

    workspace: Workspace
    place: Place
    who: Who
    config: Config | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def may(self, role: UserRole) -> bool:
        """Whether they may do what needs a role; what they may not is not offered."""
        return self.who.may(role)


@dataclass(frozen=True)
class Done:
    """What became of an action.

    Attributes:
        said: in words, shown for a moment.
        fault: why it was not done.
        go: where to go next, a relative address; '' to stay.
        slots: parts for this browser alone, such as what was found or read back.
        changed: whether something was changed, so that parts are made anew.
        close: the form that asked is closed.
    """

    said: str = ""
    fault: str = ""
    go: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    close: bool = False


Action = Callable[[Look, Fields], Done]


@dataclass(frozen=True)
class Page:
    """A page of the portal.

    Attributes:
        key: in its address and in links.
        title: in the navigation.
        letter: ``g`` and this letter lead to it.
        icon: path of a 20 px SVG.
        view: its parts by name, in order.
        actions: by name.
        every: seconds between two views at least.
        personal: whether it differs between users of one role.
    """

    key: str
    title: str
    letter: str
    icon: str
    view: Callable[[Look], Mapping[str, str]]
    actions: Mapping[str, Action] = field(default_factory=dict)
    every: float = 2.0
    personal: bool = False

    def act(self, look: Look, name: str, fields: Fields) -> Done:
        """Do what is asked for.

        Raises:
            InputError: there is no such action.
        """
        found = self.actions.get(name)
        if found is None:
            raise InputError(
                f"{self.title}: no action {name[:40]!r}.",
                hint=f"Actions: {', '.join(self.actions)}.",
            )
        return found(look, fields)


def text(fields: Fields, name: str, default: str = "") -> str:
    """A field as text, without spaces around."""
    value = fields.get(name, default)
    return str(value).strip()


def ticked(fields: Fields, name: str) -> bool:
    """Whether a box was ticked."""
    return bool(fields.get(name)) and str(fields.get(name)).lower() not in ("false", "0", "off")


def listed(fields: Fields, name: str) -> list[str]:
    """A field of several values: ticked boxes, or a line with commas."""
    value = fields.get(name, [])
    found = value if isinstance(value, list) else str(value).split(",")
    return [str(each).strip() for each in found if str(each).strip()]
