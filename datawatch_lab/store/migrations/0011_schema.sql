-- The history of schemas. What is stored is derived from the log up to the cursor, in the same
-- transaction as the cursor; a document is the JSON of the value in core/schema_changes.py.

CREATE TABLE meta.schema_changes (
    id VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    happened TIMESTAMP NOT NULL,  -- event time
    document VARCHAR NOT NULL
);

-- What was seen of the rows of a table, see schema/presence.py.
CREATE TABLE meta.schema_states (table_id INTEGER NOT NULL, document VARCHAR NOT NULL);

CREATE TABLE meta.schema_snapshots (name VARCHAR NOT NULL, document VARCHAR NOT NULL);

CREATE TABLE meta.schema_cursor (seq BIGINT NOT NULL);
INSERT INTO meta.schema_cursor VALUES (0);
