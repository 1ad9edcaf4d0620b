-- Newest rows of small live tables stand in one table, so that a commit of hundreds of tables has one
-- statement and not hundreds. Its further columns are those of slots, by type and place among the slots of
-- a table that have this type; they are added when they are needed. See store.live_state.

CREATE TABLE current.shared (
    table_id INTEGER NOT NULL,
    k_hi BIGINT NOT NULL,
    k_lo BIGINT NOT NULL,
    "at" TIMESTAMP NOT NULL,
    ordinal BIGINT NOT NULL,
    sub BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    gone BOOLEAN NOT NULL
);

ALTER TABLE meta.live_tables ADD COLUMN shared BOOLEAN DEFAULT FALSE;
