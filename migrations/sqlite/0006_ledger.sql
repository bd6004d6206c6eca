-- The journal: append-only, double-entry, one hash chain per node; and the balances, which are its sums.
CREATE TABLE journal_entry (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- The order it is about.
    subject INTEGER NOT NULL,
    program INTEGER NOT NULL,
    currency TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (node, seq)
) STRICT;
CREATE INDEX journal_entry_subject ON journal_entry (subject);
CREATE INDEX journal_entry_at ON journal_entry (at, id);

-- A line of an entry; debits positive.
CREATE TABLE posting (
    entry INTEGER NOT NULL,
    line INTEGER NOT NULL,
    account TEXT NOT NULL,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('merchant', 'publisher', 'buyer', 'platform')),
    -- 0 for the platform.
    owner INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    currency TEXT NOT NULL,
    PRIMARY KEY (entry, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX posting_owner ON posting (owner_kind, owner, entry);

-- Debits positive.
CREATE TABLE balance (
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('merchant', 'publisher', 'buyer', 'platform')),
    owner INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    as_of INTEGER NOT NULL,
    PRIMARY KEY (account, currency)
) STRICT, WITHOUT ROWID;
CREATE INDEX balance_owner ON balance (owner_kind, owner);
