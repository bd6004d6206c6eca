//! `decide`: what one command comes to, given the facts. Pure and total; all checks come before the first effect.

mod acts;
mod change;
mod claim;
mod invoice;
mod loyalty;
mod movement;
mod payout;
mod record;
mod replay;
mod restore;
mod tie;

pub use change::{Mint, due_of};
pub use invoice::{currency as currency_of, listed};
pub use replay::{Replay, Replayed};

use crate::domain::{
    command::{Act, Command, Outcome},
    decision::Decision,
    facts::Facts,
    rate::Rate,
    reason::Refusal,
};
use crate::kernel::{currency::Currency, id::ConversionId, time::Day};
use change::{empty, refused};

pub fn decide(facts: &Facts, command: &Command, mint: Mint<'_>) -> Decision {
    let Some(once) = &command.once else { return judge(facts, command, mint) };
    if let Some(kept) = facts.kept.get(&once.slot) {
        let same = kept.body_hash == once.body_hash;
        let outcome = if same { Outcome::Replayed(kept.clone()) } else { Outcome::Refused(Refusal::IdempotencyConflict) };
        return Decision { outcome, about: known(facts, command), ..empty() };
    }
    let decision = judge(facts, command, mint);
    Decision { kept: once.keep(&decision.outcome), ..decision }
}

/// The order that it is about, if it is one that was known before.
fn known(facts: &Facts, command: &Command) -> Option<ConversionId> {
    command.act.key().and_then(|key| facts.orders.get(key)).map(|order| order.id)
}

fn judge(facts: &Facts, command: &Command, mint: Mint<'_>) -> Decision {
    let message = &command.message;
    let used = message.webhook_id.as_ref().zip(message.merchant).map(|(id, merchant)| (merchant, id.clone(), message.body_hash));
    let conflict =
        used.as_ref().is_some_and(|(merchant, id, hash)| facts.webhooks.get(&(*merchant, id.clone())).is_some_and(|seen| seen != hash));
    let mut decision = if conflict { refused(Refusal::WebhookIdConflict) } else { act(facts, command, mint) };
    claim::follow(facts, &mut decision, message.received_at);
    decision.about = decision.about.or_else(|| known(facts, command));
    if command.test {
        return Decision { outcome: Outcome::Test(Box::new(decision.outcome)), ..empty() };
    }
    let uses_up = matches!(decision.outcome.http(), 200..=299 | 409 | 422);
    decision.webhook = used.filter(|_| uses_up && !conflict);
    decision
}

fn act(facts: &Facts, command: &Command, mint: Mint<'_>) -> Decision {
    let now = command.message.received_at;
    let by = command.message.by;
    let step = match &command.act {
        Act::Sale { key, sale } => record::sale(facts, key, sale, now, mint),
        Act::Release { key } => record::release(facts, key, now, mint),
        Act::Refund { key, refund_id, refund } => acts::refund(facts, key, refund_id, refund, now, mint),
        Act::Cancel { key, reason } => acts::cancel(facts, key, by, reason.clone(), now, mint),
        Act::Reject { key, reason } => acts::reject(facts, key, by, reason.clone(), now, mint),
        Act::Reopen { key, reason } => acts::reopen(facts, key, reason, now, mint),
        Act::Approve { key } => acts::approve(facts, key, by, now, mint),
        Act::Adjust { key, amount, reason } => acts::adjust(facts, key, *amount, reason.clone(), now, mint),
        Act::MerchantPaid { key } => acts::merchant_paid(facts, key, now, mint),
        Act::CreditCovers { key } => acts::credit_covers(facts, key, now, mint),
        Act::InvoicePaid { key, merchant } => acts::invoice_paid(facts, key, *merchant, now, mint),
        Act::Expire { key } => acts::expire(facts, key, now, mint),
        Act::Tie { buyer, clicks } => return tie::tie(facts, *buyer, clicks, now, mint),
        Act::Rates { day, rates } => return self::rates(facts, *day, rates),
        Act::Claim(new) => return claim::make(facts, new, by, now, mint),
        Act::Answer { claim, answer, .. } => return claim::answer(facts, *claim, answer, by, now, mint),
        Act::Move(what, moved) => return movement::make(facts, *what, moved, by, now, mint),
        Act::Invoice { merchant, currency, until } => return invoice::issue(facts, *merchant, *currency, *until, now, mint),
        Act::Reverse { movement, reason } => return movement::reverse(facts, *movement, reason.as_ref(), now, mint),
        Act::Payout(step) => return payout::step(facts, step, by, now, mint),
        Act::CountPaid { key } => acts::count_paid(facts, key, now, mint),
        Act::Restore(restored) => return restore::restore(facts, restored, now, mint),
        Act::Refused { http, code, .. } => Ok((Outcome::Noted { http: *http, code }, Vec::new())),
    };
    match step {
        Ok((outcome, changes)) => Decision { outcome, about: changes.first().map(|c| c.order.id), changes, ..empty() },
        Err(refusal) => refused(refusal),
    }
}

/// The first rate stored for a day and currency stays; decisions may rest on it.
fn rates(facts: &Facts, day: Day, rates: &[(Currency, Rate)]) -> Decision {
    let known = |currency| facts.rates.get(day, currency);
    if rates.iter().any(|(currency, rate)| known(*currency).is_some_and(|stored| stored != *rate)) {
        return refused(Refusal::RateConflict);
    }
    let new: Vec<_> =
        rates.iter().filter(|(currency, _)| known(*currency).is_none()).map(|(currency, rate)| (day, *currency, *rate)).collect();
    Decision { outcome: Outcome::RatesStored { new: new.len() }, rates: new, ..empty() }
}
