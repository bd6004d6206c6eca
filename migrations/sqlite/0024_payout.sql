-- How a publisher or buyer is paid, and what stands against it.
CREATE TABLE payout_method (
    payee INTEGER PRIMARY KEY,
    payee_kind TEXT NOT NULL CHECK (payee_kind IN ('publisher', 'buyer')),
    method TEXT CHECK (method IN ('sepa', 'manual')),
    holder TEXT,
    -- As much of the account as people are shown.
    shown TEXT,
    sealed BLOB,
    changed_at INTEGER,
    -- JSON: minor units by currency.
    minimums TEXT NOT NULL,
    -- The operator's reason.
    held TEXT,
    paused_until INTEGER,
    -- The account was changed then, and the address of before has not been told.
    notice_due_at INTEGER,
    CHECK ((method IS NULL) = (sealed IS NULL) AND (method IS NULL) = (holder IS NULL) AND (method IS NULL) = (changed_at IS NULL))
) STRICT;

CREATE TABLE payout_batch (
    id INTEGER PRIMARY KEY,
    currency TEXT NOT NULL,
    -- Only what was posted before.
    until INTEGER,
    actor TEXT NOT NULL,
    prepared_at INTEGER NOT NULL,
    exported_at INTEGER,
    cancelled_at INTEGER,
    -- JSON: the heads of the journal's chains before it.
    heads TEXT NOT NULL
) STRICT;

-- Whom a batch left out, and why.
CREATE TABLE payout_left_out (
    batch INTEGER NOT NULL REFERENCES payout_batch (id),
    payee INTEGER NOT NULL,
    payee_kind TEXT NOT NULL CHECK (payee_kind IN ('publisher', 'buyer')),
    why TEXT NOT NULL,
    -- Minor units, positive is the payee's.
    balance INTEGER NOT NULL,
    missing INTEGER,
    until INTEGER,
    PRIMARY KEY (batch, payee)
) STRICT, WITHOUT ROWID;

CREATE TABLE payment (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES payout_batch (id),
    payee INTEGER NOT NULL,
    payee_kind TEXT NOT NULL CHECK (payee_kind IN ('publisher', 'buyer')),
    -- Minor units taken from the balance, the fee included.
    amount INTEGER NOT NULL CHECK (amount > 0),
    fee INTEGER NOT NULL CHECK (fee >= 0 AND fee < amount),
    currency TEXT NOT NULL,
    -- As they were when it was prepared.
    method TEXT NOT NULL CHECK (method IN ('sepa', 'manual')),
    holder TEXT NOT NULL,
    shown TEXT NOT NULL,
    sealed BLOB NOT NULL,
    details_at INTEGER NOT NULL,
    -- How many lines of the journal it pays.
    lines INTEGER NOT NULL CHECK (lines > 0),
    prepared_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('prepared', 'exported', 'settled', 'returned', 'cancelled')),
    exported_at INTEGER,
    settled_at INTEGER,
    returned_at INTEGER,
    cancelled_at INTEGER,
    reason TEXT,
    note TEXT,
    -- Whether the orders that it pays know how it ended.
    counted INTEGER NOT NULL CHECK (counted IN (0, 1))
) STRICT;
CREATE INDEX payment_batch ON payment (batch, id);
CREATE INDEX payment_payee ON payment (payee, id);
CREATE INDEX payment_uncounted ON payment (id) WHERE NOT counted;

-- The lines of the journal that a payment holds, its own among them; kept when it ends.
CREATE TABLE payment_line (
    payment INTEGER NOT NULL REFERENCES payment (id),
    entry INTEGER NOT NULL,
    line INTEGER NOT NULL,
    -- Minor units, debits positive.
    amount INTEGER NOT NULL,
    -- Of an order.
    conversion INTEGER,
    -- Those of a payment that was cancelled or came back are free again.
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (payment, entry, line)
) STRICT, WITHOUT ROWID;
-- Never twice.
CREATE UNIQUE INDEX payment_line_live ON payment_line (entry, line) WHERE live;
CREATE INDEX payment_line_conversion ON payment_line (conversion) WHERE conversion IS NOT NULL;
