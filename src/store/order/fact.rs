//! The stored JSON of an order's facts beside its sale: private mirror structs. Ids as text, times as microseconds, amounts as minor units.
use super::{Fact, FoundJson, SaleJson, Text, TouchJson, json, loyalty_of, loyalty_text, owned, read};
use crate::domain::{
    decision::FactKind,
    order::{Actor, Adjust, ClaimFact, ClaimFound, Order, Paid, RefundFact, Reopened, Tie, Verdict},
    sale::{Refund, RefundLine},
    verdict::Grounds,
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClaimId, ClickId, InboxId},
    money::Money,
    time::Time,
};
use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundJson<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<RefundLineJson<'a>>>,
    #[serde(default, skip_serializing_if = "Turn::is_first")]
    revision: Turn,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundLineJson<'a> {
    sku: Text<'a>,
    quantity: i64,
    amount: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictJson<'a> {
    by: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason_text: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReopenedJson<'a> {
    reason: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason_text: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdjustJson<'a> {
    amount: i64,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason_text: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TieJson {
    buyer: BuyerId,
    click: ClickId,
    self_referral: bool,
    #[serde(default, skip_serializing_if = "Turn::is_first")]
    revision: Turn,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimJson<'a> {
    claim: ClaimId,
    #[serde(borrow)]
    touches: Vec<TouchJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    found: Option<FoundJson>,
    closed: bool,
    #[serde(default, skip_serializing_if = "Turn::is_first")]
    revision: Turn,
}

/// Which of the facts in one place it is, from 1. Not said of the first, nor of those from before it was counted: of them the later message
/// counts.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Turn(u32);

impl Default for Turn {
    fn default() -> Self {
        Self(1)
    }
}

impl Turn {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    const fn is_first(&self) -> bool {
        self.0 == 1
    }
}

/// The body of a fact without content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NothingJson {}

/// The row of a fact that a change added; its content stands in the order.
pub(super) fn row(order: &Order, kind: &FactKind, inbox: InboxId, at: Time) -> Result<Fact, StoreError> {
    let absent = || StoreError::corrupt("order_fact", "kind", format_args!("{}: the order lacks the fact {kind:?}", order.id));
    let (word, key, at, body) = match kind {
        FactKind::Sale => {
            let fact = order.sale.as_ref().ok_or_else(absent)?;
            ("sale", fact.revision.to_string(), at, json(&SaleJson::from(fact))?)
        }
        FactKind::Refund(id) => {
            let fact = order.refunds.get(id).ok_or_else(absent)?;
            ("refund", id.clone(), fact.at, json(&RefundJson::from(fact))?)
        }
        FactKind::Cancel => {
            let verdict = order.cancel.as_ref().ok_or_else(absent)?;
            ("cancel", round(verdict), verdict.at, json(&VerdictJson::from(verdict))?)
        }
        FactKind::Reject => {
            let verdict = order.reject.as_ref().ok_or_else(absent)?;
            ("reject", round(verdict), verdict.at, json(&VerdictJson::from(verdict))?)
        }
        FactKind::Reopen => {
            let reopened = order.reopened.as_ref().ok_or_else(absent)?;
            let body = ReopenedJson { reason: code(&reopened.reason), reason_text: words(&reopened.reason) };
            ("reopen", reopened.revision.to_string(), reopened.at, json(&body)?)
        }
        FactKind::Approve(by) => {
            let at = order.approvals.by(*by).ok_or_else(absent)?;
            ("approve", by.word().to_owned(), at, json(&NothingJson {})?)
        }
        FactKind::Adjust => {
            let adjust = order.adjust.as_ref().ok_or_else(absent)?;
            ("adjust", adjust.revision.to_string(), adjust.at, json(&AdjustJson::from(adjust))?)
        }
        FactKind::Tie => {
            let tie = order.tie.ok_or_else(absent)?;
            let body = TieJson { buyer: tie.buyer, click: tie.click, self_referral: tie.self_referral, revision: Turn(tie.revision) };
            ("tie", String::new(), tie.at, json(&body)?)
        }
        FactKind::Claim(buyer) => {
            let claim = order.claims.get(buyer).ok_or_else(absent)?;
            ("claim", buyer.to_string(), claim.at, json(&ClaimJson::from(claim))?)
        }
        FactKind::MerchantPaid => ("merchant_paid", String::new(), order.merchant_paid.ok_or_else(absent)?, json(&NothingJson {})?),
        FactKind::Loyalty => {
            let found = order.loyalty.as_ref().ok_or_else(absent)?;
            ("loyalty", found.revision.to_string(), found.at, loyalty_text(found)?)
        }
        FactKind::Paid => {
            let paid = order.paid.as_ref().ok_or_else(absent)?;
            let covered: BTreeMap<String, i64> = paid.covered.iter().map(|(payee, minor)| (payee.to_string(), *minor)).collect();
            ("paid", paid.revision.to_string(), paid.at, json(&covered)?)
        }
        FactKind::Expire => ("expire", String::new(), order.expired.ok_or_else(absent)?, json(&NothingJson {})?),
    };
    Ok(Fact { conversion: order.id, kind: word.to_owned(), key, inbox, at, body })
}

fn words(grounds: &Grounds) -> Option<Text<'_>> {
    grounds.words().map(Text::Borrowed)
}

fn grounds(reason: Text<'_>, words: Option<Text<'_>>) -> Option<Grounds> {
    Grounds::stored(reason.into_owned(), owned(words))
}

fn code(grounds: &Grounds) -> Text<'_> {
    grounds.reason().code().into()
}

/// What is stored where nothing need be said.
#[expect(clippy::option_option, reason = "unreadable, or nothing said")]
fn said(reason: Option<Text<'_>>, words: Option<Text<'_>>) -> Option<Option<Grounds>> {
    match reason {
        Some(reason) => grounds(reason, words).map(Some),
        None => words.is_none().then_some(None),
    }
}

/// The key of a refusal: nothing unless the order was reopened before.
fn round(verdict: &Verdict) -> String {
    if verdict.round == 0 { String::new() } else { verdict.round.to_string() }
}

/// A stored refusal, if it is none that a later round has replaced.
#[expect(clippy::option_option, reason = "unreadable, or none")]
fn refusal(key: &str, body: &str, at: Time, known: Option<Verdict>) -> Option<Option<Verdict>> {
    let round = if key.is_empty() { 0 } else { revision(key)? };
    let verdict = read::<VerdictJson>(body)?.into_verdict(at, round)?;
    Some(known.filter(|known| known.round > round).or(Some(verdict)))
}

/// They count from 1.
fn revision(key: &str) -> Option<u32> {
    key.parse().ok().filter(|revision| *revision > 0)
}

/// Adds a stored fact to its order. Of two with the same key the later counts. None if it is not one that we write.
pub(super) fn add(order: &mut Order, fact: &Fact) -> Option<()> {
    let Fact { kind, key, at, body, .. } = fact;
    match kind.as_str() {
        "sale" => {
            let revision = revision(key)?;
            if order.sale.as_ref().is_none_or(|known| known.revision <= revision) {
                order.sale = Some(read::<SaleJson>(body)?.into_fact(revision)?);
            }
        }
        "refund" => {
            let fact = read::<RefundJson>(body)?.into_fact(*at)?;
            if order.refunds.get(key).is_none_or(|known| known.revision <= fact.revision) {
                order.refunds.insert(key.clone(), fact);
            }
        }
        "cancel" => order.cancel = refusal(key, body, *at, order.cancel.take())?,
        "reject" => order.reject = refusal(key, body, *at, order.reject.take())?,
        "reopen" => {
            let revision = revision(key)?;
            let ReopenedJson { reason, reason_text } = read(body)?;
            if order.round() <= revision {
                order.reopened = Some(Reopened { reason: grounds(reason, reason_text)?, at: *at, revision });
            }
        }
        "approve" => {
            read::<NothingJson>(body)?;
            order.approvals.set(Actor::from_word(key)?, *at);
        }
        "adjust" => {
            let revision = revision(key)?;
            let AdjustJson { amount, currency, reason, reason_text } = read(body)?;
            let reason = said(reason, reason_text)?;
            let adjust = Adjust { amount: Money::new(amount, currency), reason, at: *at, revision, room: amount };
            order.adjust = Some(match order.adjust.take() {
                Some(later) if later.revision > revision => later.after(Some(&adjust)),
                earlier => adjust.after(earlier.as_ref()),
            });
        }
        "tie" => {
            let TieJson { buyer, click, self_referral, revision: Turn(revision) } = read(body)?;
            if order.tie.is_none_or(|known| known.revision <= revision) {
                order.tie = Some(Tie { buyer, click, at: *at, self_referral, revision });
            }
        }
        "claim" => {
            let (buyer, fact) = (key.parse().ok()?, read::<ClaimJson>(body)?.into_fact(*at)?);
            if order.claims.get(&buyer).is_none_or(|known| known.revision <= fact.revision) {
                order.claims.insert(buyer, fact);
            }
        }
        "merchant_paid" => {
            read::<NothingJson>(body)?;
            order.merchant_paid = Some(*at);
        }
        "expire" => {
            read::<NothingJson>(body)?;
            order.expired = Some(*at);
        }
        "loyalty" => {
            let revision = revision(key)?;
            if order.loyalty.as_ref().is_none_or(|known| known.revision <= revision) {
                order.loyalty = Some(loyalty_of(body, revision, *at)?);
            }
        }
        "paid" => {
            let revision = revision(key)?;
            let covered = read::<BTreeMap<String, i64>>(body)?;
            let covered = covered.into_iter().map(|(payee, minor)| Some((payee.parse().ok()?, minor))).collect::<Option<_>>()?;
            if order.paid.as_ref().is_none_or(|known| known.revision <= revision) {
                order.paid = Some(Paid { covered, at: *at, revision });
            }
        }
        _ => return None,
    }
    Some(())
}

impl<'a> From<&'a RefundFact> for RefundJson<'a> {
    fn from(fact: &'a RefundFact) -> Self {
        let revision = Turn(fact.revision);
        let line = |line: &'a RefundLine| RefundLineJson { sku: line.sku.as_str().into(), quantity: line.quantity, amount: line.amount };
        match &fact.refund {
            Refund::Amount(money) => Self { amount: Some(money.minor), currency: money.currency, lines: None, revision },
            Refund::Lines { currency, lines } => {
                Self { amount: None, currency: *currency, lines: Some(lines.iter().map(line).collect()), revision }
            }
        }
    }
}

impl RefundJson<'_> {
    fn into_fact(self, at: Time) -> Option<RefundFact> {
        let line = |line: RefundLineJson| RefundLine { sku: line.sku.into_owned(), quantity: line.quantity, amount: line.amount };
        let refund = match (self.amount, self.lines) {
            (Some(amount), None) => Refund::Amount(Money::new(amount, self.currency)),
            (None, Some(lines)) => Refund::Lines { currency: self.currency, lines: lines.into_iter().map(line).collect() },
            _ => return None,
        };
        Some(RefundFact { refund, at, revision: self.revision.0 })
    }
}

impl<'a> From<&'a Verdict> for VerdictJson<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        let reason = verdict.reason.as_ref();
        Self { by: verdict.by.word().into(), reason: reason.map(code), reason_text: reason.and_then(words) }
    }
}

impl VerdictJson<'_> {
    fn into_verdict(self, at: Time, round: u32) -> Option<Verdict> {
        Some(Verdict { by: Actor::from_word(&self.by)?, reason: said(self.reason, self.reason_text)?, at, round })
    }
}

impl From<&ClaimFact> for ClaimJson<'_> {
    fn from(fact: &ClaimFact) -> Self {
        Self {
            claim: fact.claim,
            touches: fact.touches.iter().map(TouchJson::from).collect(),
            found: fact.found.map(FoundJson::from),
            closed: fact.closed,
            revision: Turn(fact.revision),
        }
    }
}

impl ClaimJson<'_> {
    fn into_fact(self, at: Time) -> Option<ClaimFact> {
        let touches = self.touches.into_iter().map(TouchJson::into_known).collect::<Option<_>>()?;
        Some(ClaimFact {
            claim: self.claim,
            at,
            revision: self.revision.0,
            touches,
            found: self.found.map(ClaimFound::from),
            closed: self.closed,
        })
    }
}

impl<'a> From<&'a Adjust> for AdjustJson<'a> {
    fn from(adjust: &'a Adjust) -> Self {
        let Adjust { amount, reason, .. } = adjust;
        let reason = reason.as_ref();
        Self { amount: amount.minor, currency: amount.currency, reason: reason.map(code), reason_text: reason.and_then(words) }
    }
}
