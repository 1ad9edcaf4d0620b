"""Icons of the navigation: what stands in a 20 px SVG, drawn by its strokes."""

from __future__ import annotations

ALERTS = (
    '<path d="M5 8a5 5 0 0110 0c0 4 1.5 5.5 1.5 5.5h-13S5 12 5 8zM8.3 16.5a1.9 1.9 0 003.4 0"/>'
)
ANOMALIES = '<path d="M2.5 13h3l2-4 2.5 7L13 4l2 9h2.5"/>'
DASHBOARDS = (
    '<rect x="3" y="3" width="6" height="8" rx="1"/>'
    '<rect x="11" y="3" width="6" height="4.5" rx="1"/>'
    '<rect x="3" y="13" width="6" height="4" rx="1"/>'
    '<rect x="11" y="9.5" width="6" height="7.5" rx="1"/>'
)
DATA = (
    '<ellipse cx="10" cy="5" rx="6.5" ry="2.5"/>'
    '<path d="M3.5 5v10c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5V5M3.5 10c0 1.4 2.9 2.5 6.5 '
    '2.5s6.5-1.1 6.5-2.5"/>'
)
EXPLORER = '<circle cx="9" cy="9" r="5.5"/><path d="M13.2 13.2L17 17M6.5 9.5l1.8-2 1.7 1.6 2-2.6"/>'
HOME = '<path d="M3 9.5L10 3l7 6.5V17h-5v-4.5H8V17H3z"/>'
QUALITY = (
    '<path d="M10 2.5l6 2.2v4.6c0 4-2.6 6.8-6 8.2-3.4-1.4-6-4.2-6-8.2V4.7zM7.3 9.9l2 2 3.5-3.9"/>'
)
SCHEMA = (
    '<rect x="2.5" y="3" width="6" height="5" rx="1"/>'
    '<rect x="11.5" y="12" width="6" height="5" rx="1"/>'
    '<path d="M5.5 8v4.5a2 2 0 002 2h4"/>'
)
SETTINGS = (
    '<circle cx="10" cy="10" r="2.6"/>'
    '<path d="M10 2.5v2.2M10 15.3v2.2M2.5 10h2.2M15.3 10h2.2M4.7 4.7l1.6 1.6M13.7 '
    '13.7l1.6 1.6M4.7 15.3l1.6-1.6M13.7 6.3l1.6-1.6"/>'
)
