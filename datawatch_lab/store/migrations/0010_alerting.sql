-- Alerts. A document is the JSON of the value of the same name in core/alerting.py; the columns
-- beside it are those that are looked up by. There are no keys: rows are replaced by delete and
-- insert within one transaction.

CREATE TABLE meta.alert_rules (id VARCHAR NOT NULL, document VARCHAR NOT NULL);

CREATE TABLE meta.alert_standings (
    rule VARCHAR NOT NULL, labels VARCHAR NOT NULL, document VARCHAR NOT NULL
);

CREATE TABLE meta.alerts (
    id VARCHAR NOT NULL, rule VARCHAR NOT NULL, fired TIMESTAMP NOT NULL,
    is_open BOOLEAN NOT NULL, document VARCHAR NOT NULL
);

CREATE TABLE meta.alert_notices (
    id VARCHAR NOT NULL, subject VARCHAR NOT NULL, delivery VARCHAR NOT NULL,
    state VARCHAR NOT NULL, document VARCHAR NOT NULL
);

CREATE TABLE meta.alert_deliveries (
    id VARCHAR NOT NULL, state VARCHAR NOT NULL, document VARCHAR NOT NULL
);

CREATE TABLE meta.alert_attempts (
    delivery VARCHAR NOT NULL, number INTEGER NOT NULL, document VARCHAR NOT NULL
);

CREATE TABLE meta.alert_happenings (
    rule VARCHAR NOT NULL, alert VARCHAR NOT NULL, moment TIMESTAMP NOT NULL, document VARCHAR NOT NULL
);

CREATE TABLE meta.alert_silences (id VARCHAR NOT NULL, document VARCHAR NOT NULL);

CREATE TABLE meta.alert_cursors (name VARCHAR NOT NULL, moment TIMESTAMP NOT NULL);
