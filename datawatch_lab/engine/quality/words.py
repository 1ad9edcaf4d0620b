"""Words about quality for those above the engine: issues, advice, states."""

from datawatch_lab.quality.report import advice, issue
from datawatch_lab.quality.scores import Count, RuleScore, TableScore, state_of
from datawatch_lab.quality.suggest import Suggestion
from datawatch_lab.store.quality import ViolationsAsked

__all__ = [
    "Count",
    "RuleScore",
    "Suggestion",
    "TableScore",
    "ViolationsAsked",
    "advice",
    "issue",
    "state_of",
]
