-- The access file of a workspace. Times are ISO 8601 in UTC with microseconds, so they sort as text.
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

CREATE TABLE users (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    password TEXT,                          -- argon2id; NULL: tokens only
    generation INTEGER NOT NULL DEFAULT 0,  -- sessions of another generation are over
    created TEXT NOT NULL,
    last_seen TEXT
) STRICT;

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,              -- SHA-256 of a random token
    user TEXT NOT NULL COLLATE NOCASE REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    created TEXT NOT NULL,
    expires TEXT,
    last_used TEXT,
    bounded INTEGER NOT NULL DEFAULT 1      -- 0: what its user is given on a dashboard it has too
) STRICT;

CREATE TABLE shares (
    id TEXT PRIMARY KEY,
    resource TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    created_by TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT NOT NULL,
    revoked TEXT
) STRICT;

CREATE TABLE grants (
    resource TEXT NOT NULL,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES users ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    PRIMARY KEY (resource, user)
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    via TEXT NOT NULL,
    address TEXT NOT NULL,
    request TEXT NOT NULL,
    operation TEXT NOT NULL,
    target TEXT NOT NULL,
    asked TEXT NOT NULL,                    -- JSON, secrets taken out
    before TEXT,
    after TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN ('started', 'done', 'failed')),
    reason TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TRIGGER audit_stays BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_holds BEFORE UPDATE ON audit WHEN OLD.outcome <> 'started'
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
