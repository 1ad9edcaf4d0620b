"""Values, protocols, errors, clock, durations and configuration; imports nothing else of ours."""
