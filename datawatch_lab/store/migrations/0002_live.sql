-- Version 2: live tables.
--
-- Each keyed table has up to three tables in the schema `current`, made when first needed and named
-- after the table's id and a generation, which grows when the table starts over:
--   delta_<id>_<generation>   the newest rows, one a key, deleted ones too (gone)
--   base_<id>_<generation>    rows that compaction took out of the delta; at most one a key
--   graves_<id>_<generation>  deleted keys that compaction took out of the delta
-- A row of the delta stands before one of the base or the graves with the same key. Fields are kept
-- in typed slots, columns s1, s2, … that are never retyped: a new type is a new slot.

CREATE SCHEMA current;

CREATE TABLE meta.live_tables (
    table_id INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    narrow BOOLEAN NOT NULL     -- k_hi is 0 in every row
);

CREATE TABLE meta.live_slots (
    table_id INTEGER NOT NULL,
    number INTEGER NOT NULL,    -- its column is s<number>
    field VARCHAR NOT NULL,
    type VARCHAR NOT NULL,      -- SQL type of the column
    exact BOOLEAN NOT NULL,     -- every number in it is the same as a double
    decimal BOOLEAN NOT NULL,   -- every text in it is a decimal number of up to 29.9 digits
    moment BOOLEAN NOT NULL     -- every text in it is an ISO 8601 moment
);

-- Versions of rows: which events of the log belong to a key.
CREATE TABLE current.versions (
    table_id INTEGER NOT NULL, k_hi BIGINT NOT NULL, k_lo BIGINT NOT NULL, seq BIGINT NOT NULL
);
