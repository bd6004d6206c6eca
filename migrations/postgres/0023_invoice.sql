-- Issued invoices and credit notes. What a document says never changes.
CREATE TABLE invoice (
    id BIGINT NOT NULL PRIMARY KEY,
    merchant BIGINT NOT NULL,
    series TEXT NOT NULL CHECK (series IN ('invoice', 'credit_note')),
    year BIGINT NOT NULL,
    serial BIGINT NOT NULL CHECK (serial > 0),
    currency TEXT NOT NULL,
    -- Minor units; below zero on a credit note.
    net BIGINT NOT NULL CHECK (net <> 0),
    -- Percent, decimal text.
    vat_rate TEXT NOT NULL,
    vat BIGINT NOT NULL,
    vat_mention TEXT,
    -- It lists what was posted before.
    until BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    -- Days since 1970, in the installation's zone.
    issued_on BIGINT NOT NULL,
    due_on BIGINT NOT NULL,
    lines BIGINT NOT NULL CHECK (lines > 0),
    -- JSON: both parties as they were then, and the ends of the journal's chains.
    seller TEXT NOT NULL,
    buyer TEXT NOT NULL,
    heads TEXT NOT NULL,
    -- When its payment was passed on to its conversions; no part of the document.
    passed_on_at BIGINT,
    UNIQUE (series, year, serial)
);
CREATE INDEX invoice_merchant ON invoice (merchant, id);
CREATE INDEX invoice_to_pass_on ON invoice (id) WHERE passed_on_at IS NULL;

-- The postings on `merchant:owed` that a document lists. Each stands on one at most.
CREATE TABLE invoice_line (
    entry BIGINT NOT NULL PRIMARY KEY,
    invoice BIGINT NOT NULL,
    -- Minor units, debits positive.
    amount BIGINT NOT NULL
);
CREATE INDEX invoice_line_invoice ON invoice_line (invoice, entry);

-- What waits for its merchant's payment.
CREATE INDEX conversion_approved ON conversion (merchant, currency) WHERE status = 'approved';
