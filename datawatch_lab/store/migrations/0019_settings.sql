-- The settings that were last given, the JSON of core.settings, at most one row: who opens the workspace
-- without any goes on with them. And reports that the configuration has no more: they do not run, but
-- since when their times count is kept for when they come back.

CREATE TABLE meta.settings (document VARCHAR NOT NULL);

ALTER TABLE meta.reports ADD COLUMN retired BOOLEAN DEFAULT false;
