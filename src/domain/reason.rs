//! Why something is not paid, held or refused: one coded list, with the text that people read.

use crate::codes;

codes! {
    /// Why a sale, a share or a click does not earn, or not yet. Shown to bloggers and buyers.
    pub enum Reason {
        OtherChannel = "other_channel", "The shop credits this sale to another channel.", "La boutique attribue cette vente à un autre canal.";
        SelfReferral = "self_referral", "The buyer and the blogger are the same person.", "L’acheteur et le blogueur sont la même personne.";
        NoClick = "no_click", "The shop sent no click id with this sale.", "La boutique n’a transmis aucun identifiant de clic avec cette vente.";
        UnknownClick = "unknown_click", "The click id is not one of ours.", "L’identifiant de clic n’est pas l’un des nôtres.";
        WrongProgram = "wrong_program", "The click was on a link to another shop.", "Le clic menait vers une autre boutique.";
        ClickEmbedded = "click_embedded", "The link was loaded inside a page, not clicked.", "Le lien a été chargé dans une page, pas cliqué.";
        ClickAfterSale = "click_after_sale", "The click came after the sale.", "Le clic est postérieur à la vente.";
        ClickExpired = "click_expired", "The click is older than the program’s window.", "Le clic est plus ancien que le délai du programme.";
        StoodDown = "stood_down", "A content publisher’s click came just before.", "Le clic d’un éditeur de contenu venait juste avant.";
        NoRate = "no_rate", "The exchange rate of that day is not known yet.", "Le taux de change de ce jour n’est pas encore connu.";
        NoRule = "no_rule", "The program pays nothing for this kind of purchase.", "Le programme ne paie rien pour ce type d’achat.";
        ExcludedCategory = "excluded_category", "This category earns no commission.", "Cette catégorie ne donne droit à aucune commission.";
        ExcludedCoupon = "excluded_coupon", "Orders with this code earn no commission.", "Les commandes avec ce code ne donnent droit à aucune commission.";
        ExcludedCustomer = "excluded_customer", "Only some customers earn a commission here.", "Seuls certains clients donnent droit à une commission ici.";
        ExcludedPublisher = "excluded_publisher", "This blog earns no commission here.", "Ce blog ne donne droit à aucune commission ici.";
        BelowMinimum = "below_minimum", "The order is below the program’s minimum.", "La commande est inférieure au minimum du programme.";
        RoundsToZero = "rounds_to_zero", "The commission is less than half the smallest unit.", "La commission est inférieure à la moitié de la plus petite unité.";
        FullyRefunded = "fully_refunded", "The whole order was refunded.", "La commande entière a été remboursée.";
        Cancelled = "cancelled", "The order was cancelled.", "La commande a été annulée.";
        Rejected = "rejected", "The shop refused the sale.", "La boutique a refusé la vente.";
        SuspectTraffic = "suspect_traffic", "The click looks automated and is being checked.", "Le clic semble automatisé et il est en vérification.";
        BudgetUsedUp = "budget_used_up", "The shop pays ahead, and its credit is used up.", "La boutique paie d’avance et son crédit est épuisé.";
        ClaimWindowClosed = "claim_window_closed", "The time to claim this share is over.", "Le délai pour réclamer cette part est écoulé.";
        RefundExceedsOrder = "refund_exceeds_order", "The refund is larger than the order or its line.", "Le remboursement dépasse la commande ou sa ligne.";
        UnknownLine = "unknown_line", "The refund names a line that the order does not have.", "Le remboursement nomme une ligne absente de la commande.";
        CurrencyMismatch = "currency_mismatch", "The refund is in another currency than the sale.", "Le remboursement n’est pas dans la devise de la vente.";
        DebtLimit = "debt_limit", "Whoever it would pay owes too much first.", "Le bénéficiaire doit d’abord combler sa dette.";
        ClickHasBuyer = "click_has_buyer", "The click belongs to a buyer already.", "Le clic appartient déjà à un acheteur.";
    }
}

codes! {
    /// Why a command is refused, in order of precedence. Nothing changes but the inbox row that says so.
    pub enum Refusal {
        IdempotencyConflict = "idempotency_conflict", "This Idempotency-Key was used with another body.", "Cette Idempotency-Key a déjà servi avec un autre contenu.";
        WebhookIdConflict = "webhook_id_conflict", "This webhook-id was used with another body.", "Ce webhook-id a déjà servi avec un autre contenu.";
        UnknownType = "unknown_type", "No rule of the program’s terms names this type.", "Aucune règle des conditions du programme ne nomme ce type.";
        AmountNotPositive = "amount_not_positive", "The amount must be above zero.", "Le montant doit être supérieur à zéro.";
        OccurredInFuture = "occurred_in_future", "The time of the order lies more than 5 minutes ahead.", "L’heure de la commande est plus de 5 minutes dans le futur.";
        AmountOutOfRange = "amount_out_of_range", "An amount is beyond what can be counted exactly.", "Un montant dépasse ce qui peut être compté exactement.";
        OrderConflict = "order_conflict", "This order is known with other content.", "Cette commande est connue avec un autre contenu.";
        RefundConflict = "refund_conflict", "This number of a refund is known with other content.", "Ce numéro de remboursement est connu avec un autre contenu.";
        CurrencyMismatch = "currency_mismatch", "The refund is in another currency than the sale.", "Le remboursement n’est pas dans la devise de la vente.";
        UnknownLine = "unknown_line", "The refund names a line that the order does not have.", "Le remboursement nomme une ligne absente de la commande.";
        RefundExceedsOrder = "refund_exceeds_order", "The refund is larger than the order or its line.", "Le remboursement dépasse la commande ou sa ligne.";
        NotRecorded = "not_recorded", "The sale is not recorded yet.", "La vente n’est pas encore enregistrée.";
        NotFound = "not_found", "There is no such order.", "Cette commande n’existe pas.";
        NotDue = "not_due", "The time for this has not come.", "Le moment n’est pas venu.";
        UnknownReference = "unknown_reference", "It names a link, publisher, buyer or version of terms that is not stored.", "Il nomme un lien, un éditeur, un acheteur ou une version des conditions qui n’est pas enregistré.";
        TieConflict = "tie_conflict", "The click belongs to another buyer.", "Le clic appartient à un autre acheteur.";
        ExceedsBalance = "exceeds_balance", "The amount is larger than the balance that it would settle.", "Le montant dépasse le solde qu’il réglerait.";
        SellerUnknown = "seller_unknown", "The seller’s name is not set: PATCH /seller.", "Le nom du vendeur n’est pas défini : PATCH /seller.";
        NothingToInvoice = "nothing_to_invoice", "Nothing is owed that no document lists yet, or it comes to nothing.", "Rien n’est dû qui ne figure déjà sur un document, ou le total est nul.";
        CreditNoteNotPayable = "credit_note_not_payable", "A credit note is not paid: it lowers what the merchant owes.", "Un avoir ne se paie pas : il réduit ce que doit le commerçant.";
        CurrencyWanted = "currency_wanted", "Something is owed in several currencies: name one.", "Des sommes sont dues en plusieurs devises : nommez-en une.";
        PaymentExported = "payment_exported", "The bank has been told of this payment: it is settled or returned, no longer cancelled.", "La banque connaît ce paiement : il est réglé ou retourné, et ne s’annule plus.";
        PaymentNotExported = "payment_not_exported", "The bank has not been told of this payment: export it first.", "La banque ne connaît pas encore ce paiement : exportez-le d’abord.";
        PaymentClosed = "payment_closed", "The payment was cancelled or came back; a new run pays what is due.", "Le paiement a été annulé ou est revenu ; un nouveau versement paiera ce qui est dû.";
        NothingToExport = "nothing_to_export", "The batch holds no payment for this form.", "Le lot ne contient aucun paiement pour ce format.";
        OrderAlreadyClaimed = "order_already_claimed", "This order belongs to another buyer.", "Cette commande appartient à un autre acheteur.";
        ClaimWindowClosed = "claim_window_closed", "The time to claim this share is over.", "Le délai pour réclamer cette part est écoulé.";
        ClaimTooOld = "claim_too_old", "The order is more than a year old.", "La commande a plus d’un an.";
        TooManyClaims = "too_many_claims", "Too many claims of this buyer wait for an answer.", "Trop de réclamations de cet acheteur attendent une réponse.";
        ClaimClosed = "claim_closed", "This claim has its answer already.", "Cette réclamation a déjà reçu sa réponse.";
        ClaimNotCreditable = "claim_not_creditable", "No visit of this buyer makes the order theirs: goodwill can be paid instead.", "Aucune visite de cet acheteur ne lui donne la commande : un geste commercial est possible.";
        RateConflict = "rate_conflict", "Another rate is stored for this day.", "Un autre taux est enregistré pour ce jour.";
    }
}

impl Refusal {
    /// Whether it contradicts something stored (HTTP 409) rather than being wrong in itself (422).
    pub const fn is_conflict(self) -> bool {
        matches!(
            self,
            Self::IdempotencyConflict
                | Self::WebhookIdConflict
                | Self::OrderConflict
                | Self::RefundConflict
                | Self::TieConflict
                | Self::OrderAlreadyClaimed
                | Self::ClaimWindowClosed
                | Self::TooManyClaims
                | Self::ClaimClosed
                | Self::ClaimNotCreditable
                | Self::RateConflict
                | Self::SellerUnknown
                | Self::NothingToInvoice
                | Self::CreditNoteNotPayable
                | Self::PaymentExported
                | Self::PaymentNotExported
                | Self::PaymentClosed
                | Self::NothingToExport
        )
    }
}
