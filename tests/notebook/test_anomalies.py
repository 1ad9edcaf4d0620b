"""Anomalies and detectors in a notebook show themselves, escaped, and without asking again."""

from __future__ import annotations

from typing import Any

from datawatch_lab.notebook.anomalies import Anomalies
from datawatch_lab.notebook.detector import Detector
from datawatch_lab.service.operations.anomalies import AnomalyAnswer, ExpectedAnswer
from datawatch_lab.service.operations.anomaly_tuning import (
    PreviewAnswer,
    PreviewPoint,
    PreviewSetting,
)

SPIKE = AnomalyAnswer(
    id="a1",
    metric_name="orders_total",
    table="orders",
    labels={"city": "<b>ulm</b>"},
    type="spike",
    severity="high",
    value=60.0,
    expected=ExpectedAnswer(1.0, 19.0),
    deviation=16.0,
    score=0.98,
    unit="1",
    step=60,
    detected_at="2026-01-05T02:12:00Z",
    started_at="2026-01-05T02:10:00Z",
    peak_at="2026-01-05T02:10:00Z",
    ended_at="2026-01-05T02:16:00Z",
    active=False,
    buckets=6,
    description="orders_total was 60.",
    algorithms=["statistical"],
    contributors=[],
    revised=False,
    withdrawn=False,
    past=False,
    acknowledged_by="",
    acknowledged_at=None,
    feedback=None,
)


class Told:
    """A workspace that answers what it is told, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def anomalies(self, **which: Any) -> list[AnomalyAnswer]:
        """One spike."""
        self.asked.append(which)
        return [SPIKE]

    def preview_anomalies(self, metric: str, **how: Any) -> PreviewAnswer:
        """One episode at one sensitivity."""
        self.asked.append(how)
        setting = PreviewSetting(
            sensitivity="medium",
            threshold=2.2,
            false_alarms_per_week=1.4,
            flagged=1,
            per_week=0.2,
            episodes=[SPIKE],
        )
        return PreviewAnswer(
            metric=metric,
            labels={},
            step=60,
            days=30.0,
            known=40,
            mature=False,
            in_force=2.2,
            models=[],
            strange=[],
            settings=[setting],
            points=[PreviewPoint("2026-01-05T02:10:00Z", 60.0, 1.0, 19.0, 3.0)],
        )


def test_a_list_shows_itself_once_asked() -> None:
    """Text and HTML name what was found; labels are escaped; nothing is asked again."""
    workspace: Any = Told()
    found = Anomalies(workspace, metric="orders_total")
    assert "orders_total" in repr(found)
    html = found._repr_html_()
    assert "&lt;b&gt;ulm" in html
    assert "<b>ulm" not in html
    assert "spike" in found[0]._repr_html_()
    assert found.df()["expected.max"].tolist() == [19.0]
    assert workspace.asked == [{"metric": "orders_total"}]


def test_a_preview_says_what_would_have_been_flagged() -> None:
    """The badge says that it is learning; rows say how many would have been flagged."""
    workspace: Any = Told()
    detector = Detector(workspace, "orders_total", {})
    assert repr(detector) == "<Detector of orders_total>"
    assert workspace.asked == []
    found = detector.preview("medium")
    assert "learning: 40 of 50 buckets" in repr(found)
    assert "2.20" in found._repr_html_()
    assert found.df()["value"].tolist() == [60.0]
    assert workspace.asked[0]["sensitivity"] == ["medium"]
