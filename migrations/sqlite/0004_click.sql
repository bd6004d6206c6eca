-- Clicks. No secondary index: at 10 million rows one on (link, time) costs 95 % of the insert rate. Reports read click_stat.
CREATE TABLE click (
    id INTEGER PRIMARY KEY,
    link INTEGER NOT NULL,
    quality INTEGER NOT NULL CHECK (quality BETWEEN 0 AND 5),
    consent INTEGER NOT NULL CHECK (consent IN (0, 1)),
    buyer INTEGER,
    address TEXT,
    -- User-Agent and Referer: numbers of phrases.
    agent INTEGER,
    referrer INTEGER,
    sub1 TEXT,
    sub2 TEXT,
    sub3 TEXT,
    sub4 TEXT,
    sub5 TEXT,
    -- The deep link that was asked for.
    url TEXT
) STRICT;

-- Texts that come again and again; id is the first 63 bits of the text's SHA-256.
CREATE TABLE phrase (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

-- Clicks by day (since 1970-01-01, in the installation's zone) and link, written with them.
CREATE TABLE click_stat (
    day INTEGER NOT NULL,
    link INTEGER NOT NULL,
    raw INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    PRIMARY KEY (day, link),
    CHECK (counted >= 0 AND counted <= raw)
) STRICT, WITHOUT ROWID;
