"""The models by name: to add one, write its file and name it here."""

from __future__ import annotations

from datawatch_lab.core.errors import not_found
from datawatch_lab.forecast.arima import Arima
from datawatch_lab.forecast.base import Model
from datawatch_lab.forecast.holt_winters import HoltWinters
from datawatch_lab.forecast.linear import Linear
from datawatch_lab.forecast.mstl import Mstl
from datawatch_lab.forecast.profile import Profile
from datawatch_lab.forecast.seasonal_naive import SeasonalNaive
from datawatch_lab.forecast.snarimax import Snarimax

QUICK: tuple[Model, ...] = (Linear(), SeasonalNaive(), HoltWinters(), Profile())
"""Those that choose among themselves where nobody names one: together some 50 ms a series."""

THOROUGH: tuple[Model, ...] = (*QUICK, Snarimax(), Mstl(), Arima())

MODELS = {each.name: each for each in THOROUGH}

AUTO, ALL = "auto", "thorough"


def chosen(name: str) -> tuple[Model, ...]:
    """The models that a name stands for: one, ``auto`` for the quick ones, ``thorough`` for all.

    Raises:
        NotFoundError: there is none of that name; names the nearest.
    """
    if name in (AUTO, ""):
        return QUICK
    if name == ALL:
        return THOROUGH
    if name not in MODELS:
        raise not_found("forecast model", name, [AUTO, ALL, *MODELS])
    return (MODELS[name],)
