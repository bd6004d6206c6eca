-- How merchants are invoiced.
ALTER TABLE merchant ADD COLUMN legal_name TEXT;
ALTER TABLE merchant ADD COLUMN address TEXT;
ALTER TABLE merchant ADD COLUMN country TEXT;
ALTER TABLE merchant ADD COLUMN vat_number TEXT;
-- Percent, decimal text.
ALTER TABLE merchant ADD COLUMN vat_rate TEXT NOT NULL DEFAULT '20';
ALTER TABLE merchant ADD COLUMN vat_mention TEXT;
ALTER TABLE merchant ADD COLUMN payment_days BIGINT NOT NULL DEFAULT 30 CHECK (payment_days >= 0);
ALTER TABLE merchant ADD COLUMN prepaid BOOLEAN NOT NULL DEFAULT FALSE;

-- The last number of each series of documents, by year. Written in the transaction that issues, so that no number is left out.
CREATE TABLE series (
    series TEXT NOT NULL,
    year BIGINT NOT NULL,
    last BIGINT NOT NULL CHECK (last > 0),
    PRIMARY KEY (series, year)
);
