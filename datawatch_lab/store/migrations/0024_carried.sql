-- A commit appends its states once, in buckets of a second, with 10 as their level: 10 + n says that a
-- state counts for level n and all coarser ones. Compaction moves it to level n when its bucket changes no
-- more, and carries it on to the next level as 11 + n. The views measures.fresh_… show what is there, and
-- all_… each state at each level that it counts for.
DROP VIEW measures.all_partials;
DROP VIEW measures.all_bins;
DROP VIEW measures.all_registers;
CREATE VIEW measures.spread_partials AS
SELECT * FROM measures.fresh_partials WHERE level < 10
UNION ALL SELECT 0::UTINYINT AS level, * EXCLUDE (level)
    FROM measures.fresh_partials WHERE level BETWEEN 10 AND 10
UNION ALL SELECT 1::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 MINUTE, bucket) AS bucket)
    FROM measures.fresh_partials WHERE level BETWEEN 10 AND 11
UNION ALL SELECT 2::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 5 MINUTE, bucket) AS bucket)
    FROM measures.fresh_partials WHERE level BETWEEN 10 AND 12
UNION ALL SELECT 3::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 HOUR, bucket) AS bucket)
    FROM measures.fresh_partials WHERE level BETWEEN 10 AND 13
UNION ALL SELECT 4::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 DAY, bucket) AS bucket)
    FROM measures.fresh_partials WHERE level BETWEEN 10 AND 14;
CREATE VIEW measures.all_partials AS
SELECT * FROM measures.settled_partials UNION ALL SELECT * FROM measures.spread_partials;
CREATE VIEW measures.spread_bins AS
SELECT * FROM measures.fresh_bins WHERE level < 10
UNION ALL SELECT 0::UTINYINT AS level, * EXCLUDE (level)
    FROM measures.fresh_bins WHERE level BETWEEN 10 AND 10
UNION ALL SELECT 1::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 MINUTE, bucket) AS bucket)
    FROM measures.fresh_bins WHERE level BETWEEN 10 AND 11
UNION ALL SELECT 2::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 5 MINUTE, bucket) AS bucket)
    FROM measures.fresh_bins WHERE level BETWEEN 10 AND 12
UNION ALL SELECT 3::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 HOUR, bucket) AS bucket)
    FROM measures.fresh_bins WHERE level BETWEEN 10 AND 13
UNION ALL SELECT 4::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 DAY, bucket) AS bucket)
    FROM measures.fresh_bins WHERE level BETWEEN 10 AND 14;
CREATE VIEW measures.all_bins AS
SELECT * FROM measures.settled_bins UNION ALL SELECT * FROM measures.spread_bins;
CREATE VIEW measures.spread_registers AS
SELECT * FROM measures.fresh_registers WHERE level < 10
UNION ALL SELECT 0::UTINYINT AS level, * EXCLUDE (level)
    FROM measures.fresh_registers WHERE level BETWEEN 10 AND 10
UNION ALL SELECT 1::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 MINUTE, bucket) AS bucket)
    FROM measures.fresh_registers WHERE level BETWEEN 10 AND 11
UNION ALL SELECT 2::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 5 MINUTE, bucket) AS bucket)
    FROM measures.fresh_registers WHERE level BETWEEN 10 AND 12
UNION ALL SELECT 3::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 HOUR, bucket) AS bucket)
    FROM measures.fresh_registers WHERE level BETWEEN 10 AND 13
UNION ALL SELECT 4::UTINYINT AS level, * EXCLUDE (level) REPLACE (time_bucket(INTERVAL 1 DAY, bucket) AS bucket)
    FROM measures.fresh_registers WHERE level BETWEEN 10 AND 14;
CREATE VIEW measures.all_registers AS
SELECT * FROM measures.settled_registers UNION ALL SELECT * FROM measures.spread_registers;
