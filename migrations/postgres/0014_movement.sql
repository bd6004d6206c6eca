-- Entries beside orders: a subject is an order, or a document that holds money on the ledger. Those have no program.
ALTER TABLE journal_entry ADD COLUMN subject_kind TEXT NOT NULL DEFAULT 'order';
ALTER TABLE journal_entry ALTER COLUMN subject_kind DROP DEFAULT;
ALTER TABLE journal_entry ALTER COLUMN program DROP NOT NULL;
-- The lines of one account: what a payout or an invoice is made of.
CREATE INDEX posting_account ON posting (account, entry);

-- Money that moved beside orders: a fee, a goodwill bonus, a payment of a merchant, a debt written off.
CREATE TABLE movement (
    id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Whose it is; 0 for the platform.
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('merchant', 'publisher', 'buyer', 'platform')),
    owner BIGINT NOT NULL,
    -- The merchant that pays a bonus; none if the platform does.
    funder BIGINT,
    -- The invoice that a payment is for.
    invoice BIGINT,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT,
    reference TEXT,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    happened_at BIGINT NOT NULL,
    reversed_at BIGINT,
    reversed_reason TEXT
);
CREATE INDEX movement_owner ON movement (owner_kind, owner, id);
CREATE INDEX movement_invoice ON movement (invoice) WHERE invoice IS NOT NULL;
