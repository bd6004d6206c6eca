-- Boosts: bonuses beside the commission, what they share with other orders, and vouchers.
-- A JSON array of the bonuses that an order pays now; null for none.
ALTER TABLE conversion ADD COLUMN bonuses TEXT;

-- What all orders together take from what runs out. scope is a program or a buyer. The name is a boost's (its budget and quota), a
-- code's that is good for one order (used:…), or a chance that a buyer has once (first:…). most and uses_most are the limits under which
-- something was taken last: behind all locks they prove that nothing is taken that is not there.
CREATE TABLE boost_pot (
    scope BIGINT NOT NULL,
    name TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    uses BIGINT NOT NULL CHECK (uses >= 0),
    most BIGINT,
    uses_most BIGINT,
    -- By how much the last batch changed them.
    amount_change BIGINT NOT NULL,
    uses_change BIGINT NOT NULL,
    PRIMARY KEY (scope, name),
    CHECK (amount <= most),
    CHECK (uses <= uses_most)
);

-- Codes made together, each good for one order.
CREATE TABLE voucher_batch (
    id BIGINT NOT NULL PRIMARY KEY,
    program BIGINT NOT NULL REFERENCES program (id),
    -- The boost of the terms under whose budget they are; none for one of their own.
    boost TEXT,
    funded_by TEXT NOT NULL,
    -- Minor units of the program's currency, or percent as decimal text: one of both.
    flat BIGINT,
    percent TEXT,
    valid_from BIGINT,
    valid_until BIGINT,
    place TEXT,
    -- The link that the sheet's codes lead to.
    link BIGINT REFERENCES link (id),
    count BIGINT NOT NULL CHECK (count > 0),
    created_at BIGINT NOT NULL,
    CHECK ((flat IS NULL) <> (percent IS NULL))
);
CREATE INDEX voucher_batch_program ON voucher_batch (program, id);

CREATE TABLE voucher (
    program BIGINT NOT NULL,
    -- In the form in which codes are compared.
    folded TEXT NOT NULL,
    code TEXT NOT NULL,
    batch BIGINT NOT NULL REFERENCES voucher_batch (id),
    position BIGINT NOT NULL,
    PRIMARY KEY (program, folded)
);
CREATE UNIQUE INDEX voucher_batch_position ON voucher (batch, position);
