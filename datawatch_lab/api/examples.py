"""An example of the body of every operation that takes one, for OpenAPI and the page of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ORDER = {
    "id": "evt-1",
    "source": "shop",
    "table": "orders",
    "operation": "INSERT",
    "timestamp": "2026-01-05T12:00:00Z",
    "after": {"id": 1, "amount": "19.90", "status": "paid", "customer_id": 7},
}
_NEXT = _ORDER | {
    "id": "evt-2",
    "operation": "UPDATE",
    "timestamp": "2026-01-05T12:00:01Z",
    "before": _ORDER["after"],
    "after": {"id": 1, "amount": "19.90", "status": "shipped", "customer_id": 7},
}
_METRIC = {
    "table": "orders",
    "aggregation": "sum",
    "expression": "amount",
    "filter": "status = 'paid'",
    "group_by": ["status"],
    "unit": "EUR",
}
_RULE = {"table": "orders", "rule": "in_set", "field": "status", "values": ["paid", "shipped"]}
_ALERT = {
    "name": "Order Spike",
    "metric": "orders_created_rate",
    "condition": "> 200% of baseline",
    "for": "5m",
    "severity": "warning",
}
_TILE = {
    "kind": "line",
    "title": "Revenue",
    "query": {"metric": "orders_amount_sum", "by": ["status"]},
    "w": 6,
    "h": 5,
    "options": {"format": "currency", "unit": "EUR"},
}
_DASHBOARD = {"name": "Shop", "refresh": "5s", "time_range": "24h", "tiles": [_TILE]}

EXAMPLES: Mapping[str, Any] = {
    "correct_column": {"role": "status", "sensitive": False},
    "define_metric": {"name": "paid_amount", **_METRIC},
    "change_metric": _METRIC,
    "sql": {"query": "SELECT status, count(*) AS orders FROM live.orders GROUP BY status"},
    "watch": {"url": "postgresql://reader:${SHOP_PASSWORD}@db.example/shop", "name": "shop"},
    "diagnose_address": {"url": "postgresql://reader:${SHOP_PASSWORD}@db.example/shop"},
    "post_event": _ORDER,
    "post_events": {"events": [_ORDER, _NEXT]},
    "track_events": {
        "type": "request",
        "service": "checkout",
        "user_id": "u-7",
        "data": {"endpoint": "/cart", "duration_ms": 12.5},
        "tags": {"region": "eu"},
    },
    "record_measurements": {
        "name": "latency",
        "value": 12.5,
        "unit": "ms",
        "tags": {"service": "checkout"},
    },
    "post_heartbeat": {
        "service": "checkout",
        "status": "healthy",
        "metrics": {"request_count": 120, "error_count": 1, "avg_latency": 11.2},
    },
    "analytics_events": {
        "event_type": "purchase",
        "service_id": "checkout",
        "user_id": "u-7",
        "metadata": {"amount": 19.9},
    },
    "analytics_metrics": {
        "service_id": "checkout",
        "cpu_usage": 41.5,
        "memory_usage": 62.0,
        "request_rate": 80.0,
        "error_rate": 0.01,
        "latency": 11.2,
    },
    "analytics_behavior": {
        "user_id": "u-7",
        "action": "search",
        "session_id": "s-1",
        "duration_ms": 320,
        "success": True,
    },
    "analytics_performance": {
        "service_id": "checkout",
        "operation": "pay",
        "duration_ms": 210.0,
        "success": True,
    },
    "analytics_business": {
        "metric_type": "revenue",
        "value": 19.9,
        "unit": "EUR",
        "dimensions": {"country": "DE"},
    },
    "analytics_tasks": {
        "task_id": "t-1",
        "task_type": "report",
        "start": "2026-01-05T12:00:00Z",
        "end": "2026-01-05T12:00:04Z",
        "status": "success",
    },
    "query_metrics": {
        "metric_name": "latency",
        "time_range": {"start": "-1h", "end": "now"},
        "aggregation": "avg",
    },
    "replay": {"ids": [3, 4]},
    "change_password": {"old": "the old password", "new": "a new and longer one"},
    "add_user": {"name": "ada", "role": "editor", "password": "a long password"},
    "change_user": {"role": "viewer"},
    "make_token": {"name": "ci", "role": "viewer", "expires": "90d"},
    "make_share": {"resource": "dashboard:6f1d2c9e", "expires": "7d"},
    "resend_to_backend": {"name": "prometheus", "from": "-24h"},
    "make_schema_snapshot": {"name": "before the release", "note": "as it was"},
    "post_ddl": {"sql": "ALTER TABLE orders ADD COLUMN note text", "dry_run": True},
    "acknowledge_violation": {"user": "ada"},
    "add_quality_rule": _RULE | {"threshold": "99.9%", "description": "no other states"},
    "change_quality_rule": _RULE | {"threshold": "95%"},
    "quality_check": {"table": "orders"},
    "quality_backtest": {"rule": _RULE, "from": "-7d"},
    "quality_validate": {"table": "orders", "record": {"id": 1, "status": "lost"}},
    "add_dashboard": _DASHBOARD,
    "change_dashboard": {"name": "The shop", "refresh": "30s"},
    "import_dashboard": {
        "text": "name: Orders\ntiles:\n  - {kind: counter, query: {metric: orders_total}}\n"
    },
    "validate_dashboard": {"dashboard": _DASHBOARD},
    "rollback_dashboard": {"version": 1},
    "duplicate_dashboard": {"name": "Shop, the copy"},
    "grant_dashboard": {"role": "editor"},
    "share_dashboard": {"expires": "7d"},
    "add_widget": {
        "type": "chart",
        "title": "Orders",
        "metric": "orders_total",
        "position": {"x": 0, "y": 5, "width": 6, "height": 4},
    },
    "change_widget": {"title": "Orders a minute", "metric": "orders_created_rate"},
    "preview_anomalies": {"metric": "orders_total", "sensitivity": ["low", 0.5, 3.0]},
    "missed_anomalies": {
        "metric": "orders_total",
        "from": "2026-01-05T12:00:00Z",
        "to": "2026-01-05T12:10:00Z",
    },
    "save_detector": {"metric": "orders_total", "sensitivity": 0.6},
    "measure_sla": {
        "objectives": ["paid: orders_inserts_total except status=failed, 99.5%"],
        "month": "this",
    },
    "run_report": {},
    "acknowledge_anomaly": {"user": "ada"},
    "anomaly_feedback": {"verdict": "expected", "note": "the sale of every Monday"},
    "add_alert_rule": _ALERT,
    "change_alert_rule": _ALERT | {"for": "10m"},
    "add_silence": {"matchers": {"severity": "warning"}, "for": "1h", "comment": "a release"},
    "test_alert": {"channels": ["slack"]},
    "backtest_alert": {"rule": _ALERT, "from": "-7d"},
    "acknowledge_alert": {"user": "ada", "note": "looking into it"},
    "resolve_alert": {"user": "ada", "note": "the price was wrong"},
    "snooze_alert": {"user": "ada", "for": "1h"},
}
"""Body by operation. What the tools alone send, as Arrow, has none."""
