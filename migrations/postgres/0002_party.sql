-- Who takes part: merchants with their secrets, programs and terms; publishers with links and coupons; buyers; API keys.
-- changed_at is what other nodes look for to keep their catalogue fresh.
CREATE TABLE merchant (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    created_at BIGINT NOT NULL
);

-- What a merchant signs postbacks with, sealed; several may be live.
CREATE TABLE secret (
    id BIGINT NOT NULL PRIMARY KEY,
    merchant BIGINT NOT NULL REFERENCES merchant (id),
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    changed_at BIGINT NOT NULL
);
CREATE INDEX secret_merchant ON secret (merchant);
CREATE INDEX secret_changed ON secret (changed_at);

CREATE TABLE program (
    id BIGINT NOT NULL PRIMARY KEY,
    merchant BIGINT NOT NULL REFERENCES merchant (id),
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    landing_url TEXT NOT NULL,
    -- A JSON array of host names in ASCII form.
    domains TEXT NOT NULL,
    click_param TEXT NOT NULL,
    pixel BOOLEAN NOT NULL,
    upstream BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    changed_at BIGINT NOT NULL
);
CREATE INDEX program_merchant ON program (merchant);
CREATE INDEX program_changed ON program (changed_at);

-- Immutable numbered versions; body is JSON as people see it, "rules" included.
CREATE TABLE terms (
    program BIGINT NOT NULL REFERENCES program (id),
    version BIGINT NOT NULL CHECK (version > 0),
    effective_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (program, version)
);

CREATE TABLE publisher (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    kind TEXT NOT NULL,
    portal BOOLEAN NOT NULL,
    -- Percent, decimal text.
    generosity TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX publisher_changed ON publisher (changed_at);

CREATE TABLE link (
    id BIGINT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    program BIGINT NOT NULL REFERENCES program (id),
    publisher BIGINT NOT NULL REFERENCES publisher (id),
    -- A deep link; none leads to the landing page.
    url TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    changed_at BIGINT NOT NULL
);
CREATE INDEX link_program ON link (program);
CREATE INDEX link_publisher ON link (publisher);
CREATE INDEX link_changed ON link (changed_at);

CREATE TABLE buyer (
    id BIGINT NOT NULL PRIMARY KEY,
    email TEXT,
    external_id TEXT,
    referred_by BIGINT REFERENCES buyer (id),
    created_at BIGINT NOT NULL
);
-- One person, one buyer: two would share a cashback account's sign-in, or its number at the operator's.
CREATE UNIQUE INDEX buyer_email ON buyer (lower(email));
CREATE UNIQUE INDEX buyer_external_id ON buyer (external_id);

-- A publisher's own code.
CREATE TABLE coupon (
    id BIGINT NOT NULL PRIMARY KEY,
    program BIGINT NOT NULL REFERENCES program (id),
    publisher BIGINT NOT NULL REFERENCES publisher (id),
    -- As written, and in the form in which codes are compared.
    code TEXT NOT NULL,
    folded TEXT NOT NULL,
    valid_from BIGINT,
    valid_until BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (program, folded)
);

CREATE TABLE api_key (
    id BIGINT NOT NULL PRIMARY KEY,
    -- SHA-256 of the key; the key itself is shown once.
    hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    role TEXT NOT NULL,
    -- The merchant, publisher or buyer whose rows it sees.
    owner BIGINT,
    name TEXT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    CHECK ((role = 'operator') = (owner IS NULL))
);
