"""What every model keeps to, and what each is for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.forecast.base import Floats, Model, Season, Series
from datawatch_lab.forecast.registry import MODELS, QUICK, chosen
from datawatch_lab.forecast.seasonal_naive import SeasonalNaive
from tests.forecast.series import hourly, waves

ORIGINS = np.array([100, 110, 120])


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda each: each.name)
def test_a_forecast_uses_nothing_after_its_origin(model: Model) -> None:
    """Changing what comes after an origin changes no forecast from it; shapes are as promised."""
    values = waves(120)
    other = values.copy()
    other[100:] += 1_000
    one, two = (
        model.forecast(hourly(each, 6), origins, 6)
        for each, origins in ((values, ORIGINS[:1]), (other, ORIGINS[:1]))
    )
    assert one.shape[1:] == (1, 6)
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda each: each.name)
@pytest.mark.parametrize("kind", ["constant", "zeros", "gaps", "step", "huge"])
def test_a_model_copes_with_what_data_are(model: Model, kind: str) -> None:
    """Constant series, zeros, gaps, a step of the level and huge values give finite numbers."""
    values = waves(120)
    match kind:
        case "constant":
            values[:] = 7.0
        case "zeros":
            values[:] = 0.0
        case "gaps":
            values[[3, 50, 51, 52, 53, 119]] = np.nan
        case "step":
            values[80:] += 500
        case _:
            values *= 1e12
    said = model.forecast(hourly(values, 6), ORIGINS, 6)
    assert said.shape[1:] == (3, 6)
    assert np.isfinite(said).all()
    if kind in {"constant", "zeros"}:
        np.testing.assert_allclose(said[0], values[0], atol=1e-3)


@pytest.mark.parametrize("model", QUICK, ids=lambda each: each.name)
@how(max_examples=25)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False)), min_size=60, max_size=80)
)
def test_any_values_give_finite_forecasts(model: Model, values: list[float | None]) -> None:
    """Whatever the values and the gaps, a model says finite numbers."""
    found = np.array([np.nan if each is None else each for each in values])
    found[0] = 1.0
    said = model.forecast(hourly(found, 3), np.array([40, len(found)]), 3)
    assert np.isfinite(said).all()


def test_a_season_goes_by_the_clock() -> None:
    """After a day of 23 hours the same hour of the clock is repeated, not the same step."""
    phases = np.array([*range(24), *(h for h in range(24) if h != 2), *range(24)])
    values = phases[:47].astype(np.float64)
    series = Series(values, (Season("day", 24, phases),))
    said = SeasonalNaive().forecast(series, np.array([47]), 24)
    assert said[1, 0].tolist() == list(range(24))


def _mae(model: Model, values: Floats, ahead: int) -> float:
    series, origin = hourly(values[:-ahead], ahead), np.array([len(values) - ahead])
    errors = np.abs(model.forecast(series, origin, ahead)[:, 0] - values[-ahead:])
    return float(errors.mean(axis=1).min())


@pytest.mark.parametrize("name", ["holt_winters", "profile", "mstl", "snarimax", "arima"])
def test_a_day_is_learned(name: str) -> None:
    """A model that knows seasons is nearer to a noisy wave than repeating the last value is."""
    values = waves(24 * 12)
    assert _mae(MODELS[name], values, 12) < 0.4 * float(np.abs(values[-13] - values[-12:]).mean())


def test_a_line_is_continued() -> None:
    """Linear goes on with a trend; a spike among the values hardly bends Holt-Winters."""
    line = np.arange(100.0)
    assert _mae(MODELS["linear"], line, 10) == pytest.approx(0, abs=1e-6)
    flat = np.full(200, 10.0) + np.tile([-0.5, 0.5], 100)
    flat[180] = 1_000.0
    assert _mae(MODELS["holt_winters"], flat, 5) < 5


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    """The error names the nearest model."""
    with pytest.raises(NotFoundError, match="holt_winters"):
        chosen("holt_winter")
