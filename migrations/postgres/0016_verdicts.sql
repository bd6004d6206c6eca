-- Tables of verdicts, which merchants send too: whose an import is.
ALTER TABLE import DROP CONSTRAINT import_kind_check;
ALTER TABLE import ADD CONSTRAINT import_kind_check CHECK (kind IN ('clicks', 'sales', 'rates', 'verdicts'));
-- The merchant that sent it; none if the operator did.
ALTER TABLE import ADD COLUMN merchant BIGINT;
CREATE INDEX import_merchant ON import (merchant, id) WHERE merchant IS NOT NULL;
