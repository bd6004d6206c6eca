-- Claims of missing cashback: what a buyer says they bought, and every step until it is answered. Their money is the order's.
CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    buyer INTEGER NOT NULL,
    merchant INTEGER NOT NULL,
    program INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    -- In the program's currency.
    amount INTEGER CHECK (amount > 0),
    currency TEXT,
    ordered_at INTEGER,
    note TEXT,
    made_at INTEGER NOT NULL,
    -- The buyer's click that proves the visit.
    visit_click INTEGER,
    visit_link INTEGER,
    visit_publisher INTEGER,
    -- Of the last step.
    state TEXT NOT NULL,
    -- When the merchant's time to answer is over; null unless it waits for that.
    answer_by INTEGER,
    UNIQUE (program, order_id, buyer)
) STRICT;
CREATE INDEX claim_buyer ON claim (buyer, id);
CREATE INDEX claim_merchant ON claim (merchant, id);
CREATE INDEX claim_answer_by ON claim (answer_by) WHERE answer_by IS NOT NULL;

-- Append-only.
CREATE TABLE claim_step (
    claim INTEGER NOT NULL,
    -- From 1.
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL,
    answer_by INTEGER,
    conversion INTEGER,
    movement INTEGER,
    reason TEXT,
    text TEXT,
    PRIMARY KEY (claim, position)
) STRICT, WITHOUT ROWID;

-- Whose visits prove a claim: the few clicks of signed-in buyers, so other clicks cost nothing.
CREATE INDEX click_buyer ON click (buyer, id) WHERE buyer IS NOT NULL;
CREATE INDEX click_tie_buyer ON click_tie (buyer, click);

-- The same person's account as a buyer.
ALTER TABLE publisher ADD COLUMN buyer INTEGER;

-- When an unclaimed share went elsewhere; until now only its order knew.
ALTER TABLE conversion ADD COLUMN expired_at INTEGER;
UPDATE conversion SET expired_at = (SELECT f.at FROM order_fact f WHERE f.conversion = conversion.id AND f.kind = 'expire')
    WHERE id IN (SELECT conversion FROM order_fact WHERE kind = 'expire');
