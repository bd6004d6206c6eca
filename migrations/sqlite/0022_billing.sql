-- How merchants are invoiced.
ALTER TABLE merchant ADD COLUMN legal_name TEXT;
ALTER TABLE merchant ADD COLUMN address TEXT;
ALTER TABLE merchant ADD COLUMN country TEXT;
ALTER TABLE merchant ADD COLUMN vat_number TEXT;
-- Percent, decimal text.
ALTER TABLE merchant ADD COLUMN vat_rate TEXT NOT NULL DEFAULT '20';
ALTER TABLE merchant ADD COLUMN vat_mention TEXT;
ALTER TABLE merchant ADD COLUMN payment_days INTEGER NOT NULL DEFAULT 30 CHECK (payment_days >= 0);
ALTER TABLE merchant ADD COLUMN prepaid INTEGER NOT NULL DEFAULT 0 CHECK (prepaid IN (0, 1));

-- The last number of each series of documents, by year. Written in the transaction that issues, so that no number is left out.
CREATE TABLE series (
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    last INTEGER NOT NULL CHECK (last > 0),
    PRIMARY KEY (series, year)
) STRICT;
