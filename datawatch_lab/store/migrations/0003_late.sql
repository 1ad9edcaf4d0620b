-- Version 3: closed buckets, corrections, retention.

-- Control entries of the log: minutes of a table that are over for detectors and alerts.
CREATE TABLE meta.closes (
    number BIGINT NOT NULL,     -- from 1, in the order in which they were stored
    after_seq BIGINT NOT NULL,  -- of the last event before the close
    table_id INTEGER NOT NULL,
    closed_from TIMESTAMP NOT NULL,
    closed_until TIMESTAMP NOT NULL,
    "at" TIMESTAMP NOT NULL,
    "by" VARCHAR NOT NULL         -- watermark | clock
);

-- A closed bucket that changed after all: its merged state as it was before.
CREATE TABLE measures.corrections (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT NOT NULL,          -- 0 where the bucket had no rows
    sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT,
    p50 DOUBLE, p90 DOUBLE, p95 DOUBLE, p99 DOUBLE, "distinct" DOUBLE,
    rows BIGINT NOT NULL,       -- that corrected it so far
    corrected_at TIMESTAMP NOT NULL,
    last_corrected_at TIMESTAMP NOT NULL
);

-- Finalised quantiles and distinct counts of minutes whose sketches are no longer kept.
CREATE TABLE measures.quantiles (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    p50 DOUBLE, p90 DOUBLE, p95 DOUBLE, p99 DOUBLE, "distinct" DOUBLE
);

CREATE VIEW measures.all_quantiles AS SELECT * FROM measures.quantiles;

-- What the log held that retention has dropped, so that counts of a table stay what they were.
CREATE TABLE changes.dropped (
    source VARCHAR NOT NULL, table_id INTEGER NOT NULL,
    events BIGINT NOT NULL, inserts BIGINT NOT NULL,
    first_received TIMESTAMP, last_received TIMESTAMP, first_ts TIMESTAMP, last_ts TIMESTAMP,
    last_seq BIGINT NOT NULL
);

-- Files of an archive are named by this workspace and by the step that made them.
CREATE TABLE meta.archive AS SELECT left(uuid()::VARCHAR, 8) AS workspace, 0::BIGINT AS steps;
