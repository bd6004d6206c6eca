-- Issued invoices and credit notes. What a document says never changes.
CREATE TABLE invoice (
    id INTEGER PRIMARY KEY,
    merchant INTEGER NOT NULL,
    series TEXT NOT NULL CHECK (series IN ('invoice', 'credit_note')),
    year INTEGER NOT NULL,
    serial INTEGER NOT NULL CHECK (serial > 0),
    currency TEXT NOT NULL,
    -- Minor units; below zero on a credit note.
    net INTEGER NOT NULL CHECK (net <> 0),
    -- Percent, decimal text.
    vat_rate TEXT NOT NULL,
    vat INTEGER NOT NULL,
    vat_mention TEXT,
    -- It lists what was posted before.
    until INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    -- Days since 1970, in the installation's zone.
    issued_on INTEGER NOT NULL,
    due_on INTEGER NOT NULL,
    lines INTEGER NOT NULL CHECK (lines > 0),
    -- JSON: both parties as they were then, and the ends of the journal's chains.
    seller TEXT NOT NULL,
    buyer TEXT NOT NULL,
    heads TEXT NOT NULL,
    -- When its payment was passed on to its conversions; no part of the document.
    passed_on_at INTEGER,
    UNIQUE (series, year, serial)
) STRICT;
CREATE INDEX invoice_merchant ON invoice (merchant, id);
CREATE INDEX invoice_to_pass_on ON invoice (id) WHERE passed_on_at IS NULL;

-- The postings on `merchant:owed` that a document lists. Each stands on one at most.
CREATE TABLE invoice_line (
    entry INTEGER PRIMARY KEY,
    invoice INTEGER NOT NULL,
    -- Minor units, debits positive.
    amount INTEGER NOT NULL
) STRICT;
CREATE INDEX invoice_line_invoice ON invoice_line (invoice, entry);

-- What waits for its merchant's payment.
CREATE INDEX conversion_approved ON conversion (merchant, currency) WHERE status = 'approved';
