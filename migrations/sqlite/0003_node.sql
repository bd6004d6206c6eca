-- What the processes share: the keys that seal click ids, and the leases of node numbers.
CREATE TABLE seal_key (
    number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 255),
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE node (
    number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 1023),
    -- A process's own token: who knows it may renew, release and reclaim.
    holder TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
