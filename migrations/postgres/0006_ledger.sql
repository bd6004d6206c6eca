-- The journal: append-only, double-entry, one hash chain per node; and the balances, which are its sums.
CREATE TABLE journal_entry (
    id BIGINT NOT NULL PRIMARY KEY,
    node BIGINT NOT NULL,
    seq BIGINT NOT NULL CHECK (seq > 0),
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    -- The order it is about.
    subject BIGINT NOT NULL,
    program BIGINT NOT NULL,
    currency TEXT NOT NULL,
    previous BYTEA NOT NULL CHECK (length(previous) = 32),
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    UNIQUE (node, seq)
);
CREATE INDEX journal_entry_subject ON journal_entry (subject);
CREATE INDEX journal_entry_at ON journal_entry (at, id);

-- A line of an entry; debits positive.
CREATE TABLE posting (
    entry BIGINT NOT NULL,
    line BIGINT NOT NULL,
    account TEXT NOT NULL,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('merchant', 'publisher', 'buyer', 'platform')),
    -- 0 for the platform.
    owner BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount <> 0),
    currency TEXT NOT NULL,
    PRIMARY KEY (entry, line)
);
CREATE INDEX posting_owner ON posting (owner_kind, owner, entry);

-- Debits positive.
CREATE TABLE balance (
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('merchant', 'publisher', 'buyer', 'platform')),
    owner BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    PRIMARY KEY (account, currency)
);
CREATE INDEX balance_owner ON balance (owner_kind, owner);
