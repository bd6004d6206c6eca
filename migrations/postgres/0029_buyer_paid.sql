-- Whether the buyer has got their cashback of it, whatever the others still wait for.
ALTER TABLE conversion ADD COLUMN buyer_paid BIGINT NOT NULL DEFAULT 0;
UPDATE conversion SET buyer_paid = 1 WHERE status IN ('payable', 'paid') AND buyer IS NOT NULL AND (SELECT SUM(-l.amount) FROM payment_line l
    JOIN payment p ON p.id = l.payment WHERE l.conversion = conversion.id AND p.payee = conversion.buyer AND p.status = 'settled') >= share_buyer;

-- What credit notes bill is paid by what they take back; that is passed on too.
UPDATE invoice SET passed_on_at = NULL WHERE series = 'credit_note';
