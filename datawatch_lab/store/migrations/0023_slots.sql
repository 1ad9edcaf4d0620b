-- Cells of sketches that commits append stand eight a row in columns, and no longer in lists: DuckDB
-- writes all lists of the block of 2,048 rows that it appends to into its write-ahead log, so also those
-- that were there before; small commits wrote ten times what they brought. A column without a cell is 0.
CREATE TABLE measures.slotted_bins (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    c1 BIGINT NOT NULL, c2 BIGINT NOT NULL, c3 BIGINT NOT NULL, c4 BIGINT NOT NULL,
    c5 BIGINT NOT NULL, c6 BIGINT NOT NULL, c7 BIGINT NOT NULL, c8 BIGINT NOT NULL,
    fresh BOOLEAN NOT NULL
);
INSERT INTO measures.slotted_bins
SELECT level, series, bucket,
    cells[o + 1], coalesce(cells[o + 2], 0), coalesce(cells[o + 3], 0), coalesce(cells[o + 4], 0),
    coalesce(cells[o + 5], 0), coalesce(cells[o + 6], 0), coalesce(cells[o + 7], 0),
    coalesce(cells[o + 8], 0), fresh
FROM (SELECT *, unnest(range(0, len(cells), 8)) AS o FROM measures.new_bins);
CREATE TABLE measures.slotted_registers (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    c1 BIGINT NOT NULL, c2 BIGINT NOT NULL, c3 BIGINT NOT NULL, c4 BIGINT NOT NULL,
    c5 BIGINT NOT NULL, c6 BIGINT NOT NULL, c7 BIGINT NOT NULL, c8 BIGINT NOT NULL,
    fresh BOOLEAN NOT NULL
);
INSERT INTO measures.slotted_registers
SELECT level, series, bucket,
    cells[o + 1], coalesce(cells[o + 2], 0), coalesce(cells[o + 3], 0), coalesce(cells[o + 4], 0),
    coalesce(cells[o + 5], 0), coalesce(cells[o + 6], 0), coalesce(cells[o + 7], 0),
    coalesce(cells[o + 8], 0), fresh
FROM (SELECT *, unnest(range(0, len(cells), 8)) AS o FROM measures.new_registers);
DROP VIEW measures.all_bins;
DROP VIEW measures.all_registers;
DROP VIEW measures.fresh_bins;
DROP VIEW measures.fresh_registers;
DROP TABLE measures.new_bins;
DROP TABLE measures.new_registers;
ALTER TABLE measures.slotted_bins RENAME TO new_bins;
ALTER TABLE measures.slotted_registers RENAME TO new_registers;
CREATE VIEW measures.fresh_bins AS
SELECT level, series, bucket, (cell % 1048576 - 524288)::INTEGER AS bin, cell // 1048576 AS n
FROM (SELECT level, series, bucket, unnest([c1, c2, c3, c4, c5, c6, c7, c8]) AS cell
    FROM measures.new_bins)
WHERE cell <> 0;
CREATE VIEW measures.all_bins AS
SELECT * FROM measures.settled_bins UNION ALL SELECT * FROM measures.fresh_bins;
CREATE VIEW measures.fresh_registers AS
SELECT level, series, bucket, (cell // 64 - 1048576)::INTEGER AS register,
    (cell % 64)::TINYINT AS rank
FROM (SELECT level, series, bucket, unnest([c1, c2, c3, c4, c5, c6, c7, c8]) AS cell
    FROM measures.new_registers)
WHERE cell <> 0;
CREATE VIEW measures.all_registers AS
SELECT * FROM measures.settled_registers UNION ALL SELECT * FROM measures.fresh_registers;
