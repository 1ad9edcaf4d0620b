-- The settings of alerts that were last given, the JSON of core.alerting without its channels, at most one
-- row: what fires while the workspace is opened without any goes to the channels of its severity.

CREATE TABLE meta.alert_settings (document VARCHAR NOT NULL);
