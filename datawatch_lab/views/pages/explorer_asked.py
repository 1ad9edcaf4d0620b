"""What the address of the explorer asks for: which time, which filters."""

from __future__ import annotations

from datawatch_lab.service.operations.metrics import read_filters, write_filters
from datawatch_lab.views.pages.place import Place

RANGES = (
    ("-15m", "15 minutes"),
    ("-1h", "1 hour"),
    ("-6h", "6 hours"),
    ("-24h", "24 hours"),
    ("-7d", "7 days"),
    ("-30d", "30 days"),
    ("-1y", "a year"),
)


def chosen_end(place: Place) -> str:
    """The end of a time that was chosen in the chart; '' for a range that ends now.

    >>> chosen_end(Place.of("explorer", {"from": "2026-01-01", "to": "2026-01-02"}))
    '2026-01-02'
    >>> chosen_end(Place.of("explorer", {"from": "-24h", "to": "2026-01-02"}))
    ''
    """
    start = place.get("from")
    return place.get("to") if start and start not in dict(RANGES) else ""


def narrowed(place: Place, label: str, value: str) -> str | None:
    r"""The filters of a place with one value of a label alone.

    >>> print(narrowed(Place.of("explorer", {"where": "status=paid"}), "city", "Paris, Texas"))
    status=paid,city=Paris\, Texas
    """
    kept = [f"{n}={v}" for n, v in read_filters(place.get("where")) if n != label]
    return write_filters([*kept, f"{label}={value}"])


def filters_of_tile(place: Place) -> dict[str, list[str]] | None:
    """The filters of a place as a tile has them, several values of a label together; None for none.

    >>> filters_of_tile(Place.of("explorer", {"where": "status=paid,country=DE,country=FR"}))
    {'status': ['paid'], 'country': ['DE', 'FR']}
    """
    found: dict[str, list[str]] = {}
    for label, value in read_filters(place.get("where")):
        # In a document a dollar begins the name of a variable, two are one.
        found.setdefault(label, []).append(f"${value}" if value.startswith("$") else value)
    return found or None
