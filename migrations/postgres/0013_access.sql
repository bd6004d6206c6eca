-- A merchant reads its own messages, newest first, by the page.
CREATE INDEX inbox_merchant ON inbox (merchant, id) WHERE merchant IS NOT NULL;
