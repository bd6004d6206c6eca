//! What refusals say, by code, for the document: the codes of the edge and of wrong fields, beside those of the domain's lists.

use crate::{
    codes,
    domain::{
        reason::{Reason, Refusal},
        verdict::VerdictReason,
    },
    kernel::{code::Language, signature::SignatureError},
};
use serde_json::{Map, Value, json};

codes! {
    /// A code that no list of the domain has.
    pub enum Code {
        AccountSealed = "account_sealed", "An account does not open: the server has not the master key that sealed it.", "Un compte ne s’ouvre pas : le serveur n’a pas la clé maîtresse qui l’a scellé.";
        BodyIncomplete = "body_incomplete", "The body did not come whole, or not in time.", "Le corps n’est pas arrivé en entier, ou pas à temps.";
        BuyerExists = "buyer_exists", "Another buyer has this e-mail address or external id.", "Un autre acheteur a cette adresse ou cet identifiant externe.";
        CodeTaken = "code_taken", "The program has this coupon code already.", "Le programme a déjà ce code promo.";
        OperatorOnly = "operator_only", "The operator alone may change this; write to them.", "L’opérateur seul peut modifier cela ; écrivez-lui.";
        DateInFuture = "date_in_future", "That day, or that moment, has not come yet.", "Ce jour, ou cet instant, n’est pas encore venu.";
        DuplicateColumn = "duplicate_column", "A column stands there twice.", "Une colonne y figure deux fois.";
        DuplicateField = "duplicate_field", "The same name stands there more than once.", "Le même nom y figure plusieurs fois.";
        EffectiveInPast = "effective_in_past", "Terms never change what has happened.", "Des conditions ne changent jamais le passé.";
        EmptyList = "empty_list", "At least one element is wanted.", "Il faut au moins un élément.";
        EmptyTable = "empty_table", "The first line must name the columns.", "La première ligne doit nommer les colonnes.";
        ExactlyOneReward = "exactly_one_reward", "Either `flat` or `percent_of_buyer_share`.", "Soit `flat`, soit `percent_of_buyer_share`.";
        ExactlyOneWay = "exactly_one_way", "Exactly one of the ways to pay is wanted.", "Il faut exactement une façon de payer.";
        Forbidden = "forbidden", "A key of another role is needed.", "Il faut une clé d’un autre rôle.";
        HeaderTooLong = "header_too_long", "The first line is longer than 1 MiB, or names more than 1,024 columns.", "La première ligne dépasse 1 Mio, ou nomme plus de 1 024 colonnes.";
        ImmutableField = "immutable_field", "This never changes; the detail says why.", "Cela ne change jamais ; le détail dit pourquoi.";
        Internal = "internal", "Something went wrong on our side.", "Une erreur est survenue de notre côté.";
        IbanNotSepa = "iban_not_sepa", "The account’s country takes no SEPA transfers.", "Le pays du compte ne reçoit pas de virements SEPA.";
        InvalidAmount = "invalid_amount", "Not an amount such as 12.34.", "Ce n’est pas un montant comme 12.34.";
        InvalidBic = "invalid_bic", "Not a BIC of 8 or 11 characters.", "Ce n’est pas un BIC de 8 ou 11 caractères.";
        InvalidClickParam = "invalid_click_param", "1 to 64 ASCII letters, digits, `.`, `_` or `-` are wanted.", "Il faut 1 à 64 lettres ASCII, chiffres, `.`, `_` ou `-`.";
        InvalidCountry = "invalid_country", "Not two letters of ISO 3166 such as FR.", "Ce ne sont pas deux lettres d’ISO 3166 comme FR.";
        InvalidCursor = "invalid_cursor", "Not the `next` of a page of this list.", "Ce n’est pas le `next` d’une page de cette liste.";
        InvalidDate = "invalid_date", "Not a date such as 2026-11-22.", "Ce n’est pas une date comme 2026-11-22.";
        InvalidDomain = "invalid_domain", "Not a host name such as shop.example.", "Ce n’est pas un nom d’hôte comme shop.example.";
        InvalidEmail = "invalid_email", "Not an e-mail address.", "Ce n’est pas une adresse e-mail.";
        InvalidIban = "invalid_iban", "Not an IBAN: length or check digits are wrong.", "Ce n’est pas un IBAN : longueur ou clé de contrôle fausse.";
        InvalidId = "invalid_id", "Not an id of that kind.", "Ce n’est pas un identifiant de ce type.";
        InvalidIdempotencyKey = "invalid_idempotency_key", "One Idempotency-Key of 1 to 255 characters is wanted.", "Il faut une seule Idempotency-Key de 1 à 255 caractères.";
        InvalidPercent = "invalid_percent", "Not a percentage from 0 to 100 with at most 4 decimals.", "Ce n’est pas un pourcentage de 0 à 100 avec 4 décimales au plus.";
        InvalidRate = "invalid_rate", "Not a rate: units per euro, above 0.", "Ce n’est pas un taux : unités par euro, au-dessus de 0.";
        InvalidSlug = "invalid_slug", "1 to 64 ASCII letters, digits, `_` or `-` are wanted.", "Il faut 1 à 64 lettres ASCII, chiffres, `_` ou `-`.";
        InvalidText = "invalid_text", "Not UTF-8, or with U+0000 or an unpaired surrogate.", "Pas de l’UTF-8, ou avec U+0000 ou une demi-paire.";
        InvalidTime = "invalid_time", "Not a time such as 2026-11-22T09:00:00Z.", "Ce n’est pas un instant comme 2026-11-22T09:00:00Z.";
        InvalidType = "invalid_type", "JSON of another type is wanted.", "Il faut un autre type de JSON.";
        InvalidUrl = "invalid_url", "Not an absolute http or https URL.", "Ce n’est pas une URL absolue http ou https.";
        ItemsMismatch = "items_mismatch", "The items do not add up to the amount.", "La somme des lignes n’est pas le montant.";
        KeyInvalid = "key_invalid", "There is no such key, or it is revoked.", "Cette clé n’existe pas ou a été révoquée.";
        KeyMissing = "key_missing", "Send the key as `Authorization: Bearer <key>`.", "Envoyez la clé dans `Authorization: Bearer <clé>`.";
        LastOperatorKey = "last_operator_key", "This is the last live key of an operator.", "C’est la dernière clé valide d’un opérateur.";
        LinkEnded = "link_ended", "This link is no longer in use.", "Ce lien n’est plus utilisé.";
        MethodNotAllowed = "method_not_allowed", "This address does not take that method.", "Cette adresse n’accepte pas cette méthode.";
        MissingColumn = "missing_column", "A column is missing; the detail names it.", "Il manque une colonne ; le détail la nomme.";
        MissingField = "missing_field", "This field is required.", "Ce champ est obligatoire.";
        NegativeAmount = "negative_amount", "0 or more is wanted.", "Il faut 0 ou plus.";
        NegativeLine = "negative_line", "A line’s total is 0 or more.", "Le total d’une ligne est de 0 ou plus.";
        NoDebtor = "no_debtor", "Nobody has said yet whose account payouts are debited from.", "Le compte débité par les versements n’est pas encore indiqué.";
        NoPixel = "no_pixel", "This program takes no unsigned messages.", "Ce programme n’accepte pas de messages sans signature.";
        NotCsv = "not_csv", "The body is not CSV.", "Le corps n’est pas du CSV.";
        NotJson = "not_json", "The body is not JSON.", "Le corps n’est pas du JSON.";
        NotReady = "not_ready", "The database does not answer.", "La base de données ne répond pas.";
        NotText = "not_text", "Not CSV text in UTF-8.", "Ce n’est pas du texte CSV en UTF-8.";
        NotUpstream = "not_upstream", "Only a program that a network pays for reports commissions.", "Seul un programme payé par un réseau indique des commissions.";
        OutOfRange = "out_of_range", "Outside of what is possible there.", "Hors de ce qui est possible ici.";
        PlatformFunds = "platform_funds", "Only the operator lets the platform pay.", "Seul l’opérateur peut faire payer la plateforme.";
        ProgramEnded = "program_ended", "This offer has ended.", "Cette offre est terminée.";
        RateLimited = "rate_limited", "Too many requests; see `Retry-After`.", "Trop de demandes ; voir `Retry-After`.";
        ReservedType = "reserved_type", "Refund, cancel, approve and reject are no goals.", "Refund, cancel, approve et reject ne sont pas des objectifs.";
        SlugTaken = "slug_taken", "Another link has this slug.", "Un autre lien a ce nom.";
        SplitNot100 = "split_not_100", "The shares do not add up to exactly 100.", "Les parts ne font pas exactement 100.";
        TiersNotAscending = "tiers_not_ascending", "Tiers ascend, the first from 0.", "Les paliers montent, le premier part de 0.";
        TooLarge = "too_large", "The body is too large.", "Le corps est trop grand.";
        TooLong = "too_long", "The text is too long.", "Le texte est trop long.";
        TooMany = "too_many", "The list is too long.", "La liste est trop longue.";
        TooManyDecimals = "too_many_decimals", "The currency has fewer decimals.", "La devise a moins de décimales.";
        Unavailable = "unavailable", "Not known to be stored: send it again.", "L’enregistrement n’est pas confirmé : renvoyez la demande.";
        UnexpectedReasonText = "unexpected_reason_text", "Words of one’s own stand beside the reason `other` only.", "Un texte libre n’accompagne que le motif `other`.";
        UnexpectedOwner = "unexpected_owner", "An operator’s key belongs to nobody.", "La clé d’un opérateur n’appartient à personne.";
        UnknownBoost = "unknown_boost", "The terms in effect have no such boost.", "Les conditions en vigueur n’ont pas ce boost.";
        UnknownBuyer = "unknown_buyer", "There is no such buyer.", "Cet acheteur n’existe pas.";
        UnknownColumn = "unknown_column", "A column that is not known; the detail names it.", "Une colonne inconnue ; le détail la nomme.";
        UnknownCurrency = "unknown_currency", "Not an ISO 4217 code in upper case with minor units.", "Ce n’est pas un code ISO 4217 en majuscules avec des subdivisions.";
        UnknownField = "unknown_field", "No field or parameter here has this name.", "Aucun champ ou paramètre ne porte ce nom ici.";
        UnknownLink = "unknown_link", "This link does not exist.", "Ce lien n’existe pas.";
        UnknownMacro = "unknown_macro", "Not one of the macros, or before the host’s end.", "Ce n’est pas l’une des macros, ou elle précède la fin de l’hôte.";
        UnknownMerchant = "unknown_merchant", "There is no such merchant.", "Ce marchand n’existe pas.";
        UnknownOwner = "unknown_owner", "There is no such merchant, publisher or buyer.", "Ce marchand, cet éditeur ou cet acheteur n’existe pas.";
        UnknownProgram = "unknown_program", "There is no such program.", "Ce programme n’existe pas.";
        UnknownPublisher = "unknown_publisher", "There is no such publisher.", "Cet éditeur n’existe pas.";
        UnknownWord = "unknown_word", "Not one of the words that are known there.", "Ce n’est pas l’un des mots connus ici.";
        UriTooLong = "uri_too_long", "The address is too long.", "L’adresse est trop longue.";
        UrlNotAllowed = "url_not_allowed", "Not on a domain of the program, or not https.", "Hors des domaines du programme, ou sans https.";
    }
}

/// The texts of a code, English first; none if no list has it.
pub fn texts(code: &str) -> Option<[&'static str; 2]> {
    let both = |text: &dyn Fn(Language) -> &'static str| [text(Language::En), text(Language::Fr)];
    Code::from_code(code)
        .map(|found| both(&|language| found.text(language)))
        .or_else(|| Refusal::from_code(code).map(|found| both(&|language| found.text(language))))
        .or_else(|| SignatureError::from_code(code).map(|found| both(&|language| found.text(language))))
        .or_else(|| Reason::from_code(code).map(|found| both(&|language| found.text(language))))
        .or_else(|| VerdictReason::from_code(code).map(|found| both(&|language| found.text(language))))
}

/// `{"slug_taken": {"en": …, "fr": …}}`
pub fn described<'a>(codes: impl IntoIterator<Item = &'a str>) -> Map<String, Value> {
    let text = |code: &str| texts(code).map_or_else(|| json!({}), |[en, fr]| json!({"en": en, "fr": fr}));
    codes.into_iter().map(|code| (code.to_owned(), text(code))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_texts_once() {
        for code in Code::ALL {
            let elsewhere = Refusal::from_code(code.code()).is_some() || SignatureError::from_code(code.code()).is_some();
            assert!(!elsewhere, "{code} stands in a list of the domain already");
        }
        assert_eq!(texts("slug_taken").map(|[_, fr]| fr), Some("Un autre lien a ce nom."));
        assert_eq!(texts("order_conflict").map(|[en, _]| en), Some(Refusal::OrderConflict.text(Language::En)));
        assert_eq!(texts("nothing_like_that"), None);
    }
}
