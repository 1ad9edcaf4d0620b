"""What analytics says of services beside counts: anomalies, and what is coming.

Anomalies are read where they are kept, at each change of the data. Forecasts try models on the
history of each service, so they are made by a thread, while somebody asks, and given as last made.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

from datawatch_lab.core.anomalies import Anomaly
from datawatch_lab.core.errors import DataWatchError, InputError, NotFoundError
from datawatch_lab.core.values import Aggregation, MetricDef
from datawatch_lab.engine.detection import detection_of
from datawatch_lab.engine.forecasting import asking as forecasting
from datawatch_lab.engine.sql import sensitive_labels
from datawatch_lab.engine.telemetry import stream_table
from datawatch_lab.service.access.masking import MASK, masked_labels
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.telemetry import shapes

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine

log = logging.getLogger(__name__)

HORIZON = "15m"
"""How far ahead services are forecast."""

FORECAST = ("cpu_usage", "memory_usage", "request_rate", "error_rate", "latency")
"""Fields of ``service_metrics`` that are forecast, in the order of the answer."""

LABELS = ("service_id", "service")
"""Labels that name a service."""

_STREAM = "service_metrics"
_MOST_READ = 10_000
_EVERY = 60.0  # seconds between two makings, for the steps are minutes
_COST = 10.0  # times what making took: at most a tenth of one core while somebody looks
_INTEREST = 300.0  # seconds after the last question in which forecasts are made
_PATIENCE = 3.0  # seconds that a question waits for the first ones


def service_anomalies(
    engine: Engine, service: str, limit: int, *, masked: bool
) -> list[shapes.ServiceAnomaly]:
    """Anomalies as clients of analytics expect them, newest first.

    Args:
        engine: of the workspace.
        service: only of this service; '' for all, those of no service included.
        limit: at most so many.
        masked: sensitive values are masked.
    """
    if not 1 <= limit <= _MOST_READ:
        raise InputError(f"limit is {limit}; it goes from 1 to {_MOST_READ:,}.")
    most = _MOST_READ if service else 2 * limit  # late data withdraws few of them
    found = detection_of(engine).newest(most)
    mine = [each for each in found if not service or _service(each.labels) == service]
    return [_anomaly(engine, each, masked=masked) for each in mine[:limit]]


def _anomaly(engine: Engine, found: Anomaly, *, masked: bool) -> shapes.ServiceAnomaly:
    hidden = _hidden(engine, found) if masked else frozenset()
    description = found.description
    for name in hidden & found.labels.keys():
        description = description.replace(f"{name}={found.labels[name]}", f"{name}={MASK}")
    return shapes.ServiceAnomaly(
        id=found.id,
        timestamp=iso(found.started_at) or "",
        service_id=_service(masked_labels(found.labels, hidden)),
        metric_name=found.metric_name,
        current_value=found.value,
        expected_value=(found.expected.min + found.expected.max) / 2.0,
        deviation=found.deviation,
        severity=found.severity,
        description=description,
    )


def _hidden(engine: Engine, found: Anomaly) -> frozenset[str]:
    """Labels that a viewer does not see; all of them for a metric that is not there any more."""
    try:
        return sensitive_labels(engine, engine.metric(found.metric_name))
    except NotFoundError:
        return frozenset(found.labels)


def _service(labels: dict[str, str]) -> str:
    return next((labels[name] for name in LABELS if name in labels), "")


class Predictions:
    """Forecasts of services, as last made; one per engine, ``engine.beside(Predictions)``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made: list[shapes.Prediction] = []
        self._at = float("-inf")
        self._gap = _EVERY
        self._asked = float("-inf")
        self._ready = threading.Event()
        self._halt = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def get(self, *, wait: bool = False) -> list[shapes.Prediction]:
        """The newest that are made; none while no service told enough.

        Args:
            wait: for the first ones, three seconds at most.
        """
        self._asked = time.monotonic()
        self._keep_making()
        if wait:
            self._ready.wait(_PATIENCE)
        return self._made

    def make(self) -> list[shapes.Prediction]:
        """Forecasts of all services as of now, by field and service."""
        table = stream_table(self._engine, _STREAM)
        if table is None:
            return []
        metrics = {
            each.field: each
            for each in self._engine.metrics().values()
            if each.table == table.name
            and each.aggregation is Aggregation.AVG
            and set(LABELS) & set(each.labels)  # shares of nulls have none
        }
        named = [metrics[field] for field in FORECAST if field in metrics]
        return [each for metric in named for each in self._of(metric)]

    def _of(self, metric: MetricDef) -> list[shapes.Prediction]:
        if self._halt.is_set():
            return []
        label = next(name for name in LABELS if name in metric.labels)
        request = forecasting.ForecastRequest(metric.name, horizon=HORIZON, group_by=(label,))
        try:
            found = forecasting.ask(self._engine, request, keep=False)
        except DataWatchError as error:
            log.warning("%s cannot be forecast: %s", metric.name, error)
            return []
        hidden = sensitive_labels(self._engine, metric)
        made = iso(found.made) or ""
        return [
            _prediction(metric.field, made, each, masked_labels(each.labels, hidden)[label])
            for each in found.series
            if each.outcome is not None
        ]

    def close(self) -> None:
        """Make no more."""
        self._halt.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def _keep_making(self) -> None:
        with self._lock:
            if self._halt.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(
                target=self._run, name="datawatch-predictions", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        while time.monotonic() - self._asked < _INTEREST:
            if time.monotonic() - self._at >= self._gap:
                self._renew()
            if self._halt.wait(1.0):
                return

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._made = self.make()
        except Exception:
            if not self._halt.is_set():
                log.exception("services could not be forecast; it is tried again")
        self._at = time.monotonic()
        self._gap = max(_EVERY, _COST * (self._at - began))
        self._ready.set()


def _prediction(
    field: str, made: str, found: forecasting.SeriesForecast, service: str
) -> shapes.Prediction:
    outcome = found.outcome
    if outcome is None:
        raise ValueError("a series without a forecast predicts nothing.")
    return shapes.Prediction(
        id=str(uuid5(NAMESPACE_OID, f"{field}\x1f{service}\x1f{made}\x1f{HORIZON}")),
        timestamp=made,
        prediction_type=field,
        service_id=service,
        predicted_value=float(outcome.values[-1]),
        confidence=outcome.confidence,
        time_horizon=HORIZON,
        recommendation=found.recommendation,
    )
