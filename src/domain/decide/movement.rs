//! Money that moves beside orders, and its undoing.

use super::change::{Mint, empty, refused};
use crate::domain::{
    account::Account,
    command::{Moved, Outcome},
    decision::Decision,
    document::{self, Document},
    entry::{Kind, Subject},
    facts::Facts,
    movement::{Movement, Party, Payee, Reversed, What},
    order::Actor,
    reason::Refusal,
};
use crate::kernel::{currency::Currency, id::MovementId, time::Time};

pub(super) fn make(facts: &Facts, what: What, moved: &Moved, by: Actor, now: Time, mint: Mint<'_>) -> Decision {
    if let Err(refusal) = check(facts, what, moved) {
        return refused(refusal);
    }
    let movement = Movement {
        id: MovementId::from_raw(mint()),
        what,
        amount: moved.amount,
        reason: moved.reason.clone(),
        reference: moved.reference.clone(),
        by,
        at: now,
        happened_at: moved.happened_at.unwrap_or(now),
        reversed: None,
    };
    let outcome = Outcome::Moved { movement: Box::new(movement.clone()), is_new: true };
    let written = document::write(None, Document::Movement(movement), what.entry(), now, mint);
    Decision { outcome, documents: vec![written], ..empty() }
}

fn check(facts: &Facts, what: What, moved: &Moved) -> Result<(), Refusal> {
    let parties = match what {
        What::Bonus { buyer, funder } => [Some(Party::Payee(Payee::Buyer(buyer))), funder.map(Party::Merchant)],
        What::Fee { merchant } | What::Received { merchant, .. } | What::PaidBack { merchant } => [Some(Party::Merchant(merchant)), None],
        What::BankCharge => [None, None],
        What::WrittenOff { of } => [Some(of), None],
        What::Waived { by } => [Some(Party::Payee(by)), None],
    };
    let is_known = |party: Party| match party {
        Party::Merchant(id) => facts.merchants.contains_key(&id),
        Party::Payee(Payee::Publisher(id)) => facts.publishers.contains_key(&id),
        Party::Payee(Payee::Buyer(id)) => facts.buyers.contains_key(&id),
    };
    if !parties.into_iter().flatten().all(is_known) {
        return Err(Refusal::NotFound);
    }
    if let What::Received { merchant, invoice: Some(invoice) } = what {
        let fits = |document: &Document| match document {
            Document::Invoice(invoice) => invoice.draft.merchant == merchant && invoice.draft.currency == moved.amount.currency,
            Document::Movement(_) | Document::Payment(_) | Document::Statement(_) => false,
        };
        if !facts.documents.get(&Subject::Invoice(invoice)).is_some_and(fits) {
            return Err(Refusal::NotFound);
        }
    }
    if moved.amount.minor <= 0 {
        return Err(Refusal::AmountNotPositive);
    }
    // Nobody gives up, is forgiven or gets back more than there is.
    let available = match what {
        What::WrittenOff { of: Party::Payee(payee) } => held(facts, payee.payable(), moved.amount.currency),
        What::WrittenOff { of: Party::Merchant(merchant) } => held(facts, Account::MerchantOwed(merchant), moved.amount.currency),
        What::PaidBack { merchant } => -held(facts, Account::MerchantOwed(merchant), moved.amount.currency),
        What::Waived { by } => -held(facts, by.payable(), moved.amount.currency),
        _ => return Ok(()),
    };
    if moved.amount.minor > available { Err(Refusal::ExceedsBalance) } else { Ok(()) }
}

/// Debit positive.
fn held(facts: &Facts, account: Account, currency: Currency) -> i64 {
    facts.balances.get(&(account, currency)).copied().unwrap_or(0)
}

pub(super) fn reverse(facts: &Facts, id: MovementId, reason: Option<&String>, now: Time, mint: Mint<'_>) -> Decision {
    let Some(before @ Document::Movement(movement)) = facts.documents.get(&Subject::Movement(id)) else {
        return refused(Refusal::NotFound);
    };
    if movement.reversed.is_some() {
        return Decision { outcome: Outcome::Moved { movement: Box::new(movement.clone()), is_new: false }, ..empty() };
    }
    let after = Movement { reversed: Some(Reversed { at: now, reason: reason.cloned() }), ..movement.clone() };
    let outcome = Outcome::Moved { movement: Box::new(after.clone()), is_new: false };
    let written = document::write(Some(before), Document::Movement(after), Kind::Reversed, now, mint);
    Decision { outcome, documents: vec![written], ..empty() }
}
