//! The bonuses of a receipt: what each boost pays, and from what.

use super::ReasonText;
use crate::codes;
use crate::domain::{
    due::{self, Due},
    loyalty::{BonusKind, Offer, Part, Seen},
    order::Order,
    pot::Pot,
    terms::{Terms, boost::Funder},
};
use crate::kernel::{code::Language, currency::Currency, id::BuyerId, money::Money, percent::Percent};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

codes! {
    /// Why a bonus pays nothing, or less than was worked out.
    pub enum BonusReason {
        BudgetUsedUp = "budget_used_up", "The budget of this bonus did not hold more.", "Le budget de ce bonus ne permettait pas davantage.";
        QuotaUsedUp = "quota_used_up", "This code had been used as often as it may be.", "Ce code avait déjà servi autant de fois que permis.";
        VoucherUsed = "voucher_used", "This voucher was used for another order.", "Ce bon a servi pour une autre commande.";
        FirstOrderRewarded = "first_order_rewarded", "Another order was rewarded as the first one.", "Une autre commande a été récompensée comme la première.";
        UsedUp = "used_up", "Nothing was left of this bonus.", "Il ne restait rien de ce bonus.";
        OrderRejected = "order_rejected", "The shop refused the order, and the bonus went with it.", "La boutique a refusé la commande, et le bonus avec elle.";
        OrderCancelled = "order_cancelled", "The order was cancelled, and the bonus with it.", "La commande a été annulée, et le bonus avec elle.";
        NothingLeft = "nothing_left", "Nothing is left of the order, and so of its bonus.", "Il ne reste rien de la commande, ni donc de son bonus.";
    }
}

/// What a boost pays, and from what it was worked out. Amounts in the program's currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptBonus)]
pub struct BonusLine {
    #[schema(value_type = BonusKind)]
    pub kind: &'static str,
    pub boost: String,
    #[schema(value_type = Funder)]
    pub funded_by: &'static str,
    /// Who gets it.
    #[schema(required)]
    pub buyer: Option<BuyerId>,
    /// Of the buyer's share, before it faded; null for a fixed amount, and where the order ended.
    #[schema(required)]
    pub percent: Option<Percent>,
    /// The buyer's share that a percentage is of.
    #[schema(required)]
    pub share: Option<Money>,
    /// Whole days since the buyer's last order.
    #[schema(required)]
    pub days: Option<i64>,
    /// The buyer's approved amount that a tier was chosen by.
    #[schema(required)]
    pub base: Option<Money>,
    /// Minor units before the rounding, as a fraction.
    pub exact: String,
    /// Rounded half up.
    pub wanted: Money,
    /// What was left of a budget; 0 where a code, a quota or a first order was used up.
    #[schema(required)]
    pub cap: Option<Money>,
    /// What it pays.
    pub amount: Money,
    /// Why that is less than was worked out.
    #[schema(required)]
    pub reason: Option<ReasonText>,
}

/// What every boost pays; of an order that pays none any more, what each would have paid, and why it does not.
pub(super) fn lines(order: &Order, due: &Due, terms: &Terms, to: Currency) -> Vec<BonusLine> {
    let of = |due: &Due, lost: Option<BonusReason>| -> Vec<BonusLine> {
        let parts = due.workings.offers.iter().flat_map(|offer| offer.parts.iter().map(move |part| (offer, part)));
        let is_told = |part: &Part| lost.is_none() || part.amount() > 0;
        parts.filter(|(_, part)| is_told(part)).map(|(offer, part)| line(offer, part, lost, due.shares.buyer, to)).collect()
    };
    match without_its_end(order, due) {
        None => of(due, None),
        Some((before, why)) => due::due(&before, terms).ok().flatten().map(|before| of(&before, Some(why))).unwrap_or_default(),
    }
}

/// An order whose end took its bonuses, as if that had not come.
fn without_its_end(order: &Order, due: &Due) -> Option<(Order, BonusReason)> {
    let order = order.clone();
    if order.loyalty.is_none() {
        None
    } else if order.rejection().is_some() {
        Some((Order { reject: None, cancel: None, ..order }, BonusReason::OrderRejected))
    } else if order.cancellation().is_some() {
        Some((Order { cancel: None, ..order }, BonusReason::OrderCancelled))
    } else if due.earns() && !due.workings.left.is_anything_left() {
        Some((Order { refunds: BTreeMap::new(), adjust: None, ..order }, BonusReason::NothingLeft))
    } else {
        None
    }
}

/// What a part was cut by. Of several things that may have been used up the order does not say which it was.
fn cut_by(offer: &Offer, part: &Part) -> Option<BonusReason> {
    let cap = part.cap.filter(|cap| *cap < part.wanted)?;
    if cap > 0 {
        // Only money can be there in part.
        return Some(BonusReason::BudgetUsedUp);
    }
    let may = offer.pots.iter().flat_map(|(pot, limit)| {
        let once = match pot {
            Pot::Boost(..) => BonusReason::QuotaUsedUp,
            Pot::Voucher(..) => BonusReason::VoucherUsed,
            Pot::Welcome(_) | Pot::Referral(_) => BonusReason::FirstOrderRewarded,
        };
        [limit.amount.map(|_| BonusReason::BudgetUsedUp), limit.uses.map(|_| once)]
    });
    match may.flatten().collect::<Vec<_>>().as_slice() {
        [only] => Some(*only),
        _ => Some(BonusReason::UsedUp),
    }
}

/// `share` is the buyer's.
fn line(offer: &Offer, part: &Part, lost: Option<BonusReason>, share: i64, to: Currency) -> BonusLine {
    let money = |minor| Money::new(minor, to);
    let (percent, days, base) = match part.seen {
        // The share that it was worked out from is gone with the order.
        _ if lost.is_some() => (None, None, None),
        Seen::Flat => (None, None, None),
        Seen::Percent(percent) => (Some(percent), None, None),
        Seen::Days { percent, days } => (Some(percent), Some(days), None),
        Seen::Base { percent, base } => (Some(percent), None, Some(money(base))),
    };
    let text = |reason: BonusReason| ReasonText {
        code: reason.code(),
        en: reason.text(Language::En).to_owned(),
        fr: reason.text(Language::Fr).to_owned(),
    };
    BonusLine {
        kind: offer.kind.word(),
        boost: offer.boost.clone(),
        funded_by: offer.funded_by.word(),
        buyer: Some(part.buyer),
        percent,
        share: percent.map(|_| money(share)),
        days,
        base,
        exact: part.exact.to_string(),
        wanted: money(part.wanted),
        cap: part.cap.map(money),
        amount: money(if lost.is_some() { 0 } else { part.amount() }),
        reason: lost.or_else(|| cut_by(offer, part)).map(text),
    }
}
