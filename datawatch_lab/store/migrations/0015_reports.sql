-- Reports that run by themselves, and what became of them; documents are the JSON of core.reports.

CREATE TABLE meta.reports (
    name VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL,  -- when it was first heard of: what lies before was not missed
    document VARCHAR NOT NULL
);

CREATE TABLE meta.report_runs (
    report VARCHAR NOT NULL,
    due TIMESTAMP NOT NULL,
    started TIMESTAMP NOT NULL,
    document VARCHAR NOT NULL
);
