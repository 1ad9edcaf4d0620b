"""The schema log: what changed, when, and what that touches."""
