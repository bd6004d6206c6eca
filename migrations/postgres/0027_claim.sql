-- Claims of missing cashback: what a buyer says they bought, and every step until it is answered. Their money is the order's.
CREATE TABLE claim (
    id BIGINT NOT NULL PRIMARY KEY,
    buyer BIGINT NOT NULL,
    merchant BIGINT NOT NULL,
    program BIGINT NOT NULL,
    order_id TEXT NOT NULL,
    -- In the program's currency.
    amount BIGINT CHECK (amount > 0),
    currency TEXT,
    ordered_at BIGINT,
    note TEXT,
    made_at BIGINT NOT NULL,
    -- The buyer's click that proves the visit.
    visit_click BIGINT,
    visit_link BIGINT,
    visit_publisher BIGINT,
    -- Of the last step.
    state TEXT NOT NULL,
    -- When the merchant's time to answer is over; null unless it waits for that.
    answer_by BIGINT,
    UNIQUE (program, order_id, buyer)
);
CREATE INDEX claim_buyer ON claim (buyer, id);
CREATE INDEX claim_merchant ON claim (merchant, id);
CREATE INDEX claim_answer_by ON claim (answer_by) WHERE answer_by IS NOT NULL;

-- Append-only.
CREATE TABLE claim_step (
    claim BIGINT NOT NULL,
    -- From 1.
    position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL,
    answer_by BIGINT,
    conversion BIGINT,
    movement BIGINT,
    reason TEXT,
    text TEXT,
    PRIMARY KEY (claim, position)
);

-- Whose visits prove a claim: the few clicks of signed-in buyers, so other clicks cost nothing.
CREATE INDEX click_buyer ON click (buyer, id) WHERE buyer IS NOT NULL;
CREATE INDEX click_tie_buyer ON click_tie (buyer, click);

-- The same person's account as a buyer.
ALTER TABLE publisher ADD COLUMN buyer BIGINT;

-- When an unclaimed share went elsewhere; until now only its order knew.
ALTER TABLE conversion ADD COLUMN expired_at BIGINT;
UPDATE conversion SET expired_at = (SELECT f.at FROM order_fact f WHERE f.conversion = conversion.id AND f.kind = 'expire')
    WHERE id IN (SELECT conversion FROM order_fact WHERE kind = 'expire');
