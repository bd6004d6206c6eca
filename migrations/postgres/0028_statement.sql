-- What self-billed statements say of a publisher.
CREATE TABLE publisher_billing (
    publisher BIGINT PRIMARY KEY,
    -- JSON: name, address, numbers.
    party TEXT NOT NULL,
    -- Percent, decimal text.
    vat_rate TEXT NOT NULL,
    vat_mention TEXT,
    -- Since when the platform may write their invoices.
    mandate_at BIGINT,
    -- When the operator found number and rate to be right.
    vat_confirmed_at BIGINT
);

-- Issued self-billed statements. What one says never changes.
CREATE TABLE statement (
    id BIGINT PRIMARY KEY,
    publisher BIGINT NOT NULL,
    -- With which it was drawn up.
    payment BIGINT NOT NULL UNIQUE,
    year BIGINT NOT NULL,
    serial BIGINT NOT NULL CHECK (serial > 0),
    currency TEXT NOT NULL,
    -- Minor units; below zero if more was taken back than earned.
    net BIGINT NOT NULL CHECK (net <> 0),
    vat_rate TEXT NOT NULL,
    vat BIGINT NOT NULL,
    vat_mention TEXT,
    mandate_at BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    -- Days since 1970, in the installation's zone.
    issued_on BIGINT NOT NULL,
    lines BIGINT NOT NULL CHECK (lines > 0),
    -- JSON: both parties as they were then, and the ends of the journal's chains.
    seller TEXT NOT NULL,
    buyer TEXT NOT NULL,
    heads TEXT NOT NULL,
    UNIQUE (year, serial)
);
CREATE INDEX statement_publisher ON statement (publisher, id);

-- The postings on `publisher:payable` that a statement lists. Each stands on one at most, also if its payment comes back.
CREATE TABLE statement_line (
    entry BIGINT NOT NULL,
    line BIGINT NOT NULL,
    statement BIGINT NOT NULL,
    -- Minor units, debits positive.
    amount BIGINT NOT NULL,
    PRIMARY KEY (entry, line)
);
CREATE INDEX statement_line_statement ON statement_line (statement, entry, line);

-- The statement that was drawn up with a payment.
ALTER TABLE payment ADD COLUMN statement BIGINT;
