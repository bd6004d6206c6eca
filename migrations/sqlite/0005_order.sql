-- Orders: the sets of their facts, what was looked up once when their sale was recorded, and their projections, the conversions.
CREATE TABLE orders (
    -- Also the id of the conversion.
    id INTEGER PRIMARY KEY,
    program INTEGER NOT NULL,
    goal TEXT NOT NULL,
    order_id TEXT NOT NULL,
    -- parked: no sale yet; no_rate: its sale waits for an exchange rate; recorded: it has a conversion.
    state TEXT NOT NULL CHECK (state IN ('parked', 'no_rate', 'recorded')),
    first_seen_at INTEGER NOT NULL,
    UNIQUE (program, order_id, goal)
) STRICT;
CREATE INDEX orders_waiting ON orders (state, first_seen_at) WHERE state <> 'recorded';

-- Append-only. key tells facts of one kind apart: a sale's or adjustment's revision, a refund_id, who approved.
CREATE TABLE order_fact (
    conversion INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    -- The message that brought it. Of two facts with the same key the later counts (a parked refund that its sale then refused does
    -- not keep its number).
    inbox INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (conversion, kind, key, inbox)
) STRICT, WITHOUT ROWID;

-- What decided a sale beside its facts. That of the sale's current revision counts, the earlier are kept.
CREATE TABLE order_context (
    conversion INTEGER NOT NULL,
    -- Of the sale.
    revision INTEGER NOT NULL CHECK (revision > 0),
    body TEXT NOT NULL,
    PRIMARY KEY (conversion, revision)
) STRICT, WITHOUT ROWID;

-- What is due on an order now: a reading of its facts, written anew with each of them. Amounts are minor units.
CREATE TABLE conversion (
    id INTEGER PRIMARY KEY,
    merchant INTEGER NOT NULL,
    program INTEGER NOT NULL,
    goal TEXT NOT NULL,
    order_id TEXT NOT NULL,
    status TEXT NOT NULL,
    flags TEXT NOT NULL,
    reason TEXT,
    -- In the sale's currency.
    sale_currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    -- In the program's currency.
    currency TEXT NOT NULL,
    commission INTEGER NOT NULL CHECK (commission >= 0),
    share_publisher INTEGER NOT NULL CHECK (share_publisher >= 0),
    share_buyer INTEGER NOT NULL CHECK (share_buyer >= 0),
    share_platform INTEGER NOT NULL CHECK (share_platform >= 0),
    net INTEGER NOT NULL,
    buyer INTEGER,
    -- Of the newest credit.
    publisher INTEGER,
    link INTEGER,
    click INTEGER,
    terms_version INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    -- The day of occurred_at in the installation's zone, for reports.
    day INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    approved_at INTEGER,
    payable_at INTEGER,
    claim_until INTEGER,
    -- When the clock approves it, and when its unclaimed share expires; null when it does not.
    approve_at INTEGER,
    expire_at INTEGER,
    CHECK (share_publisher + share_buyer + share_platform = commission)
) STRICT;
CREATE INDEX conversion_program ON conversion (program, id);
CREATE INDEX conversion_merchant ON conversion (merchant, id);
CREATE INDEX conversion_buyer ON conversion (buyer, id) WHERE buyer IS NOT NULL;
CREATE INDEX conversion_link ON conversion (link, day) WHERE link IS NOT NULL;
CREATE INDEX conversion_approve ON conversion (approve_at) WHERE approve_at IS NOT NULL;
CREATE INDEX conversion_expire ON conversion (expire_at) WHERE expire_at IS NOT NULL;

-- Each credited publisher's part, oldest touch first.
CREATE TABLE credit (
    conversion INTEGER NOT NULL,
    position INTEGER NOT NULL,
    publisher INTEGER NOT NULL,
    link INTEGER,
    click INTEGER,
    weight INTEGER NOT NULL CHECK (weight >= 0),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (conversion, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX credit_publisher ON credit (publisher, conversion);

-- Which orders name a click: what a sign-in looks up.
CREATE TABLE touch (
    click INTEGER NOT NULL,
    conversion INTEGER NOT NULL,
    PRIMARY KEY (click, conversion)
) STRICT, WITHOUT ROWID;

-- Clicks that a sign-in gave a buyer. The earliest stays.
CREATE TABLE click_tie (
    click INTEGER PRIMARY KEY,
    buyer INTEGER NOT NULL,
    tied_at INTEGER NOT NULL
) STRICT;

-- The order with which a merchant's own customer reference was first seen in a program.
CREATE TABLE customer (
    program INTEGER NOT NULL,
    reference TEXT NOT NULL,
    first_order INTEGER NOT NULL,
    PRIMARY KEY (program, reference)
) STRICT, WITHOUT ROWID;

-- A publisher's approved net amount in a program and month (year * 12 + month - 1): what tiers look at.
CREATE TABLE tier_base (
    program INTEGER NOT NULL,
    publisher INTEGER NOT NULL,
    month INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (program, publisher, month)
) STRICT, WITHOUT ROWID;

-- Units of a currency per euro, decimal text. The first known for a day stays.
CREATE TABLE rate (
    day INTEGER NOT NULL,
    currency TEXT NOT NULL,
    rate TEXT NOT NULL,
    -- The channel it came by.
    source TEXT NOT NULL,
    PRIMARY KEY (day, currency)
) STRICT, WITHOUT ROWID;
