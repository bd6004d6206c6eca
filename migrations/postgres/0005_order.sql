-- Orders: the sets of their facts, what was looked up once when their sale was recorded, and their projections, the conversions.
CREATE TABLE orders (
    -- Also the id of the conversion.
    id BIGINT NOT NULL PRIMARY KEY,
    program BIGINT NOT NULL,
    goal TEXT NOT NULL,
    order_id TEXT NOT NULL,
    -- parked: no sale yet; no_rate: its sale waits for an exchange rate; recorded: it has a conversion.
    state TEXT NOT NULL CHECK (state IN ('parked', 'no_rate', 'recorded')),
    first_seen_at BIGINT NOT NULL,
    UNIQUE (program, order_id, goal)
);
CREATE INDEX orders_waiting ON orders (state, first_seen_at) WHERE state <> 'recorded';

-- Append-only. key tells facts of one kind apart: a sale's or adjustment's revision, a refund_id, who approved.
CREATE TABLE order_fact (
    conversion BIGINT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    -- The message that brought it. Of two facts with the same key the later counts (a parked refund that its sale then refused does
    -- not keep its number).
    inbox BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (conversion, kind, key, inbox)
);

-- What decided a sale beside its facts. That of the sale's current revision counts, the earlier are kept.
CREATE TABLE order_context (
    conversion BIGINT NOT NULL,
    -- Of the sale.
    revision BIGINT NOT NULL CHECK (revision > 0),
    body TEXT NOT NULL,
    PRIMARY KEY (conversion, revision)
);

-- What is due on an order now: a reading of its facts, written anew with each of them. Amounts are minor units.
CREATE TABLE conversion (
    id BIGINT NOT NULL PRIMARY KEY,
    merchant BIGINT NOT NULL,
    program BIGINT NOT NULL,
    goal TEXT NOT NULL,
    order_id TEXT NOT NULL,
    status TEXT NOT NULL,
    flags TEXT NOT NULL,
    reason TEXT,
    -- In the sale's currency.
    sale_currency TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    refunded BIGINT NOT NULL CHECK (refunded >= 0),
    -- In the program's currency.
    currency TEXT NOT NULL,
    commission BIGINT NOT NULL CHECK (commission >= 0),
    share_publisher BIGINT NOT NULL CHECK (share_publisher >= 0),
    share_buyer BIGINT NOT NULL CHECK (share_buyer >= 0),
    share_platform BIGINT NOT NULL CHECK (share_platform >= 0),
    net BIGINT NOT NULL,
    buyer BIGINT,
    -- Of the newest credit.
    publisher BIGINT,
    link BIGINT,
    click BIGINT,
    terms_version BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    -- The day of occurred_at in the installation's zone, for reports.
    day BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    approved_at BIGINT,
    payable_at BIGINT,
    claim_until BIGINT,
    -- When the clock approves it, and when its unclaimed share expires; null when it does not.
    approve_at BIGINT,
    expire_at BIGINT,
    CHECK (share_publisher + share_buyer + share_platform = commission)
);
CREATE INDEX conversion_program ON conversion (program, id);
CREATE INDEX conversion_merchant ON conversion (merchant, id);
CREATE INDEX conversion_buyer ON conversion (buyer, id) WHERE buyer IS NOT NULL;
CREATE INDEX conversion_link ON conversion (link, day) WHERE link IS NOT NULL;
CREATE INDEX conversion_approve ON conversion (approve_at) WHERE approve_at IS NOT NULL;
CREATE INDEX conversion_expire ON conversion (expire_at) WHERE expire_at IS NOT NULL;

-- Each credited publisher's part, oldest touch first.
CREATE TABLE credit (
    conversion BIGINT NOT NULL,
    position BIGINT NOT NULL,
    publisher BIGINT NOT NULL,
    link BIGINT,
    click BIGINT,
    weight BIGINT NOT NULL CHECK (weight >= 0),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (conversion, position)
);
CREATE INDEX credit_publisher ON credit (publisher, conversion);

-- Which orders name a click: what a sign-in looks up.
CREATE TABLE touch (
    click BIGINT NOT NULL,
    conversion BIGINT NOT NULL,
    PRIMARY KEY (click, conversion)
);

-- Clicks that a sign-in gave a buyer. The earliest stays.
CREATE TABLE click_tie (
    click BIGINT NOT NULL PRIMARY KEY,
    buyer BIGINT NOT NULL,
    tied_at BIGINT NOT NULL
);

-- The order with which a merchant's own customer reference was first seen in a program.
CREATE TABLE customer (
    program BIGINT NOT NULL,
    reference TEXT NOT NULL,
    first_order BIGINT NOT NULL,
    PRIMARY KEY (program, reference)
);

-- A publisher's approved net amount in a program and month (year * 12 + month - 1): what tiers look at.
CREATE TABLE tier_base (
    program BIGINT NOT NULL,
    publisher BIGINT NOT NULL,
    month BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (program, publisher, month)
);

-- Units of a currency per euro, decimal text. The first known for a day stays.
CREATE TABLE rate (
    day BIGINT NOT NULL,
    currency TEXT NOT NULL,
    rate TEXT NOT NULL,
    -- The channel it came by.
    source TEXT NOT NULL,
    PRIMARY KEY (day, currency)
);
