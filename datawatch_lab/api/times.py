"""How long requests took, by method, route and status: a histogram of prometheus_client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestTimes:
    """Requests of one server.

    Attributes:
        registry: of the histogram, for the exposition.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "datawatch_http_request_seconds",
            "Time from a request's arrival to its answer.",
            ["method", "route", "status"],
            buckets=_BOUNDS,
            registry=self.registry,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            method: of HTTP.
            route: the operation's path, with its ``{name}`` parts as they are; '' for another.
            status: of the answer.
            seconds: that it took.
        """
        known = method if method in _METHODS else "OTHER"
        self._seconds.labels(known, route or "other", str(status)).observe(seconds)
