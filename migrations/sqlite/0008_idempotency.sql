-- First answers to POSTs that carried an Idempotency-Key, kept for a day at least: the same request again gets the same answer again.
CREATE TABLE idempotency (
    -- A number made of the API key, the path and the Idempotency-Key: what rows are found by. The three themselves decide.
    scope INTEGER NOT NULL,
    -- 0 for a whole answer, and for the mark that a batch was begun; a batch's items have 1, 2, …
    item INTEGER NOT NULL,
    api_key INTEGER NOT NULL,
    path TEXT NOT NULL,
    token TEXT NOT NULL,
    -- SHA-256 of the request's body; of a batch's whole body.
    body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
    status INTEGER NOT NULL,
    -- The answer's bytes; under the master key where they hold a secret.
    answer BLOB NOT NULL,
    sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),
    kept_at INTEGER NOT NULL,
    PRIMARY KEY (scope, item, api_key, path, token)
) STRICT;
CREATE INDEX idempotency_kept ON idempotency (kept_at);
