//! The fields of requests that move money: how much, whose, why, and when it moved.

use super::{Field, Kind, REASON_CHARS_MAX};
use crate::{
    domain::{
        command::Moved,
        movement::{Party, Payee},
    },
    kernel::{
        fields::FieldErrors,
        id::{BuyerId, MerchantId, PublisherId},
        money::Money,
        object::{self, Object},
        time::{SECOND, Time},
    },
};

/// As many characters as a bank's reference has (SEPA: 140, four lines of 35).
const REFERENCE_CHARS_MAX: usize = 140;

/// Money moved at most so far ahead: clocks differ. Microseconds.
const AHEAD_MAX: i64 = 300 * SECOND;

/// A money object, as requests have it.
const MONEY: Kind =
    Kind::Object(&[Field::required("amount", Kind::Amount, "Above zero."), Field::required("currency", Kind::Currency, "Its currency.")]);
pub const AMOUNT: Field = Field::required("amount", MONEY, "How much.");
pub const WHY: Field = Field::required("reason", Kind::Text { chars_max: REASON_CHARS_MAX }, "Why; whose money it is reads it.");
pub const NOTE: Field = Field::optional("reason", Kind::Text { chars_max: REASON_CHARS_MAX }, "Why.");
pub const REFERENCE: Field =
    Field::optional("reference", Kind::Text { chars_max: REFERENCE_CHARS_MAX }, "The bank's, or the merchant's own.");
pub const RECEIVED_AT: Field = Field::optional("received_at", Kind::Time, "When the money came; now if left out.");
pub const PAID_AT: Field = Field::optional("paid_at", Kind::Time, "When the money left; now if left out.");
/// `{"amount": "12.34", "currency": "EUR"}`.
pub fn money(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Money> {
    let money = object.required("amount", errors).object(errors)?;
    let currency = money.required("currency", errors).currency(errors);
    let amount = money.required("amount", errors);
    let minor = amount.minor_from_zero(currency?, errors);
    money.only(&["amount", "currency"], errors);
    Some(Money::new(minor?, currency?))
}

pub fn reason(field: &object::Field<'_, '_>, errors: &mut FieldErrors) -> Option<String> {
    field.full_text(REASON_CHARS_MAX, errors)
}

pub fn reference(object: &Object<'_>, errors: &mut FieldErrors) -> Option<String> {
    object.optional("reference").full_text(REFERENCE_CHARS_MAX, errors)
}

/// Whoever may owe; the platform does not owe itself.
pub fn party(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Party> {
    let field = object.required("owner", errors);
    let text = field.text(32, errors)?;
    let publisher = || text.parse::<PublisherId>().ok().map(|id| Party::Payee(Payee::Publisher(id)));
    let buyer = || text.parse::<BuyerId>().ok().map(|id| Party::Payee(Payee::Buyer(id)));
    let merchant = || text.parse::<MerchantId>().ok().map(Party::Merchant);
    let party = publisher().or_else(buyer).or_else(merchant);
    if party.is_none() {
        errors.push(field.path(), "invalid_id", "mer_…, pub_… or buy_… is wanted");
    }
    party
}

/// Without a reason or reference, moved when it is entered.
pub fn moved(amount: Money) -> Moved {
    Moved { amount, reason: None, reference: None, happened_at: None }
}

/// When money came or went. It is told afterwards: at most 5 minutes ahead, for clocks differ.
pub fn happened_at(object: &Object<'_>, name: &'static str, now: Time, errors: &mut FieldErrors) -> Option<Time> {
    let field = object.optional(name);
    let at = field.time(errors)?;
    if at.since(now) > AHEAD_MAX {
        errors.push(field.path(), "date_in_future", "it lies more than 5 minutes ahead");
        return None;
    }
    Some(at)
}

/// What left the bank account.
pub fn paid(object: &Object<'_>, now: Time, errors: &mut FieldErrors) -> Option<Moved> {
    let amount = money(object, errors);
    let reason = reason(&object.optional("reason"), errors);
    let happened_at = happened_at(object, "paid_at", now, errors);
    let reference = reference(object, errors);
    Some(Moved { reason, reference, happened_at, ..moved(amount?) })
}
