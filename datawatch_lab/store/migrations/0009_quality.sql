-- Version 9: rules of data quality, what they counted and found.
CREATE SCHEMA quality;

CREATE TABLE quality.rules (
    id VARCHAR NOT NULL,
    definition VARCHAR NOT NULL,   -- core.quality.Rule as JSON
    origin VARCHAR NOT NULL,       -- config | user | suggested
    created TIMESTAMP NOT NULL,
    since BIGINT NOT NULL          -- events after this one are counted as they come
);

-- Events up to this one are evaluated; stored with what the evaluation gave.
CREATE TABLE quality.cursor (seq BIGINT NOT NULL);

-- Increments by minute of event time; they merge with sum.
CREATE TABLE quality.counts (
    rule VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    rows BIGINT NOT NULL,
    failed BIGINT NOT NULL
);

-- What was said last of a window; one row a (rule, bucket).
CREATE TABLE quality.verdicts (
    rule VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    rows BIGINT NOT NULL,
    failed BIGINT NOT NULL
);

CREATE TABLE quality.states (
    rule VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    n BIGINT NOT NULL,
    sum DOUBLE NOT NULL,
    squares DOUBLE NOT NULL
);

CREATE TABLE quality.bins (
    rule VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL,
    n BIGINT NOT NULL
);

-- Which row holds which value, as hashes, for rules of uniqueness.
CREATE TABLE quality.held (
    rule VARCHAR NOT NULL,
    v_hi BIGINT NOT NULL,
    v_lo BIGINT NOT NULL,
    k_hi BIGINT NOT NULL,
    k_lo BIGINT NOT NULL
);

-- References whose parent may still come.
CREATE TABLE quality.orphans (
    rule VARCHAR NOT NULL,
    id VARCHAR NOT NULL,           -- of the violation
    value VARCHAR NOT NULL,
    bucket TIMESTAMP NOT NULL,
    seq BIGINT NOT NULL,
    until TIMESTAMP NOT NULL
);

-- Small states of rules: the largest value so far, the last window judged.
CREATE TABLE quality.cells (
    rule VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    body VARCHAR NOT NULL
);

CREATE TABLE quality.violations (
    id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    table_id INTEGER NOT NULL,
    seq BIGINT NOT NULL,           -- of the event; 0 for a window
    "at" TIMESTAMP NOT NULL,
    found TIMESTAMP NOT NULL,
    "key" VARCHAR NOT NULL,        -- JSON
    "row" VARCHAR NOT NULL,        -- JSON
    "value" VARCHAR,
    words VARCHAR NOT NULL,
    state VARCHAR NOT NULL DEFAULT 'open',
    "by" VARCHAR NOT NULL DEFAULT '',
    acted TIMESTAMP
);
