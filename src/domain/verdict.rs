//! Why somebody refused, cancelled, adjusted or reopened a sale, and why a conversion earns nothing, less or not yet.

use crate::codes;
use crate::domain::reason::Reason;
use crate::kernel::{code::Language, fields::FieldErrors, object::Object};

/// Characters of somebody's own words.
pub const WORDS_CHARS_MAX: usize = 500;
/// Own words stand beside `other` only.
pub const UNEXPECTED_WORDS: &str = "unexpected_reason_text";

codes! {
    /// Why somebody refuses, cancels, adjusts or reopens a sale. `other` says it in words of its own. Shown to bloggers and buyers.
    pub enum VerdictReason {
        Returned = "returned", "The goods were returned.", "Les articles ont été retournés.";
        Cancelled = "cancelled", "The order was cancelled.", "La commande a été annulée.";
        Duplicate = "duplicate", "The order was counted already.", "La commande a déjà été comptée.";
        Fraud = "fraud", "The order was fraudulent.", "La commande était frauduleuse.";
        TestOrder = "test_order", "It was a test, not a purchase.", "C’était un test, pas un achat.";
        OutOfStock = "out_of_stock", "The shop could not deliver.", "La boutique n’a pas pu livrer.";
        PaymentFailed = "payment_failed", "The order was not paid.", "La commande n’a pas été payée.";
        TermsNotMet = "terms_not_met", "The order does not meet the program’s terms.", "La commande ne remplit pas les conditions du programme.";
        AlreadyCreditedElsewhere = "already_credited_elsewhere", "The shop has credited the order elsewhere.", "La boutique a déjà attribué la commande ailleurs.";
        CustomerError = "customer_error", "The customer ordered by mistake.", "Le client a commandé par erreur.";
        Other = "other", "Another reason.", "Une autre raison.";
    }
}

/// What is said of why: a code of the list, and of `other` perhaps the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    reason: VerdictReason,
    words: Option<String>,
}

impl From<VerdictReason> for Grounds {
    fn from(reason: VerdictReason) -> Self {
        Self { reason, words: None }
    }
}

impl From<&str> for Grounds {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl Grounds {
    /// Another reason, in somebody's own words.
    pub fn other(words: impl Into<String>) -> Self {
        Self { reason: VerdictReason::Other, words: Some(words.into()) }
    }

    /// What was written: a code of the list, or words of one's own, which are `other`.
    pub fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        VerdictReason::from_code(&text).map_or_else(|| Self::other(text), Self::from)
    }

    /// A stored code with its words. Before there was a list, the words stood in the place of the code. None if it is not one that we write.
    pub fn stored(reason: String, words: Option<String>) -> Option<Self> {
        match (VerdictReason::from_code(&reason), words) {
            (Some(VerdictReason::Other), Some(words)) => Some(Self::other(words)),
            (Some(reason), None) => Some(reason.into()),
            (None, None) => Some(Self::other(reason)),
            (_, Some(_)) => None,
        }
    }

    /// Reads `reason` and `reason_text`. None where nothing is said, and where it is wrong.
    pub fn read(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let said = object.optional("reason").text(WORDS_CHARS_MAX, errors).map(Self::of);
        let field = object.optional("reason_text");
        let Some(words) = field.text(WORDS_CHARS_MAX, errors) else { return said };
        if let Some(Self { reason: VerdictReason::Other, words: None }) = said {
            return Some(Self::other(words));
        }
        errors.push(field.path(), UNEXPECTED_WORDS, "words of one's own stand beside the reason `other`");
        None
    }

    /// The same, where it must be said.
    pub fn require(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Self> {
        object.required("reason", errors);
        Self::read(object, errors)
    }

    pub const fn reason(&self) -> VerdictReason {
        self.reason
    }

    /// Of `other`, if any.
    pub fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }
}

/// Why a conversion earns nothing, less or not yet: a code of one of the lists, and of `other` perhaps somebody's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    code: &'static str,
    words: Option<String>,
}

impl From<Reason> for Why {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code(), words: None }
    }
}

impl From<&Grounds> for Why {
    fn from(grounds: &Grounds) -> Self {
        Self { code: grounds.reason.code(), words: grounds.words.clone() }
    }
}

impl Why {
    /// As stored. None if no list has the code.
    pub fn stored(code: &str, words: Option<String>) -> Option<Self> {
        let said = VerdictReason::from_code(code).map(VerdictReason::code);
        let code = said.or_else(|| Reason::from_code(code).map(Reason::code))?;
        Some(Self { code, words })
    }

    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Somebody's own.
    pub fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }

    /// What a person reads: the words of who said it, or the text of the code.
    pub fn text(&self, language: Language) -> &str {
        let coded = || VerdictReason::from_code(self.code).map(|reason| reason.text(language));
        let ours = || Reason::from_code(self.code).map(|reason| reason.text(language));
        self.words().or_else(coded).or_else(ours).unwrap_or(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<Grounds>, Vec<&'static str>) {
        let mut errors = FieldErrors::default();
        let grounds = Object::parse(body.as_bytes(), &mut errors).and_then(|object| Grounds::read(&object, &mut errors));
        (grounds, errors.as_slice().iter().map(|error| error.code).collect())
    }

    #[test]
    fn words_that_are_no_code_are_another_reason() {
        assert_eq!(read("{}"), (None, vec![]));
        assert_eq!(read(r#"{"reason": "out_of_stock"}"#), (Some(VerdictReason::OutOfStock.into()), vec![]));
        assert_eq!(read(r#"{"reason": "Lost on the way"}"#), (Some(Grounds::other("Lost on the way")), vec![]));
        assert_eq!(read(r#"{"reason": "other"}"#), (Some(VerdictReason::Other.into()), vec![]));
        assert_eq!(read(r#"{"reason": "other", "reason_text": "fraud"}"#), (Some(Grounds::other("fraud")), vec![]));
    }

    #[test]
    fn words_need_the_reason_that_takes_them() {
        for body in [r#"{"reason": "fraud", "reason_text": "x"}"#, r#"{"reason_text": "x"}"#, r#"{"reason": "lost", "reason_text": "x"}"#] {
            assert_eq!(read(body), (None, vec![UNEXPECTED_WORDS]), "{body}");
        }
    }

    #[test]
    fn people_read_the_words_of_who_said_it() {
        assert_eq!(Why::from(&Grounds::other("Lost")).text(Language::Fr), "Lost");
        assert_eq!(Why::from(&VerdictReason::Other.into()).text(Language::En), "Another reason.");
        assert_eq!(Why::from(Reason::NoClick).code(), "no_click");
        assert_eq!(Why::stored("cancelled", None), Some(Why::from(&VerdictReason::Cancelled.into())));
        assert_eq!(Why::stored("nothing like that", None), None);
    }
}
