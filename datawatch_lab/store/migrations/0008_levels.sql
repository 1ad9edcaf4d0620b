-- Version 8: settled states have a table a level, so that a question reads only the level it needs.
--
-- A level's rows stand in the order in which they settled; from time to time those that came since
-- `until` are put in order of (series, bucket), so that a series is together: see `store.sorting`.

CREATE TABLE meta.sorted (
    kind VARCHAR NOT NULL,      -- partials | bins | registers
    level UTINYINT NOT NULL,
    until TIMESTAMP NOT NULL    -- buckets before it were put in order
);

DROP VIEW measures.all_partials;
CREATE TABLE measures.partials_1s (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT
);
CREATE TABLE measures.partials_1m (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT
);
CREATE TABLE measures.partials_5m (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT
);
CREATE TABLE measures.partials_1h (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT
);
CREATE TABLE measures.partials_1d (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    n BIGINT, sum DOUBLE, exact DECIMAL(38, 9), min DOUBLE, max DOUBLE,
    last DOUBLE, last_at TIMESTAMP, last_seq BIGINT
);
INSERT INTO measures.partials_1s
SELECT series, bucket, n, sum, exact, min, max, last, last_at, last_seq FROM measures.partials WHERE level = 0;
INSERT INTO measures.partials_1m
SELECT series, bucket, n, sum, exact, min, max, last, last_at, last_seq FROM measures.partials WHERE level = 1;
INSERT INTO measures.partials_5m
SELECT series, bucket, n, sum, exact, min, max, last, last_at, last_seq FROM measures.partials WHERE level = 2;
INSERT INTO measures.partials_1h
SELECT series, bucket, n, sum, exact, min, max, last, last_at, last_seq FROM measures.partials WHERE level = 3;
INSERT INTO measures.partials_1d
SELECT series, bucket, n, sum, exact, min, max, last, last_at, last_seq FROM measures.partials WHERE level = 4;
DROP TABLE measures.partials;
CREATE VIEW measures.settled_partials AS
SELECT 0::UTINYINT AS level, * FROM measures.partials_1s
UNION ALL SELECT 1::UTINYINT AS level, * FROM measures.partials_1m
UNION ALL SELECT 2::UTINYINT AS level, * FROM measures.partials_5m
UNION ALL SELECT 3::UTINYINT AS level, * FROM measures.partials_1h
UNION ALL SELECT 4::UTINYINT AS level, * FROM measures.partials_1d;
CREATE VIEW measures.fresh_partials AS
SELECT * EXCLUDE (fresh) FROM measures.new_partials;
CREATE VIEW measures.all_partials AS
SELECT * FROM measures.settled_partials UNION ALL SELECT * FROM measures.fresh_partials;

DROP VIEW measures.all_bins;
CREATE TABLE measures.bins_1s (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL
);
CREATE TABLE measures.bins_1m (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL
);
CREATE TABLE measures.bins_5m (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL
);
CREATE TABLE measures.bins_1h (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL
);
CREATE TABLE measures.bins_1d (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    bin INTEGER NOT NULL, n BIGINT NOT NULL
);
INSERT INTO measures.bins_1s
SELECT series, bucket, bin, n FROM measures.bins WHERE level = 0;
INSERT INTO measures.bins_1m
SELECT series, bucket, bin, n FROM measures.bins WHERE level = 1;
INSERT INTO measures.bins_5m
SELECT series, bucket, bin, n FROM measures.bins WHERE level = 2;
INSERT INTO measures.bins_1h
SELECT series, bucket, bin, n FROM measures.bins WHERE level = 3;
INSERT INTO measures.bins_1d
SELECT series, bucket, bin, n FROM measures.bins WHERE level = 4;
DROP TABLE measures.bins;
CREATE VIEW measures.settled_bins AS
SELECT 0::UTINYINT AS level, * FROM measures.bins_1s
UNION ALL SELECT 1::UTINYINT AS level, * FROM measures.bins_1m
UNION ALL SELECT 2::UTINYINT AS level, * FROM measures.bins_5m
UNION ALL SELECT 3::UTINYINT AS level, * FROM measures.bins_1h
UNION ALL SELECT 4::UTINYINT AS level, * FROM measures.bins_1d;
CREATE VIEW measures.fresh_bins AS
SELECT level, series, bucket, (cell % 1048576 - 524288)::INTEGER AS bin, cell // 1048576 AS n
FROM (SELECT level, series, bucket, unnest(cells) AS cell FROM measures.new_bins);
CREATE VIEW measures.all_bins AS
SELECT * FROM measures.settled_bins UNION ALL SELECT * FROM measures.fresh_bins;

DROP VIEW measures.all_registers;
CREATE TABLE measures.registers_1s (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL
);
CREATE TABLE measures.registers_1m (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL
);
CREATE TABLE measures.registers_5m (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL
);
CREATE TABLE measures.registers_1h (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL
);
CREATE TABLE measures.registers_1d (
    series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    register INTEGER NOT NULL, rank TINYINT NOT NULL
);
INSERT INTO measures.registers_1s
SELECT series, bucket, register, rank FROM measures.registers WHERE level = 0;
INSERT INTO measures.registers_1m
SELECT series, bucket, register, rank FROM measures.registers WHERE level = 1;
INSERT INTO measures.registers_5m
SELECT series, bucket, register, rank FROM measures.registers WHERE level = 2;
INSERT INTO measures.registers_1h
SELECT series, bucket, register, rank FROM measures.registers WHERE level = 3;
INSERT INTO measures.registers_1d
SELECT series, bucket, register, rank FROM measures.registers WHERE level = 4;
DROP TABLE measures.registers;
CREATE VIEW measures.settled_registers AS
SELECT 0::UTINYINT AS level, * FROM measures.registers_1s
UNION ALL SELECT 1::UTINYINT AS level, * FROM measures.registers_1m
UNION ALL SELECT 2::UTINYINT AS level, * FROM measures.registers_5m
UNION ALL SELECT 3::UTINYINT AS level, * FROM measures.registers_1h
UNION ALL SELECT 4::UTINYINT AS level, * FROM measures.registers_1d;
CREATE VIEW measures.fresh_registers AS
SELECT level, series, bucket, (cell // 64 - 1048576)::INTEGER AS register,
    (cell % 64)::TINYINT AS rank
FROM (SELECT level, series, bucket, unnest(cells) AS cell FROM measures.new_registers);
CREATE VIEW measures.all_registers AS
SELECT * FROM measures.settled_registers UNION ALL SELECT * FROM measures.fresh_registers;
