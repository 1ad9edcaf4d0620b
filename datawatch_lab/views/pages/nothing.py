"""What a page says where nothing is: that nothing is wrong, or that nothing was looked at."""

from __future__ import annotations

from datawatch_lab.views.pages.page import Look
from datawatch_lab.views.pages.parts import Html, empty, link

_NARROWING = ("state", "severity", "type", "table", "metric")


def no_data(look: Look, what: str) -> Html | None:
    """That no events have come, and the way to some; None where some have.

    Args:
        look: at the page.
        what: stands here once events come.
    """
    if look.workspace.status().status != "empty":
        return None
    title = "Connect a database" if look.may("admin") else "Where events come from"
    return empty(
        "No data yet",
        f"No events have come, so nothing can be judged. {what}",
        link(title, look.place.link("data", tab="sources", id=None, edit=None), class_="btn main"),
    )


def no_rule(look: Look, *, is_main: bool = True) -> Html:
    """That no alert rule is there, and for editors the way to make one."""
    add = look.place.link("alerts", tab="rules", edit="new", id=None)
    then = link("Add a rule", add, class_="btn main" if is_main else "btn")
    why = "A rule says when to be told, such as “> 200% of baseline”. Without one nobody is told."
    return empty("No rule yet", why, then if look.may("editor") else "")


def no_anomaly(look: Look) -> Html:
    """Why none is listed: nothing came, nothing is judged, none fits, or nothing is strange."""
    missing = no_data(look, "Every series is judged once they do.")
    if missing is not None:
        return missing
    standing = look.workspace.detectors()
    if not standing.enabled:
        to = look.place.link("settings", tab="configuration", id=None)
        why = "Nothing is looked at: anomaly.enabled is off in the configuration."
        return empty("Detection is switched off", why, link("Configuration", to, class_="btn"))
    if not standing.watched:
        why = "A series is judged by what was usual before, once it has 10 closed buckets."
        return empty("Nothing is judged yet", why)
    if any(look.place.get(each) for each in _NARROWING):
        free = look.place.link(**dict.fromkeys(_NARROWING))
        why = "Others may have been found in this time."
        return empty("None fits these filters", why, link("Show all", free, class_="btn"))
    many = f"{standing.watched} series are judged by what was usual before."
    return empty("Nothing strange in this time", many)
