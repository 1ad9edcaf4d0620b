"""Ledger, quarantine, replay: the account adds up, reasons are shown, personal data is not."""

from __future__ import annotations

import json

import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.notebook.masking import MASK, Masking
from datawatch_lab.notebook.objects import Lab
from tests.notebook.conftest import order


def test_the_ledger_adds_up(lab: Lab) -> None:
    """Total, tables and sources balance, and the display says so with the numbers."""
    ledger = lab.ledger()
    assert ledger.balanced
    assert (ledger.total.received, ledger.total.duplicate, ledger.total.quarantined) == (85, 1, 1)
    frame = ledger.df()
    assert int(frame["received"].sum()) == 85
    assert list(ledger.df("source").index) == ["file:events.ndjson"]
    assert "balanced" in ledger._repr_html_()
    assert "85 received = 83 applied + 1 duplicate + 0 late + 1 quarantined" in repr(ledger)
    with pytest.raises(InputError, match="Accounts: table, source"):
        ledger.df("month")  # type: ignore[arg-type]  # that is the test


def test_the_quarantine_masks_personal_data(lab: Lab) -> None:
    """Values of sensitive fields are masked in every display, also in broken JSON."""
    quarantine = lab.quarantine()
    assert len(quarantine) == quarantine.total == 1
    shown = quarantine._repr_html_() + repr(quarantine) + quarantine.df().to_string()
    assert "Eve" not in shown
    assert "eve@example.com" not in shown
    assert MASK in shown
    assert "line 84" in quarantine._repr_html_()
    assert quarantine.df(reveal=True)["raw"].iloc[0].endswith('"name":"Eve')


@pytest.mark.parametrize(
    "raw",
    [
        '{"name":"Eve Roy"}',
        '{"NAME" : "Eve Roy',
        '{"name":"Eve \\"Roy\\" Ana","id":1}',
        '{"name":["Eve","Roy"]}',
        '{"name":{"first":"Eve"}}',
        '{"note":"write to Eve@Roy.example"}',
    ],
)
def test_masking_survives_broken_json(raw: str) -> None:
    """Whatever the value looks like and wherever the text breaks, nothing of it is left."""
    masked = Masking(["name"])(raw)
    assert "Eve" not in masked
    assert "Roy" not in masked


def test_masking_leaves_the_rest() -> None:
    """Other fields are shown as they came, and without sensitive fields nothing is changed."""
    raw = '{"id":1,"surname_count":2,"city":"Rome"}'
    assert Masking(["name"])(raw) == raw
    assert Masking([])(raw) == raw


def test_a_fixed_event_is_applied(fresh: Lab) -> None:
    """A quarantined event that is corrected leaves the quarantine, and the counts move."""
    fresh.post(order(1))
    bad = {**order(2), "operation": "MAYBE"}
    fresh.post(json.dumps(bad))
    (item,) = fresh.quarantine().items
    replayed = fresh.replay(fixed={item.id: order(2)})
    assert (replayed.raw.applied, replayed.raw.remaining) == (1, 0)
    assert "1 applied" in repr(replayed)
    assert "1 applied" in replayed._repr_html_()
    assert fresh.ledger().total.applied == 2
    assert "Nothing is in quarantine" in fresh.quarantine()._repr_html_()


def test_a_replay_that_fails_again_shows_why(fresh: Lab) -> None:
    """Replayed as it is, a bad event stays, and the reason is shown again."""
    fresh.post(json.dumps({**order(2), "operation": "MAYBE"}))
    replayed = fresh.replay()
    assert len(replayed.failed) == 1
    assert "MAYBE" in replayed._repr_html_()
