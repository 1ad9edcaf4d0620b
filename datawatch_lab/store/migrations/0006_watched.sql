-- Version 6: databases that the engine watches. No definition holds a password.
CREATE TABLE meta.watched (
    name VARCHAR NOT NULL,        -- of the source
    definition VARCHAR NOT NULL   -- core.watching.Watch as JSON
);
