"""Settings: reports that run by themselves, when they run next, what became of the last ones."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.service.operations.reports import RunAnswer, ScheduledReport
from datawatch_lab.views import format as words
from datawatch_lab.views.pages.page import Done, Fields, Look, text
from datawatch_lab.views.pages.parts import (
    Html,
    button,
    card,
    code,
    empty,
    html,
    join,
    link,
    pairs,
    state,
    table,
    tag,
    when,
)

_TONES = {"running": "info", "mailing": "info", "done": "good", "failed": "bad", "cut off": "warn"}
_RUNS = 20
_NOT_MAILED = "not mailed"
_EXAMPLE = """reports:
  - notebook: notebooks/07_weekly_report.ipynb
    every: monday 08:00
    form: pdf
    mail: [ops@example.org]"""


def view(look: Look) -> Mapping[str, str]:
    """All reports, and the runs of the one that is chosen."""
    found = look.workspace.reports(_RUNS)
    if not found:
        nothing = empty(
            "No report runs by itself",
            "A notebook with parameters becomes a page or a PDF at its times, is filed, and mailed "
            "where that is asked for. Reports stand in the configuration:",
        )
        return {"reports": card("Scheduled reports", nothing, code(_EXAMPLE))}
    chosen = next((each for each in found if each.name == look.place.get("id")), None)
    made = {} if chosen is None else {"report": _detail(look, chosen)}
    heads = ("Report", "Next", "Last run", "")
    rows = [_row(look, each) for each in found]
    note = "from the configuration"
    if not any(each.next for each in found):
        note = "no server runs them: `datawatch serve --config FILE` does"
    shown = table(heads, rows, label="scheduled reports")
    return made | {"reports": card("Scheduled reports", shown, note=note)}


def _row(look: Look, report: ScheduledReport) -> tuple[object, ...]:
    every = tag("div", f"{report.every}, {report.timezone} · {report.form}", class_="hint")
    name = join([link(report.name, look.place.link(id=report.name)), every])
    next_ = when(report.next, look.now) if report.enabled else state("switched off")
    acts = [_run_button(report)] if look.may("editor") else []
    return name, next_, _last(look, report), tag("div", *acts, class_="acts")


def _run_button(report: ScheduledReport) -> Html:
    return button("Run now", "report.run", name=report.name)


def _last(look: Look, report: ScheduledReport) -> Html:
    if not report.runs:
        return html("not yet")
    run = report.runs[0]
    detail = tag("div", run.detail.splitlines()[0], class_="hint") if run.detail else ""
    return join([_state(run), " ", when(run.ended or run.started, look.now), detail])


def _state(run: RunAnswer) -> Html:
    tone = _TONES.get(run.state, "calm")
    if run.state == "done" and _NOT_MAILED in run.detail:
        tone = "warn"
    return state(run.state, tone)


def _detail(look: Look, report: ScheduledReport) -> Html:
    facts: list[tuple[object, object]] = [
        ("Notebook", tag("span", report.notebook, class_="mono")),
        ("Every", f"{report.every} ({report.timezone})"),
        ("Next", when(report.next, look.now)),
        ("Parameters", ", ".join(f"{k}={v}" for k, v in report.params.items()) or "its defaults"),
        ("Filed in", f"{report.out}, {f'newest {report.keep}' if report.keep else 'all are kept'}"),
        ("Mailed to", ", ".join(report.mail) or "nobody"),
        ("Ended after", report.timeout),
    ]
    rows = [
        (
            when(run.due, look.now),
            _state(run),
            _took(run),
            _file(run.out),
            run.detail or words.NOTHING,
            run.asked or "schedule",
        )
        for run in report.runs
    ]
    heads = ("Due", "State", "Took", "File", "What came of it", "By")
    shown = empty("It did not run yet")
    if rows:
        shown = table(heads, rows, hide=(2, 3, 5), label="runs")
    tools = link("Close", look.place.link(id=None), class_="btn")
    about = card(report.name, pairs(facts), tools=tools)
    return tag("div", about, card("Runs", shown, note=f"newest {_RUNS}"), class_="stack")


def _file(path: str) -> object:
    name = path.rpartition("/")[2]
    return tag("span", name, class_="mono", title=path) if path else words.NOTHING


def _took(run: RunAnswer) -> str:
    start, end = words.parse_iso(run.started), words.parse_iso(run.ended)
    if start is None or end is None:
        return words.NOTHING
    return words.duration((end - start).total_seconds())


def _run(look: Look, fields: Fields) -> Done:
    taken = look.workspace.run_report(text(fields, "name"))
    said = f"{taken.name} runs as soon as those before it are done; its outcome stands here."
    return Done(said=said, changed=True)


ACTIONS = {"report.run": _run}
