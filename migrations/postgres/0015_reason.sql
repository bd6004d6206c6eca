-- Why a sale was refused is a code; words of one's own stand beside `other`.
ALTER TABLE conversion ADD COLUMN reason_text TEXT;
UPDATE conversion SET reason_text = reason, reason = 'other' WHERE status = 'rejected' AND reason NOT IN
    ('rejected', 'returned', 'cancelled', 'duplicate', 'fraud', 'test_order', 'out_of_stock', 'payment_failed', 'terms_not_met',
     'already_credited_elsewhere', 'customer_error', 'other');
