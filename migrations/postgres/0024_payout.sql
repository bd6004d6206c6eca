-- How a publisher or buyer is paid, and what stands against it.
CREATE TABLE payout_method (
    payee BIGINT PRIMARY KEY,
    payee_kind TEXT NOT NULL CHECK (payee_kind IN ('publisher', 'buyer')),
    method TEXT CHECK (method IN ('sepa', 'manual')),
    holder TEXT,
    -- As much of the account as people are shown.
    shown TEXT,
    sealed BYTEA,
    changed_at BIGINT,
    -- JSON: minor units by currency.
    minimums TEXT NOT NULL,
    -- The operator's reason.
    held TEXT,
    paused_until BIGINT,
    -- The account was changed then, and the address of before has not been told.
    notice_due_at BIGINT,
    CHECK ((method IS NULL) = (sealed IS NULL) AND (method IS NULL) = (holder IS NULL) AND (method IS NULL) = (changed_at IS NULL))
);

CREATE TABLE payout_batch (
    id BIGINT PRIMARY KEY,
    currency TEXT NOT NULL,
    -- Only what was posted before.
    until BIGINT,
    actor TEXT NOT NULL,
    prepared_at BIGINT NOT NULL,
    exported_at BIGINT,
    cancelled_at BIGINT,
    -- JSON: the heads of the journal's chains before it.
    heads TEXT NOT NULL
);

-- Whom a batch left out, and why.
CREATE TABLE payout_left_out (
    batch BIGINT NOT NULL REFERENCES payout_batch (id),
    payee BIGINT NOT NULL,
    payee_kind TEXT NOT NULL CHECK (payee_kind IN ('publisher', 'buyer')),
    why TEXT NOT NULL,
    -- Minor units, positive is the payee's.
    balance BIGINT NOT NULL,
    missing BIGINT,
    until BIGINT,
    PRIMARY KEY (batch, payee)
);

CREATE TABLE payment (
    id BIGINT PRIMARY KEY,
    batch BIGINT NOT NULL REFERENCES payout_batch (id),
    payee BIGINT NOT NULL,
    payee_kind TEXT NOT NULL CHECK (payee_kind IN ('publisher', 'buyer')),
    -- Minor units taken from the balance, the fee included.
    amount BIGINT NOT NULL CHECK (amount > 0),
    fee BIGINT NOT NULL CHECK (fee >= 0 AND fee < amount),
    currency TEXT NOT NULL,
    -- As they were when it was prepared.
    method TEXT NOT NULL CHECK (method IN ('sepa', 'manual')),
    holder TEXT NOT NULL,
    shown TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    details_at BIGINT NOT NULL,
    -- How many lines of the journal it pays.
    lines BIGINT NOT NULL CHECK (lines > 0),
    prepared_at BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('prepared', 'exported', 'settled', 'returned', 'cancelled')),
    exported_at BIGINT,
    settled_at BIGINT,
    returned_at BIGINT,
    cancelled_at BIGINT,
    reason TEXT,
    note TEXT,
    -- Whether the orders that it pays know how it ended.
    counted BOOLEAN NOT NULL
);
CREATE INDEX payment_batch ON payment (batch, id);
CREATE INDEX payment_payee ON payment (payee, id);
CREATE INDEX payment_uncounted ON payment (id) WHERE NOT counted;

-- The lines of the journal that a payment holds, its own among them; kept when it ends.
CREATE TABLE payment_line (
    payment BIGINT NOT NULL REFERENCES payment (id),
    entry BIGINT NOT NULL,
    line BIGINT NOT NULL,
    -- Minor units, debits positive.
    amount BIGINT NOT NULL,
    -- Of an order.
    conversion BIGINT,
    -- Those of a payment that was cancelled or came back are free again.
    live BOOLEAN NOT NULL,
    PRIMARY KEY (payment, entry, line)
);
-- Never twice.
CREATE UNIQUE INDEX payment_line_live ON payment_line (entry, line) WHERE live;
CREATE INDEX payment_line_conversion ON payment_line (conversion) WHERE conversion IS NOT NULL;
