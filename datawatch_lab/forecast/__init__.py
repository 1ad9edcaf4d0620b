"""Forecasts of series: models, their choice by back-test, intervals; pure functions of arrays.

One file per model; `registry` names them, `backtest` judges them on a series' own history,
`intervals` turns their past errors into intervals, `choice` puts these together.
"""
