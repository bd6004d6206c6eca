-- What self-billed statements say of a publisher.
CREATE TABLE publisher_billing (
    publisher INTEGER PRIMARY KEY,
    -- JSON: name, address, numbers.
    party TEXT NOT NULL,
    -- Percent, decimal text.
    vat_rate TEXT NOT NULL,
    vat_mention TEXT,
    -- Since when the platform may write their invoices.
    mandate_at INTEGER,
    -- When the operator found number and rate to be right.
    vat_confirmed_at INTEGER
) STRICT;

-- Issued self-billed statements. What one says never changes.
CREATE TABLE statement (
    id INTEGER PRIMARY KEY,
    publisher INTEGER NOT NULL,
    -- With which it was drawn up.
    payment INTEGER NOT NULL UNIQUE,
    year INTEGER NOT NULL,
    serial INTEGER NOT NULL CHECK (serial > 0),
    currency TEXT NOT NULL,
    -- Minor units; below zero if more was taken back than earned.
    net INTEGER NOT NULL CHECK (net <> 0),
    vat_rate TEXT NOT NULL,
    vat INTEGER NOT NULL,
    vat_mention TEXT,
    mandate_at INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    -- Days since 1970, in the installation's zone.
    issued_on INTEGER NOT NULL,
    lines INTEGER NOT NULL CHECK (lines > 0),
    -- JSON: both parties as they were then, and the ends of the journal's chains.
    seller TEXT NOT NULL,
    buyer TEXT NOT NULL,
    heads TEXT NOT NULL,
    UNIQUE (year, serial)
) STRICT;
CREATE INDEX statement_publisher ON statement (publisher, id);

-- The postings on `publisher:payable` that a statement lists. Each stands on one at most, also if its payment comes back.
CREATE TABLE statement_line (
    entry INTEGER NOT NULL,
    line INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    -- Minor units, debits positive.
    amount INTEGER NOT NULL,
    PRIMARY KEY (entry, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX statement_line_statement ON statement_line (statement, entry, line);

-- The statement that was drawn up with a payment.
ALTER TABLE payment ADD COLUMN statement INTEGER;
