-- Tables of verdicts, which merchants send too: whose an import is.
CREATE TABLE import_new (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('clicks', 'sales', 'rates', 'verdicts')),
    state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
    -- The names of its columns, as CSV.
    header BLOB NOT NULL,
    lines_read INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    -- Rates of currencies that are no more.
    passed_over INTEGER NOT NULL,
    -- Of the rejected, how many are kept.
    kept INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    -- When these counts were written. One that runs writes them every few seconds.
    seen_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- The merchant that sent it; none if the operator did.
    merchant INTEGER
) STRICT;
CREATE TABLE import_reject_new (
    import INTEGER NOT NULL REFERENCES import_new (id),
    number INTEGER NOT NULL,
    -- In the table that was sent.
    line INTEGER NOT NULL,
    code TEXT NOT NULL,
    because TEXT NOT NULL,
    -- The line's own fields, as CSV; empty where they would be too long to keep.
    fields BLOB NOT NULL,
    PRIMARY KEY (import, number)
) STRICT;
INSERT INTO import_new SELECT id, kind, state, header, lines_read, imported, duplicates, rejected, passed_over, kept, started_at, seen_at, finished_at, NULL FROM import;
INSERT INTO import_reject_new SELECT import, number, line, code, because, fields FROM import_reject;
DROP TABLE import_reject;
DROP TABLE import;
ALTER TABLE import_new RENAME TO import;
ALTER TABLE import_reject_new RENAME TO import_reject;
CREATE INDEX import_merchant ON import (merchant, id) WHERE merchant IS NOT NULL;
