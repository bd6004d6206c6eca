-- Tables that were sent to the API: how far each came, and what was rejected.
CREATE TABLE import (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('clicks', 'sales', 'rates')),
    state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
    -- The names of its columns, as CSV.
    header BYTEA NOT NULL,
    lines_read BIGINT NOT NULL,
    imported BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    -- Rates of currencies that are no more.
    passed_over BIGINT NOT NULL,
    -- Of the rejected, how many are kept.
    kept BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    -- When these counts were written. One that runs writes them every few seconds.
    seen_at BIGINT NOT NULL,
    finished_at BIGINT
);
-- Lines that were rejected, the first of each import, numbered from 1.
CREATE TABLE import_reject (
    import BIGINT NOT NULL REFERENCES import (id),
    number BIGINT NOT NULL,
    -- In the table that was sent.
    line BIGINT NOT NULL,
    code TEXT NOT NULL,
    because TEXT NOT NULL,
    -- The line's own fields, as CSV; empty where they would be too long to keep.
    fields BYTEA NOT NULL,
    PRIMARY KEY (import, number)
);
