-- Anomalies. A document is the JSON of the value in core/anomalies.py; what people say of it stands
-- beside it, so that finding it again takes nothing away. There are no keys: rows are replaced by
-- delete and insert within one transaction.

CREATE TABLE meta.anomalies (
    id VARCHAR NOT NULL, metric VARCHAR NOT NULL, started TIMESTAMP NOT NULL,
    ended TIMESTAMP, document VARCHAR NOT NULL
);

CREATE TABLE meta.anomaly_marks (
    id VARCHAR NOT NULL, kind VARCHAR NOT NULL,  -- acknowledged, feedback
    number BIGINT NOT NULL,  -- of the last close before it
    document VARCHAR NOT NULL
);

CREATE TABLE meta.anomaly_state (
    name VARCHAR NOT NULL, number BIGINT NOT NULL, state BLOB NOT NULL
);
