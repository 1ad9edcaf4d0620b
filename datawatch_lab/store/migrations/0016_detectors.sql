-- How single series are looked at for anomalies, where somebody chose it. A document is the JSON of
-- the value in core/anomalies.py.

CREATE TABLE meta.detectors (id VARCHAR NOT NULL, document VARCHAR NOT NULL);
