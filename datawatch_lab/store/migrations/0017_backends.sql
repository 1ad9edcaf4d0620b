-- Metric back ends: how far each one is. The name holds the address, so that another server begins
-- anew.

CREATE TABLE meta.backends (
    name VARCHAR NOT NULL,
    seq BIGINT NOT NULL,          -- events up to this one are accounted for in meta.backend_tables
    points BIGINT NOT NULL,       -- that it took
    refused BIGINT NOT NULL       -- that it refused for good
);

CREATE TABLE meta.backend_tables (
    name VARCHAR NOT NULL,
    table_id INTEGER NOT NULL,    -- 0: metrics of the workspace
    until TIMESTAMP NOT NULL,     -- minutes before this were sent
    measure INTEGER NOT NULL      -- highest id of a measure of the table when they were
);
