-- What came in, with its verdict: every answer can be looked up.
CREATE TABLE inbox (
    id BIGINT NOT NULL PRIMARY KEY,
    received_at BIGINT NOT NULL,
    channel TEXT NOT NULL,
    actor TEXT NOT NULL,
    merchant BIGINT,
    program BIGINT,
    webhook_id TEXT,
    order_id TEXT,
    conversion BIGINT,
    http BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    code TEXT,
    body BYTEA NOT NULL,
    -- SHA-256 of the whole body, also where only its beginning is kept.
    body_hash BYTEA NOT NULL CHECK (length(body_hash) = 32),
    -- A JSON array of the wrong fields.
    errors TEXT
);
CREATE INDEX inbox_program ON inbox (program, id) WHERE program IS NOT NULL;
CREATE INDEX inbox_conversion ON inbox (conversion) WHERE conversion IS NOT NULL;

-- webhook-ids that are used up.
CREATE TABLE webhook_seen (
    merchant BIGINT NOT NULL,
    webhook_id TEXT NOT NULL,
    body_hash BYTEA NOT NULL CHECK (length(body_hash) = 32),
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (merchant, webhook_id)
);
