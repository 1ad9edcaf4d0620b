-- Dashboards. A document is the JSON of core.dashboards.Dashboard. A change is a control entry: it
-- names the event of the log that it came after, and is stored with the version that it made.

CREATE TABLE meta.dashboards (id VARCHAR NOT NULL, document VARCHAR NOT NULL);

CREATE TABLE meta.dashboard_changes (
    number BIGINT NOT NULL,       -- from 1, in order of storing
    after_seq BIGINT NOT NULL,    -- of the last event before it
    dashboard VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    moment TIMESTAMP NOT NULL,
    who VARCHAR NOT NULL,
    what VARCHAR NOT NULL,        -- made | changed | autosaved | restored | dropped
    words VARCHAR NOT NULL,       -- what differs from the version before, in a sentence
    document VARCHAR              -- of the version; null for a dropped dashboard
);
