-- Who takes part: merchants with their secrets, programs and terms; publishers with links and coupons; buyers; API keys.
-- changed_at is what other nodes look for to keep their catalogue fresh.
CREATE TABLE merchant (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- What a merchant signs postbacks with, sealed; several may be live.
CREATE TABLE secret (
    id INTEGER PRIMARY KEY,
    merchant INTEGER NOT NULL REFERENCES merchant (id),
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX secret_merchant ON secret (merchant);
CREATE INDEX secret_changed ON secret (changed_at);

CREATE TABLE program (
    id INTEGER PRIMARY KEY,
    merchant INTEGER NOT NULL REFERENCES merchant (id),
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    landing_url TEXT NOT NULL,
    -- A JSON array of host names in ASCII form.
    domains TEXT NOT NULL,
    click_param TEXT NOT NULL,
    pixel INTEGER NOT NULL CHECK (pixel IN (0, 1)),
    upstream INTEGER NOT NULL CHECK (upstream IN (0, 1)),
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX program_merchant ON program (merchant);
CREATE INDEX program_changed ON program (changed_at);

-- Immutable numbered versions; body is JSON as people see it, "rules" included.
CREATE TABLE terms (
    program INTEGER NOT NULL REFERENCES program (id),
    version INTEGER NOT NULL CHECK (version > 0),
    effective_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (program, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE publisher (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    kind TEXT NOT NULL,
    portal INTEGER NOT NULL CHECK (portal IN (0, 1)),
    -- Percent, decimal text.
    generosity TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX publisher_changed ON publisher (changed_at);

CREATE TABLE link (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    program INTEGER NOT NULL REFERENCES program (id),
    publisher INTEGER NOT NULL REFERENCES publisher (id),
    -- A deep link; none leads to the landing page.
    url TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX link_program ON link (program);
CREATE INDEX link_publisher ON link (publisher);
CREATE INDEX link_changed ON link (changed_at);

CREATE TABLE buyer (
    id INTEGER PRIMARY KEY,
    email TEXT,
    external_id TEXT,
    referred_by INTEGER REFERENCES buyer (id),
    created_at INTEGER NOT NULL
) STRICT;
-- One person, one buyer: two would share a cashback account's sign-in, or its number at the operator's.
CREATE UNIQUE INDEX buyer_email ON buyer (lower(email));
CREATE UNIQUE INDEX buyer_external_id ON buyer (external_id);

-- A publisher's own code.
CREATE TABLE coupon (
    id INTEGER PRIMARY KEY,
    program INTEGER NOT NULL REFERENCES program (id),
    publisher INTEGER NOT NULL REFERENCES publisher (id),
    -- As written, and in the form in which codes are compared.
    code TEXT NOT NULL,
    folded TEXT NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (program, folded)
) STRICT;

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    -- SHA-256 of the key; the key itself is shown once.
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    role TEXT NOT NULL,
    -- The merchant, publisher or buyer whose rows it sees.
    owner INTEGER,
    name TEXT,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CHECK ((role = 'operator') = (owner IS NULL))
) STRICT;
