"""An evaluation as a section of a Markdown page, between marks, so that it can be made anew."""

from __future__ import annotations

from pathlib import Path

from datawatch_lab.anomaly.judge.evaluation import Evaluation, NabFigures, SeriesOutcome
from datawatch_lab.anomaly.judge.picture import picture
from datawatch_lab.anomaly.judge.trials import Interval


def update_report(path: Path, found: Evaluation) -> Path:
    """Write or replace the section of an evaluation on a page, and its picture beside the page.

    Returns:
        The path of the picture, ``images/evaluation-SET.svg`` below the page's folder.
    """
    image = path.parent / "images" / f"evaluation-{_key(found)}.svg"
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_text(picture(found), "utf-8")
    start, end = f"<!-- evaluation {_key(found)} -->", f"<!-- end of {_key(found)} -->"
    text = path.read_text("utf-8") if path.is_file() else "# Evaluation\n"
    body = f"{start}\n{section(found, image.relative_to(path.parent).as_posix())}\n{end}"
    before, mark, rest = text.partition(start)
    fresh = before + body + rest.partition(end)[2] if mark else f"{text.rstrip()}\n\n{body}\n"
    path.write_text(fresh, "utf-8")
    return image


def _key(found: Evaluation) -> str:
    return f"{found.set}-raw" if found.raw else found.set


def section(found: Evaluation, image: str) -> str:
    """The Markdown of an evaluation: figures, certainty, picture, hits and misses by series."""
    layer = "raw score" if found.raw else "score after alert policy"
    lines = [f"### {found.set}: detector `{found.detector}`, {layer}", "", *_figures(found), ""]
    lines += [*_certainty(found), "", f"![Hits and misses by series]({image})", ""]
    return "\n".join([*lines, *_table(found.series)])


def _figures(found: Evaluation) -> list[str]:
    event = found.events
    figures = {
        **(_window_figures(found.nab) if found.nab else {}),
        "events: best F1": f"{event.f1:.3f} {_drawn(event.interval, 3)}",
        "events: precision, recall there": (
            f"{event.precision:.2f}, {event.recall:.2f} of {event.events}"
        ),
        "events: recall at precision ≥ 0.85": f"{event.recall_at_p85:.3f}",
        "events: caught within 7 rows": f"{event.in_time_recall:.2f}",
        "false alarms per 1,000 rows": f"{event.false_alarms_per_1k:.2f}",
        "normal rows flagged": f"{event.flagged:.2%}",
        "threshold of the best F1": f"{event.threshold:.2f}",
    }
    rows = [f"| {name} | {value} |" for name, value in figures.items()]
    return ["| figure | value |", "|---|---|", *rows]


def _window_figures(windows: NabFigures) -> dict[str, str]:
    return {
        "NAB standard": f"{windows.standard:.1f} {_drawn(windows.interval, 1)}",
        "NAB low FP, low FN": f"{windows.low_fp:.1f}, {windows.low_fn:.1f}",
        "threshold of the standard profile": f"{windows.threshold:.2f}",
    }


def _drawn(interval: Interval, digits: int) -> str:
    low, high = (f"{end:.{digits}f}" for end in (interval.low, interval.high))
    return f"(90 % of draws of series: {low} to {high})"


def _certainty(found: Evaluation) -> list[str]:
    what = "NAB standard" if found.nab else "F1"
    checks = found.checks
    trivial = f"never on {checks.never:.2f}, always on {checks.always:.2f}"
    lines = [
        f"Checks of the harness ({what}): {trivial}, perfect {checks.perfect:.2f}.",
        "",
        "| half | threshold from the other half | NAB standard | P | R | F1 |",
        "|---|---|---|---|---|---|",
    ]
    for number, half in enumerate(found.halves):
        standard = f"{half.nab_standard:.1f}" if found.nab else "–"
        lines.append(
            f"| series {'1, 3, 5 …' if number == 0 else '2, 4, 6 …'} | {half.threshold:.2f} "
            f"| {standard} | {half.precision:.2f} | {half.recall:.2f} | {half.f1:.3f} |"
        )
    return lines


def _table(outcomes: list[SeriesOutcome]) -> list[str]:
    rows = ["| series | rows | caught | missed | false alarms |", "|---|---|---|---|---|"]
    for each in outcomes:
        hit = sum(each.caught)
        rows.append(
            f"| {each.name} | {each.rows:,} | {hit} | {len(each.caught) - hit} "
            f"| {each.false_alarms} |"
        )
    hit, spans = (sum(map(len_of, outcomes)) for len_of in (_hits, _spans))
    false = sum(each.false_alarms for each in outcomes)
    total = sum(each.rows for each in outcomes)
    return [*rows, f"| **all** | {total:,} | {hit} | {spans - hit} | {false} |"]


def _hits(each: SeriesOutcome) -> int:
    return sum(each.caught)


def _spans(each: SeriesOutcome) -> int:
    return len(each.caught)
