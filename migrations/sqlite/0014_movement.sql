-- Entries beside orders: a subject is an order, or a document that holds money on the ledger. Those have no program.
CREATE TABLE journal_entry_new (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    -- What it is about.
    subject INTEGER NOT NULL,
    -- Of an order.
    program INTEGER,
    currency TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (node, seq)
) STRICT;
INSERT INTO journal_entry_new (id, node, seq, at, kind, subject_kind, subject, program, currency, previous, hash)
    SELECT id, node, seq, at, kind, 'order', subject, program, currency, previous, hash FROM journal_entry;
DROP TABLE journal_entry;
ALTER TABLE journal_entry_new RENAME TO journal_entry;
CREATE INDEX journal_entry_subject ON journal_entry (subject);
CREATE INDEX journal_entry_at ON journal_entry (at, id);
-- The lines of one account: what a payout or an invoice is made of.
CREATE INDEX posting_account ON posting (account, entry);

-- Money that moved beside orders: a fee, a goodwill bonus, a payment of a merchant, a debt written off.
CREATE TABLE movement (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Whose it is; 0 for the platform.
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('merchant', 'publisher', 'buyer', 'platform')),
    owner INTEGER NOT NULL,
    -- The merchant that pays a bonus; none if the platform does.
    funder INTEGER,
    -- The invoice that a payment is for.
    invoice INTEGER,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT,
    reference TEXT,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    happened_at INTEGER NOT NULL,
    reversed_at INTEGER,
    reversed_reason TEXT
) STRICT;
CREATE INDEX movement_owner ON movement (owner_kind, owner, id);
CREATE INDEX movement_invoice ON movement (invoice) WHERE invoice IS NOT NULL;
