-- Version 1: the change log, the catalogue, the ledger, the quarantine and the measures.
-- Times are TIMESTAMP in UTC: they need neither a time zone database nor a session setting.

CREATE SCHEMA changes;
CREATE SCHEMA live;
CREATE SCHEMA measures;
CREATE SCHEMA metrics;

-- Append-only. The images are the JSON text exactly as it came; typed views parse it.
CREATE TABLE changes.log (
    seq BIGINT NOT NULL,
    table_id INTEGER NOT NULL,
    op VARCHAR NOT NULL,
    ts TIMESTAMP,
    received TIMESTAMP,
    source VARCHAR NOT NULL,
    event_id VARCHAR,
    origin VARCHAR,
    identity_hi UBIGINT,
    identity_lo UBIGINT,
    position VARCHAR,
    txid VARCHAR,
    tx_order BIGINT,
    "after" VARCHAR,
    "before" VARCHAR,
    extra VARCHAR
);

CREATE TABLE meta.quarantine (
    id BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    "table" VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    line BIGINT,
    "offset" BIGINT,
    raw BLOB,
    received TIMESTAMP,
    identity_hi UBIGINT,
    identity_lo UBIGINT,
    state VARCHAR NOT NULL,     -- waiting | replayed
    replayed_seq BIGINT         -- sequence number it became; 0 when it was a duplicate
);

-- Increments; compaction sums them.
CREATE TABLE meta.ledger (
    source VARCHAR NOT NULL,
    "table" VARCHAR NOT NULL,
    received BIGINT NOT NULL,
    applied BIGINT NOT NULL,
    duplicate BIGINT NOT NULL,
    late BIGINT NOT NULL,
    quarantined BIGINT NOT NULL
);

-- Offsets, watermarks, cursors and commit marks, appended with the version that set them: the
-- newest of each (kind, name, table_id) holds. One statement a commit instead of four upserts.
CREATE TABLE meta.progress (
    version BIGINT NOT NULL,
    kind VARCHAR NOT NULL,      -- commit | offset | watermark | cursor
    name VARCHAR NOT NULL,      -- source or derivation
    table_id INTEGER NOT NULL,  -- of a watermark; else 0
    value VARCHAR NOT NULL      -- ISO 8601 time, JSON position, or sequence number
);

CREATE VIEW meta.progress_now AS
SELECT kind, name, table_id, max(version) AS version, arg_max(value, version) AS value
FROM meta.progress GROUP BY kind, name, table_id;

CREATE TABLE meta.tables (
    id INTEGER NOT NULL,
    "schema" VARCHAR NOT NULL,
    "table" VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,     -- JSON list of names
    columns VARCHAR NOT NULL,   -- JSON list of columns
    sampled BIGINT NOT NULL
);

CREATE TABLE meta.measures (
    id INTEGER NOT NULL,
    table_id INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    field VARCHAR NOT NULL
);

CREATE TABLE meta.series (
    id INTEGER NOT NULL,
    measure_id INTEGER NOT NULL,
    labels VARCHAR NOT NULL     -- JSON list of [name, value], sorted
);

CREATE TABLE meta.evidence (table_id INTEGER NOT NULL, body BLOB NOT NULL);

-- Each kind of state has two tables. Commits append to new_…, where a bucket may have many rows.
-- Compaction merges them and moves buckets that no longer change to the first, one row a bucket.
CREATE TABLE measures.partials (
    level UTINYINT NOT NULL,    -- position in core.values.LEVEL_SECONDS, 0 is 1s
    series INTEGER NOT NULL,
    bucket TIMESTAMP NOT NULL,
    n BIGINT,
    sum DOUBLE,
    exact DECIMAL(38, 9),
    min DOUBLE,
    max DOUBLE,
    last DOUBLE,
    last_at TIMESTAMP,
    last_seq BIGINT
);
CREATE TABLE measures.new_partials (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT,
    fresh BOOLEAN NOT NULL      -- appended since the last compaction
);
CREATE VIEW measures.all_partials AS
SELECT * FROM measures.partials UNION ALL SELECT * EXCLUDE (fresh) FROM measures.new_partials;

CREATE TABLE measures.bins (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL
);
CREATE TABLE measures.new_bins (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL, fresh BOOLEAN NOT NULL
);
CREATE VIEW measures.all_bins AS
SELECT * FROM measures.bins UNION ALL SELECT * EXCLUDE (fresh) FROM measures.new_bins;

CREATE TABLE measures.registers (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL
);
CREATE TABLE measures.new_registers (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL, fresh BOOLEAN NOT NULL
);
CREATE VIEW measures.all_registers AS
SELECT * FROM measures.registers
UNION ALL SELECT * EXCLUDE (fresh) FROM measures.new_registers;
