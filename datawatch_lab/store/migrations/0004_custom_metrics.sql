-- Version 4: custom metrics and formulas.

-- A custom metric is a measure: its definition, and which changes of the past are in its states.
CREATE TABLE meta.custom_metrics (
    measure_id INTEGER NOT NULL,
    definition VARCHAR NOT NULL,  -- core.values.CustomMetric as JSON
    coverage VARCHAR NOT NULL     -- core.values.Coverage as JSON; moves with the states it adds
);

CREATE TABLE meta.formulas (
    name VARCHAR NOT NULL,
    definition VARCHAR NOT NULL   -- core.values.Formula as JSON
);
