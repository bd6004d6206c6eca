-- What reports read, folded by the folder (engine/folder.rs) from what clicks and conversions leave in click_fold and sale_fold.

-- ISO 3166 letters of where the address was; null without consent, or where no database of addresses is configured.
ALTER TABLE click ADD COLUMN country TEXT CHECK (country IS NULL OR length(country) = 2);

-- Clicks that the roll-ups do not hold yet: one row a transaction of the click writer, written with its clicks.
CREATE TABLE click_fold (
    -- Of its first click.
    id BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

-- Conversions that changed since they were folded: one row a transaction of the ledger, written with what it changed.
CREATE TABLE sale_fold (
    -- Of its first message.
    id BIGINT NOT NULL PRIMARY KEY,
    -- An array of their numbers.
    conversions TEXT NOT NULL
);

-- As what each conversion stands in the roll-ups: the next change posts new - old against this.
CREATE TABLE report_sale (
    conversion BIGINT NOT NULL PRIMARY KEY,
    -- Of the order; days since 1970-01-01, in the installation's zone.
    day BIGINT NOT NULL,
    program BIGINT NOT NULL,
    -- 0: none.
    publisher BIGINT NOT NULL,
    link BIGINT NOT NULL,
    -- Whose words these are; null where no click is credited.
    click BIGINT,
    -- Whether that click was stored when it was looked up.
    found BOOLEAN NOT NULL,
    country TEXT NOT NULL,
    referrer TEXT NOT NULL,
    agent TEXT NOT NULL,
    sub1 TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- 0: unattributed, rejected, or taken away.
    conversions BIGINT NOT NULL CHECK (conversions IN (0, 1)),
    commission BIGINT NOT NULL
);
CREATE INDEX report_sale_day ON report_sale (day);

-- Conversions and commission by day, link, publisher and program; as click_stat has the clicks.
CREATE TABLE sale_stat (
    day BIGINT NOT NULL,
    link BIGINT NOT NULL,
    publisher BIGINT NOT NULL,
    program BIGINT NOT NULL,
    currency TEXT NOT NULL,
    conversions BIGINT NOT NULL,
    commission BIGINT NOT NULL,
    PRIMARY KEY (day, link, publisher, program, currency)
);

-- Clicks and conversions of a day by country, referrer, agent and sub-id: of a link, a publisher's part of a
-- program (link 0), a publisher (link and program 0), a program (link and publisher 0), the installation (all 0). Each text is an object of
-- {"value": [raw, counted]} or {"value": [raw, counted, {"EUR": [conversions, commission]}]}.
CREATE TABLE report_part (
    day BIGINT NOT NULL,
    link BIGINT NOT NULL,
    publisher BIGINT NOT NULL,
    program BIGINT NOT NULL,
    country TEXT NOT NULL,
    referrer TEXT NOT NULL,
    agent TEXT NOT NULL,
    sub1 TEXT NOT NULL,
    PRIMARY KEY (day, link, publisher, program)
);

CREATE TABLE report_state (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Counts the folds: two of them at once, and the second begins anew.
    version BIGINT NOT NULL,
    -- The version of the words that values are told by. 0: nothing is folded yet, and everything stored is to be.
    words BIGINT NOT NULL
);
INSERT INTO report_state (id, version, words) VALUES (1, 0, 0);
