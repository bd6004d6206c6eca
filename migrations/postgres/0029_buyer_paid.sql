-- Whether the buyer has got what the order holds for them, whatever the others still wait for.
ALTER TABLE conversion ADD COLUMN buyer_paid BIGINT NOT NULL DEFAULT 0;
UPDATE conversion SET buyer_paid = 1 WHERE status IN ('payable', 'paid') AND buyer IS NOT NULL AND (SELECT SUM(-l.amount) FROM payment_line l
    JOIN payment p ON p.id = l.payment
    WHERE l.conversion = conversion.id AND p.payee_kind = 'buyer' AND p.payee = conversion.buyer AND p.status = 'settled')
    >= (SELECT COALESCE(SUM(-q.amount), 0) FROM journal_entry e JOIN posting q ON q.entry = e.id WHERE e.subject_kind = 'order'
    AND e.subject = conversion.id AND q.owner_kind = 'buyer' AND q.owner = conversion.buyer AND q.account LIKE '%:payable');

-- What credit notes bill is paid by what they take back; that is passed on too.
UPDATE invoice SET passed_on_at = NULL WHERE series = 'credit_note';
