-- River's models of series that are looked at more closely, one row a series. A state is opaque and
-- sealed with the key of the owner; see core/seal.py. It is read only when its seal matches.

CREATE TABLE meta.anomaly_models (id VARCHAR NOT NULL, state BLOB NOT NULL);
