"""The frame of every page: the document, the navigation, what stands around each page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.who import Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import theme
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
from datawatch_lab.views.pages.parts import Html, badge, html, join, tag
from datawatch_lab.views.pages.place import HOME, Place
from datawatch_lab.views.pages.session import SHELL

_MOST_FOUND = 12
_STATES = {
    "live": ("good", "Live"),
    "quiet": ("good", "Live"),
    "silent": ("warn", "Silent"),
    "history": ("calm", "History"),
    "empty": ("calm", "Empty"),
}
_KEYS = (
    ("/", "search metrics and tables"),
    ("g, then a letter", "go to a page; the letter stands in the navigation's tooltip"),
    ("Ctrl Enter", "run the query that is typed"),
    ("Esc", "close what is open"),
    ("?", "this list"),
)


def asset(name: str) -> str:
    """A file of ``views/assets``."""
    return (files("datawatch_lab.views") / "assets" / name).read_text("utf-8")


def document(
    page: str,
    pages: Sequence[Page],
    *,
    content: str | None = None,
    script: str = "",
    tools: str = "",
    hidden: str = "",
) -> str:
    """The template of a page: everything in it comes from this server.

    Args:
        page: key of the page that is opened.
        pages: of the navigation; none for an app that stands alone.
        content: of a page that has a template of its own; else it is filled by `Live`.
        script: of that page.
        tools: beside the search.
        hidden: what is embedded somewhere hidden.
    """
    title = next((each.title for each in pages if each.key == page), "DataWatch")
    parts = {
        "@@CSS@@": theme.tokens_css() + asset("overview.css") + asset("shell.css"),
        "@@JS@@": "\n".join([asset("morph.js"), asset("plot.js"), asset("shell.js"), script]),
        "@@NAV@@": _navigation(page, pages),
        "@@TITLE@@": title,
        "@@TOOLS@@": tools,
        "@@KEYS@@": tag("dl", *(join([tag("dt", _key(k)), tag("dd", v)]) for k, v in _KEYS)),
        "@@CONTENT@@": content or _content(page),
        "@@HIDDEN@@": hidden,
        "@@LOGO@@": asset("logo.svg"),
    }
    made = asset("shell.html")
    for mark, part in parts.items():
        made = made.replace(mark, part)
    return made


def _key(keys: str) -> Html:
    return tag("kbd", keys)


OFFLINE = tag(
    "div",
    tag("span", "✕", aria_hidden="true"),
    " The connection to the server is lost; trying again. What is shown stands still.",
    class_="banner bad",
    id="dw-offline",
    role="alert",
    hidden=True,
)


def _content(page: str) -> str:
    wait = tag(
        "div",
        tag("span", "Loading …", class_="heard"),
        *(tag("i") for _ in range(3)),
        class_="wait-page",
        role="status",
    )
    inner = tag("div", wait, id="content", data_page=True, data_portal=page, data_state="waiting")
    return tag("main", OFFLINE, tag("div", data_around="banner"), inner)


def _navigation(page: str, pages: Sequence[Page]) -> str:
    """Links to every page, relative to the one that is opened."""
    if not pages:
        return ""
    made = []
    for each in pages:
        icon = Html(f'<svg class="icon" viewBox="0 0 20 20" aria-hidden="true">{each.icon}</svg>')
        count = tag("span", data_around=f"count-{each.key}")
        made.append(
            tag(
                "a",
                icon,
                tag("span", each.title, class_="text"),
                count,
                href=_href(page, each.key),
                class_="item",
                title=f"{each.title} (g {each.letter})",
                data_key=each.key,
                data_title=each.title,
                data_letter=each.letter,
                aria_current="page" if each.key == page else None,
            )
        )
    fold = (
        '<button type="button" class="fold" id="dw-fold" aria-label="Fold the navigation">'
        '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="M12 5l-5 5 5 5"/></svg>'
        '<span class="text">Fold</span></button>'
    )
    end = tag("div", Html(fold), class_="end")
    home = tag(
        "a",
        Html(asset("logo.svg")),
        tag("span", "DataWatch", class_="text"),
        href=_href(page, HOME),
        class_="mark",
    )
    rail = tag("div", home, *made, end, class_="rail")
    return tag("nav", rail, id="dw-nav", aria_label="Pages") + '<div id="dw-shade"></div>'


def _href(page: str, key: str) -> str:
    """A link of the navigation, which holds on every page that shares its frame.

    >>> _href("data", "data"), _href("data", "home"), _href("home", "home")
    ('data', '../datawatch', 'datawatch')
    """
    return Place(page).link(key) if page != key else "datawatch" if key == HOME else key


# ---------------------------------------------------------------------- what stands around


def shell_page() -> Page:
    """What stands around each page: name and state of the workspace, counts, search."""
    return Page(SHELL, "", "", "", _around, {"shell.search": _search}, every=2.0, personal=False)


def _around(look: Look) -> Mapping[str, str]:
    workspace = look.workspace
    status = workspace.status()
    tone, word = _STATES[status.status]
    shown = {
        "name": html(_name(workspace, status.workspace)),
        "state": badge(word, tone),
        "banner": _problem(status.problem),
    }
    return shown | {f"count-{page}": _count(*found) for page, found in counts(look).items()}


def _name(workspace: Workspace, path: str) -> str:
    name = path.replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[0] or name or workspace.place


def _problem(problem: str) -> str:
    if not problem:
        return ""
    mark = tag("span", "✕", aria_hidden="true")
    return tag(
        "div", mark, f" What comes cannot be stored: {problem}", class_="banner bad", role="alert"
    )


def _count(number: int, tone: str, said: str) -> str:
    if not number:
        return ""
    shown = str(number) if number < 1_000 else f"{number // 1_000}k"
    return tag("span", shown, class_=f"count {tone}", title=said)


def counts(look: Look) -> dict[str, tuple[int, str, str]]:
    """The counts beside pages in the navigation: number, tone, what it counts."""
    workspace = look.workspace
    found: dict[str, tuple[int, str, str]] = {}

    def alerts() -> tuple[int, str, str]:
        summary = workspace.alert_summary()
        grave = "bad" if summary.by_severity.get("critical") else "warn"
        return summary.open, grave, "open alerts"

    def quality() -> tuple[int, str, str]:
        return workspace.quality_stats().failing, "warn", "rules that fail"

    def schema() -> tuple[int, str, str]:
        return (
            workspace.schema_changes("-1d", impact="breaking", limit=1).total,
            "bad",
            "breaking changes of the last day",
        )

    def strange() -> tuple[int, str, str]:
        found = workspace.anomalies(active=True, limit=1_000, group="incident")
        return len(found), "warn", "incidents of anomalies that go on"

    def data() -> tuple[int, str, str]:
        return workspace.quarantine(limit=1).total, "", "events in quarantine"

    asked = {
        "alerts": alerts,
        "anomalies": strange,
        "quality": quality,
        "schema": schema,
        "data": data,
    }
    for page, ask in asked.items():
        try:
            found[page] = ask()
        except DataWatchError:  # a stage that is switched off or not permitted has no count
            found[page] = (0, "", "")
    return found


def _search(look: Look, fields: Fields) -> Done:
    """Tables and metrics whose names have all words that are typed."""
    origin = Place(text(fields, "page") or HOME)
    asked = text(fields, "text")[:100].lower().split()
    if not asked:
        return Done(slots={"found": ""})

    def fits(*names: str) -> bool:
        all_ = " ".join(names).lower().replace("_", " ") + " " + " ".join(names).lower()
        return all(word in all_ for word in asked)

    tables = [each for each in look.workspace.tables() if fits(each.name)]
    metrics = [each for each in look.workspace.metrics() if fits(each.name, each.description)]
    metrics.sort(key=lambda each: (not each.name.lower().startswith(asked[0]), len(each.name)))
    rows = [
        _option(origin.link("explorer", table=each.name), each.name, "table") for each in tables[:3]
    ]
    rows += [
        _option(origin.link("explorer", metric=each.name), each.name, each.description)
        for each in metrics[: _MOST_FOUND - len(rows)]
    ]
    more = len(metrics) + len(tables) - len(rows)
    if more > 0:
        rows.append(tag("p", f"{more} more; type on."))
    return Done(slots={"found": join(rows) if rows else tag("p", "Nothing has that in its name.")})


def _option(href: str, name: str, said: str) -> Html:
    return tag("a", name, tag("small", said), href=href, role="option")


def local_who() -> Who:
    """Who looks at an app that is served without sign-in: whoever runs this process."""
    from datawatch_lab.core.who import current_who

    return current_who()
