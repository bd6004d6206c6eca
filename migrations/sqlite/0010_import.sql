-- Tables that were sent to the API: how far each came, and what was rejected.
CREATE TABLE import (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('clicks', 'sales', 'rates')),
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
    finished_at INTEGER
) STRICT;
-- Lines that were rejected, the first of each import, numbered from 1.
CREATE TABLE import_reject (
    import INTEGER NOT NULL REFERENCES import (id),
    number INTEGER NOT NULL,
    -- In the table that was sent.
    line INTEGER NOT NULL,
    code TEXT NOT NULL,
    because TEXT NOT NULL,
    -- The line's own fields, as CSV; empty where they would be too long to keep.
    fields BLOB NOT NULL,
    PRIMARY KEY (import, number)
) STRICT;
