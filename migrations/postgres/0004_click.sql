-- Clicks. No secondary index: at 10 million rows one on (link, time) costs 95 % of the insert rate. Reports read click_stat.
CREATE TABLE click (
    id BIGINT NOT NULL PRIMARY KEY,
    link BIGINT NOT NULL,
    quality BIGINT NOT NULL CHECK (quality BETWEEN 0 AND 5),
    consent BOOLEAN NOT NULL,
    buyer BIGINT,
    address TEXT,
    -- User-Agent and Referer: numbers of phrases.
    agent BIGINT,
    referrer BIGINT,
    sub1 TEXT,
    sub2 TEXT,
    sub3 TEXT,
    sub4 TEXT,
    sub5 TEXT,
    -- The deep link that was asked for.
    url TEXT
);

-- Texts that come again and again; id is the first 63 bits of the text's SHA-256.
CREATE TABLE phrase (
    id BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL
);

-- Clicks by day (since 1970-01-01, in the installation's zone) and link, written with them.
CREATE TABLE click_stat (
    day BIGINT NOT NULL,
    link BIGINT NOT NULL,
    raw BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    PRIMARY KEY (day, link),
    CHECK (counted >= 0 AND counted <= raw)
);
