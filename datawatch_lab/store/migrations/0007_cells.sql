-- What commits append of sketches is one row a (series, bucket), its cells in a list: a tenth of the
-- cost of a row a cell. See store/cells.py for how a bin or a register is packed into a cell.
CREATE TABLE measures.listed_bins (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    cells BIGINT[] NOT NULL, fresh BOOLEAN NOT NULL
);
INSERT INTO measures.listed_bins
SELECT level, series, bucket, list(n * 1048576 + bin + 524288), fresh
FROM measures.new_bins GROUP BY level, series, bucket, fresh;
CREATE TABLE measures.listed_registers (
    level UTINYINT NOT NULL, series INTEGER NOT NULL, bucket TIMESTAMP NOT NULL,
    cells BIGINT[] NOT NULL, fresh BOOLEAN NOT NULL
);
INSERT INTO measures.listed_registers
SELECT level, series, bucket, list((register::BIGINT + 1048576) * 64 + rank), fresh
FROM measures.new_registers GROUP BY level, series, bucket, fresh;
DROP VIEW measures.all_bins;
DROP VIEW measures.all_registers;
DROP TABLE measures.new_bins;
DROP TABLE measures.new_registers;
ALTER TABLE measures.listed_bins RENAME TO new_bins;
ALTER TABLE measures.listed_registers RENAME TO new_registers;
CREATE VIEW measures.all_bins AS
SELECT * FROM measures.bins
UNION ALL
SELECT level, series, bucket, (cell % 1048576 - 524288)::INTEGER AS bin, cell // 1048576 AS n
FROM (SELECT level, series, bucket, unnest(cells) AS cell FROM measures.new_bins);
CREATE VIEW measures.all_registers AS
SELECT * FROM measures.registers
UNION ALL
SELECT level, series, bucket, (cell // 64 - 1048576)::INTEGER AS register,
    (cell % 64)::TINYINT AS rank
FROM (SELECT level, series, bucket, unnest(cells) AS cell FROM measures.new_registers);
