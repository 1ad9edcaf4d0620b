"""Forecasts of metrics, and how earlier ones came out."""

from datawatch_lab.engine.forecasting.asking import ForecastRequest, ask

__all__ = ["ForecastRequest", "ask"]
