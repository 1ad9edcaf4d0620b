"""A service-level report in a cell: readable, escaped, whole without scripts or a network."""

from __future__ import annotations

from html.parser import HTMLParser

from datawatch_lab.notebook.sla import Sla
from datawatch_lab.service.operations.sla import (
    DayAnswer,
    IncidentAnswer,
    ObjectiveAnswer,
    SlaAnswer,
    SpellAnswer,
)

HOSTILE = "<img src=x onerror=alert(1)>"


def objective(**values: object) -> ObjectiveAnswer:
    """An objective of which half the budget is used."""
    given = {
        "name": f"paid {HOSTILE}",
        "reading": "payments_inserts_total except status=failed",
        "metrics": ["payments_inserts_total"],
        "counts": "steps",
        "step": "5m",
        "target": 0.9995,
        "measured": 0.995,
        "total": 1000.0,
        "bad": 12.0,
        "budget": 24.0,
        "used": 0.5,
        "rates": {"1h": 2.0, "6h": 1.0, "3d": None},
        "projected": 0.8,
        "state": "on track",
        "days": [
            DayAnswer("2026-03-01T00:00:00Z", 1.0, 1.0),
            DayAnswer("2026-03-02T00:00:00Z", None, 0.5),
        ],
        "spells": [
            SpellAnswer(
                start="2026-03-02T10:00:00Z",
                end="2026-03-02T11:00:00Z",
                bad=12.0,
                share=0.5,
                incidents=[f"alert: {HOSTILE}"],
            )
        ],
    }
    return ObjectiveAnswer(**(given | values))  # type: ignore[arg-type]  # values by name


def report(*objectives: ObjectiveAnswer) -> Sla:
    """A report on March."""
    return Sla(
        SlaAnswer(
            month="2026-03",
            start="2026-03-01T00:00:00Z",
            end="2026-04-01T00:00:00Z",
            until="2026-03-02T12:00:00Z",
            timezone="UTC",
            state="on track",
            suggested=False,
            objectives=list(objectives),
            incidents=[
                IncidentAnswer(
                    kind="alert",
                    id="1",
                    at="2026-03-02T10:00:00Z",
                    ended=None,
                    severity="critical",
                    what=HOSTILE,
                    metric="payments_inserts_total",
                    costs={"paid": 0.5},
                )
            ],
            left_out=3,
        )
    )


class Tags(HTMLParser):
    """Names of tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note them."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_it_is_escaped_and_needs_nothing() -> None:
    """Names from data are text; there is no script, no image, no link, no handler."""
    parser = Tags()
    parser.feed(report(objective())._repr_html_())
    assert not parser.tags & {"img", "script", "link", "a", "iframe"}
    assert not {each for each in parser.attributes if each.startswith("on") or each == "src"}
    assert "svg" in parser.tags


def test_it_says_what_counts() -> None:
    """Target, share, budget in time, burn rates, what used it, and how much is left out."""
    said = report(objective())._repr_html_().replace("\xa0", " ")
    for part in ("99.95 %", "99.5 %", "50 %", "1 h of 2 h", "2.0×", "● on track", "and 3 more"):
        assert part in said, part
    assert "paid" in repr(report(objective()))


def test_what_is_not_known_is_no_number() -> None:
    """Without data there is no share and no line, in HTML, letters and the plot's frame."""
    empty = report(objective(measured=None, state="no data", total=0.0, days=[], spells=[]))
    assert "<svg" not in empty._repr_html_()
    assert "no data" in repr(empty)
    assert empty.days().empty
    assert report().df().empty
    assert "No objectives" in report()._repr_html_()


def test_frames_have_a_row_an_objective_and_a_day() -> None:
    """Figures by the objective's name; days by the clock of the workspace."""
    found = report(objective(name="paid"))
    assert found.df().loc["paid", "used"] == 0.5
    assert list(found.days()["left"]) == [1.0, 0.5]
    assert str(found.days()["day"].dt.tz) == "UTC"
    assert len(found.incidents()) == 1
