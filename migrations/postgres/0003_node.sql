-- What the processes share: the keys that seal click ids, and the leases of node numbers.
CREATE TABLE seal_key (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number BETWEEN 0 AND 255),
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE node (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number BETWEEN 0 AND 1023),
    -- A process's own token: who knows it may renew, release and reclaim.
    holder TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
