"""Event triggers that tell of DDL in the stream itself, and publish tables as they come.

They write a message (``pg_logical_emit_message``) in the transaction of the command, so the stream
has it in its place: outside of the guarded block, since a message of a subtransaction can come
behind the row that follows it. A new table is published in the transaction that makes it, so no
row is missed. A failure inside is a warning to whoever ran the command, never an error.

A command on an index or a type is told with the tables that have it; one on an enum that no table
has, and the dropping of a type, with the oldest published table, since every event is filed with
one. When an index is dropped nothing says any more whose it was, so before that is done
a setting of the session takes note of which table has which.
"""

TRIGGERS = {
    "ddl": "ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', "
    "'ALTER TABLE', 'CREATE INDEX', 'ALTER INDEX', 'CREATE TYPE', 'ALTER TYPE')",
    "drop": "ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP INDEX', "
    "'DROP TYPE')",
    "owner": "ON ddl_command_start WHEN TAG IN ('DROP INDEX')",
}
"""When each runs."""

_HOME = """SELECT coalesce(jsonb_agg(home), '[]')
        INTO told
        FROM (
            SELECT n.nspname AS schema, c.relname AS table, NULL AS columns
            FROM pg_publication p
            JOIN pg_publication_rel r ON r.prpubid = p.oid
            JOIN pg_class c ON c.oid = r.prrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE p.pubname IN ({full}, {inserts})
              AND n.nspname || '.' || c.relname ~ {include}
              AND n.nspname || '.' || c.relname !~ {exclude}
            ORDER BY c.oid
            LIMIT 1) home;"""
"""The table that a command on a type of no table is filed with; none while none is published."""

_DDL = """
DECLARE
    t record;
    wrong text;
    told jsonb := '[]';
BEGIN
    BEGIN
    FOR t IN
        SELECT DISTINCT c.oid, n.nspname, c.relname,
               c.relreplident = 'f' OR EXISTS (
                   SELECT FROM pg_index i WHERE i.indrelid = c.oid AND
                   CASE c.relreplident WHEN 'd' THEN i.indisprimary
                   WHEN 'i' THEN i.indisreplident ELSE false END) AS identified
        FROM pg_event_trigger_ddl_commands() d
        CROSS JOIN LATERAL (
            SELECT d.objid AS oid WHERE d.classid = 'pg_class'::regclass
            UNION SELECT i.indrelid FROM pg_index i
            WHERE d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
            UNION SELECT a.attrelid FROM pg_type y JOIN pg_attribute a ON a.atttypid = y.oid
            WHERE d.classid = 'pg_type'::regclass AND NOT a.attisdropped
              AND d.objid IN (y.oid, y.typelem, y.typbasetype)) touched
        JOIN pg_class c ON c.oid = touched.oid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
          AND NOT d.in_extension AND n.nspname NOT LIKE 'pg\\_%'
          AND n.nspname || '.' || c.relname ~ {include}
          AND n.nspname || '.' || c.relname !~ {exclude}
    LOOP
        wrong := CASE WHEN t.identified THEN {inserts} ELSE {full} END;
        IF EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                   WHERE r.prrelid = t.oid AND p.pubname = wrong) THEN
            EXECUTE format(
                'ALTER PUBLICATION %I DROP TABLE ONLY %I.%I', wrong, t.nspname, t.relname);
        END IF;
        wrong := CASE WHEN t.identified THEN {full} ELSE {inserts} END;
        IF NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                       WHERE r.prrelid = t.oid AND p.pubname = wrong) THEN
            EXECUTE format(
                'ALTER PUBLICATION %I ADD TABLE ONLY %I.%I', wrong, t.nspname, t.relname);
        END IF;
        told := told || jsonb_build_object('schema', t.nspname, 'table', t.relname, 'columns', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                ORDER BY a.attnum), '[]')
            FROM pg_attribute a
            WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attgenerated = ''));
    END LOOP;
    IF told = '[]' AND EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() d
        JOIN pg_type y ON y.oid = d.objid
        WHERE d.classid = 'pg_type'::regclass AND y.typtype = 'e' AND NOT d.in_extension
    ) THEN
        @home
    END IF;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'DataWatch Lab could not take note of %: %', tg_tag, SQLERRM;
    END;
    IF told <> '[]' THEN
        PERFORM pg_logical_emit_message(true, 'datawatch.ddl', jsonb_build_object(
            'tag', tg_tag, 'command', left(current_query(), 10000), 'tables', told)::text);
    END IF;
END
"""

_DROP = """
DECLARE
    told jsonb := '[]';
BEGIN
    BEGIN
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'schema', schema_name, 'table', object_name)), '[]')
    INTO told
    FROM pg_event_trigger_dropped_objects()
    WHERE object_type = 'table' AND NOT is_temporary
      AND schema_name || '.' || object_name ~ {include}
      AND schema_name || '.' || object_name !~ {exclude};
    IF tg_tag = 'DROP INDEX' THEN
        SELECT coalesce(jsonb_agg(DISTINCT owner || '{{"columns": null}}'), '[]')
        INTO told
        FROM pg_event_trigger_dropped_objects() d
        CROSS JOIN LATERAL (
            SELECT nullif(current_setting('datawatch.owners', true), '')::jsonb
                   -> d.objid::text AS owner) o
        WHERE d.object_type = 'index' AND owner IS NOT NULL;
        PERFORM set_config('datawatch.owners', '', false);
    ELSIF tg_tag = 'DROP TYPE' AND EXISTS (
        SELECT FROM pg_event_trigger_dropped_objects()
        WHERE original AND object_type = 'type' AND NOT is_temporary
    ) THEN
        @home
    END IF;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'DataWatch Lab could not take note of %: %', tg_tag, SQLERRM;
    END;
    IF told <> '[]' THEN
        PERFORM pg_logical_emit_message(true, 'datawatch.ddl', jsonb_build_object(
            'tag', tg_tag, 'command', left(current_query(), 10000), 'tables', told)::text);
    END IF;
END
"""

_OWNER = """
BEGIN
    PERFORM set_config('datawatch.owners', (
        SELECT coalesce(jsonb_object_agg(i.indexrelid, jsonb_build_object(
            'schema', n.nspname, 'table', c.relname)), '{{}}')::text
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
          AND n.nspname NOT LIKE 'pg\\_%'
          AND n.nspname || '.' || c.relname ~ {include}
          AND n.nspname || '.' || c.relname !~ {exclude}), false);
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'DataWatch Lab could not take note of %: %', tg_tag, SQLERRM;
END
"""

FUNCTIONS = {
    "ddl": _DDL.replace("@home", _HOME),
    "drop": _DROP.replace("@home", _HOME),
    "owner": _OWNER,
}
"""Bodies of the trigger functions; ``{…}`` are filled with literals."""
