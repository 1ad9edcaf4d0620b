"""Service-level reports: objectives over a month, error budgets, what used them up."""
