from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from datawatch_lab.anomaly.base import SeriesDetector
from datawatch_lab.anomaly.registry import DETECTORS, make
from datawatch_lab.core.errors import NotFoundError
from tests.anomaly import contract

VALUED = [name for name in DETECTORS if name not in ("missing", "adwin", "page-hinkley")]
"""Detectors of single strange values."""


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_keeps_the_contract(
    name: str, check: Callable[[SeriesDetector], None]
) -> None:
    """Each detector of the registry is a River estimator that scores first and bears odd input."""
    check(make(name))


@pytest.mark.parametrize("name", VALUED)
def test_a_far_value_scores_above_all_usual_ones(name: str) -> None:
    """A value ten times the usual ones is stranger than each of the next hundred usual values."""
    detector = contract.taught(make(name))
    rows = list(contract.usual(contract.ENOUGH + 100))[contract.ENOUGH :]
    far = detector.score_one(1_000.0, rows[0][1])
    for x, t in rows:
        assert detector.score_one(x, t) < far
        detector.learn_one(x, t)


@pytest.mark.parametrize("name", ["adwin", "page-hinkley"])
def test_a_shift_is_found_and_quiet_is_not(name: str) -> None:
    """Trend detectors flag a sustained shift, and nothing in the noise before it."""
    detector = make(name)
    flagged = []
    for row in range(600):
        t = contract.START + row * contract.STEP
        x = 10.0 + row * 7919 % 13 + 40.0 * (row >= 400)
        flagged.append(detector.score_one(x, t) == 1.0)
        detector.learn_one(x, t)
    assert not any(flagged[:400])
    assert any(flagged[400:])


def test_silence_is_missing_data() -> None:
    """The surprise of a wait grows with its length, and usual waits are no surprise."""
    detector = contract.taught(make("missing"))
    last = contract.START + (contract.ENOUGH - 1) * contract.STEP
    waits = [detector.score_one(1.0, last + hours * timedelta(hours=1)) for hours in (0.5, 2, 48)]
    assert waits[0] < 1
    assert 2 < waits[1] <= waits[2]


def test_an_unknown_detector_is_refused() -> None:
    """The error for a detector that does not exist names the nearest one."""
    with pytest.raises(NotFoundError, match=r"no detector 'isolation'.*isolation-forest"):
        make("isolation")
