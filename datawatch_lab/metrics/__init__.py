"""Metrics: field roles, the catalogue of automatic metrics, partial states, queries.

In the order of use: `evidence.observe` and `roles.infer` say what the fields of a table are;
`catalogue` says which measures and metrics follow; `stage.derive` turns changes into partial
states; `query.plan` and `finalise.finalise` turn questions into values. All are pure functions.
"""
