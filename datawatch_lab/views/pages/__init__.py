"""The pages around the overview: one shell, one navigation, one feed of parts for all who look."""

from __future__ import annotations

from datawatch_lab.views.pages import (
    alerts,
    anomalies,
    dashboards,
    data,
    explorer,
    home,
    quality,
    schema,
    settings,
)
from datawatch_lab.views.pages.page import Page

PAGES: tuple[Page, ...] = (
    home.PAGE,
    explorer.PAGE,
    dashboards.PAGE,
    anomalies.PAGE,
    quality.PAGE,
    schema.PAGE,
    alerts.PAGE,
    data.PAGE,
    settings.PAGE,
)
"""In the order of the navigation: to add one, write its module and name it here."""
