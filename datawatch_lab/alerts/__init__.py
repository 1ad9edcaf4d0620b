"""Alerts: the condition language, the state machine, routing, channels. Pure but for `sending`."""
