-- A merchant's own movements, and the bonuses that it pays.
CREATE INDEX movement_merchant ON movement ((CASE WHEN owner_kind = 'merchant' THEN owner ELSE funder END), id);
