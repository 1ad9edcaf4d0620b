"""SQL in the explorer: what is typed, the rows, what one may ask for."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views.pages.explorer_asked import chosen_end
from datawatch_lab.views.pages.explorer_rows import grid
from datawatch_lab.views.pages.page import Action, Done, Fields, Look, text, ticked
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    card,
    code,
    details,
    empty,
    join,
    link,
    tag,
)

_MOST_ROWS = 500
_LAST = "-24h"
_FIRST = "SELECT * FROM live.{table} LIMIT 100"
_NONE = "SHOW TABLES"


def view(look: Look) -> Mapping[str, str]:
    """The query, and below it the rows."""
    tables = look.workspace.tables()
    first = _FIRST.format(table=_quoted(tables[0].name)) if tables else _NONE
    asked = look.place.get("sql") or first
    shows = (
        tag(
            "label",
            tag("input", type="checkbox", name="unmasked", value="1"),
            " show sensitive values",
            class_="row",
        )
        if look.may("editor")
        else ""
    )
    form = tag(
        "form",
        tag(
            "textarea",
            asked,
            name="query",
            rows="6",
            aria_label="SQL",
            spellcheck="false",
            autofocus=True,
        ),
        tag(
            "div",
            tag("button", "Run", class_="btn main"),
            shows,
            tag(
                "span",
                "Ctrl Enter runs it. One query that only reads, over live.*, changes.* and "
                f"metrics.*. $from and $to are {_range_in_words(look)}.",
                class_="hint",
            ),
            class_="row",
        ),
        class_="stack",
        id="dw-sql",
        data_act="sql.run",
    )
    names = [
        details(
            each.name,
            tag(
                "p",
                join(
                    [
                        tag("span", f"{column.name} {column.type}", class_="chip")
                        for column in each.columns
                    ],
                    " ",
                ),
            ),
            key=f"dw-table-{place}",
        )
        for place, each in enumerate(tables)
    ]
    return {
        "query": card("SQL", form),
        "rows": tag("div", data_local_slot="sql-rows", id="dw-sql-rows"),
        "tables": card("Tables", *names, note="as live.NAME and changes.NAME")
        if names
        else card("Tables", _no_table(look)),
    }


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _no_table(look: Look) -> Html:
    to = look.place.link("data", tab="sources")
    return empty(
        "No table yet",
        "Each table that events come of stands here, with its columns, as soon as they come.",
        link("Connect a database", to, class_="btn main"),
    )


def _run(look: Look, fields: Fields) -> Done:
    query = text(fields, "query")
    try:
        masked = not ticked(fields, "unmasked")
        answer = look.workspace.sql(query, limit=_MOST_ROWS, masked=masked, **_range(look))
    except DataWatchError as error:
        said = tag("p", str(error), class_="reading bad mono", role="alert")
        return Done(slots={"sql-rows": said})
    return Done(slots={"sql-rows": _rows(look, query, answer)})


def _range(look: Look) -> dict[str, str]:
    """What ``$from`` and ``$to`` are: the range of the explorer."""
    start = look.place.get("from")
    return {"start": start or _LAST, "end": chosen_end(look.place) or "now"}


def _range_in_words(look: Look) -> str:
    said = _range(look)
    lasts = said["start"].startswith("-") and said["end"] == "now"
    if lasts:
        return f"the last {said['start'].removeprefix('-')}"
    return f"{said['start']} and {said['end']}"


def _rows(look: Look, query: str, answer: SqlAnswer) -> Html:
    shown = grid(answer, look.workspace.status().timezone)
    count = words.count(len(answer.rows))
    more = f"first {count}" if answer.truncated else count
    parts = [badge("masked: " + ", ".join(answer.masked), "calm", "•")] if answer.masked else []
    download = tag("button", "Download CSV", type="button", class_="btn", data_csv="sql-rows")
    note = f"{more} rows in {words.duration(answer.elapsed_ms / 1_000)}"
    how = _range(look) if "$from" in query or "$to" in query else {}
    said = "".join(f", {name}={value!r}" for name, value in how.items())
    python = (
        "import datawatch_lab as dw\n\nwith dw.open() as lab:\n"
        f"    rows = lab.workspace.sql_table({query!r}{said}).to_pandas()"
    )
    rows = tag("div", shown, class_="grid-table", id="dw-grid")
    as_code = details("As code", code(python), key="dw-sql-code")
    return card("Rows", rows, as_code, note=note, tools=join([*parts, download]))


ACTIONS: Mapping[str, Action] = {"sql.run": _run}
