-- First answers to POSTs that carried an Idempotency-Key, kept for a day at least: the same request again gets the same answer again.
CREATE TABLE idempotency (
    -- A number made of the API key, the path and the Idempotency-Key: what rows are found by. The three themselves decide.
    scope BIGINT NOT NULL,
    -- 0 for a whole answer, and for the mark that a batch was begun; a batch's items have 1, 2, …
    item BIGINT NOT NULL,
    api_key BIGINT NOT NULL,
    path TEXT NOT NULL,
    token TEXT NOT NULL,
    -- SHA-256 of the request's body; of a batch's whole body.
    body_hash BYTEA NOT NULL CHECK (length(body_hash) = 32),
    status BIGINT NOT NULL,
    -- The answer's bytes; under the master key where they hold a secret.
    answer BYTEA NOT NULL,
    sealed BOOLEAN NOT NULL,
    kept_at BIGINT NOT NULL,
    PRIMARY KEY (scope, item, api_key, path, token)
);
CREATE INDEX idempotency_kept ON idempotency (kept_at);
