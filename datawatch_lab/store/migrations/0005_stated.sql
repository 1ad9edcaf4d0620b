-- Version 5: who named a table's key, and what is said of a table beside its rows.
ALTER TABLE meta.tables ADD COLUMN key_from VARCHAR DEFAULT '';  -- config | source | inferred
ALTER TABLE meta.tables ADD COLUMN stated VARCHAR DEFAULT '{}';  -- core.values.Stated as JSON
UPDATE meta.tables SET key_from = 'inferred' WHERE "key" <> '[]';
