//! What a key sees of a row that it may see.
//!
//! Who bought is shown to the operator and to that buyer alone: neither merchants nor publishers may link a buyer's purchases across shops.
//! A publisher sees its own part of what it shares with rivals, and of theirs only what explains its own cents: weights and amounts,
//! without names.

use super::Scope;
use crate::domain::{
    account::{Account, Stage},
    buyer::Buyer,
    cashback,
    command::Outcome,
    conversion::Conversion,
    payee::Payee,
    receipt::{BonusReason, CreditLine, PostingLine, Receipt, TouchLine},
    terms::{Rule, Terms, boost},
};
use crate::kernel::id::PublisherId;

impl Scope {
    /// Its publisher, link and click become those of the publisher's own newest credit.
    pub fn conversion(self, mut conversion: Conversion) -> Conversion {
        conversion.buyer = conversion.buyer.filter(|id| self.is_buyer(*id));
        // A referrer's part is not the friend's to see.
        if let Self::Buyer(id) = self {
            conversion.bonuses.retain(|bonus| bonus.buyer == Some(id));
        }
        for bonus in &mut conversion.bonuses {
            bonus.buyer = bonus.buyer.filter(|id| self.is_buyer(*id));
        }
        if let Self::Publisher(id) = self {
            conversion.credits.retain(|credit| credit.publisher == id);
        }
        conversion.cashback = self.reads_cashback().then(|| cashback::cashback(&conversion)).flatten();
        conversion
    }

    /// What was bought and comes back is the buyer's business.
    const fn reads_cashback(self) -> bool {
        matches!(self, Self::All | Self::Buyer(_))
    }

    /// What a message came to, as its sender learns it.
    pub fn outcome(self, outcome: Outcome) -> Outcome {
        let seen = |conversion: Box<Conversion>| Box::new(self.conversion(*conversion));
        match outcome {
            Outcome::Recorded(conversion) => Outcome::Recorded(seen(conversion)),
            Outcome::Duplicate(conversion) => Outcome::Duplicate(conversion.map(seen)),
            Outcome::Unattributed(conversion) => Outcome::Unattributed(seen(conversion)),
            Outcome::Test(inner) => Outcome::Test(Box::new(self.outcome(*inner))),
            other => other,
        }
    }

    /// Who brought a buyer is the operator's to know.
    pub fn buyers_row(self, buyer: Buyer) -> Buyer {
        Buyer { referred_by: buyer.referred_by.filter(|id| self.is_buyer(*id)), ..buyer }
    }

    /// What other publishers were promised is theirs: a publisher sees the rules that may apply to it, and itself alone in their lists.
    pub fn terms(self, terms: &Terms) -> Terms {
        let mut terms = terms.clone();
        if let Self::Publisher(id) = self {
            let own = |rule: &Rule| rule.when.publishers.as_ref().is_none_or(|publishers| publishers.contains(&id));
            terms.commission.retain(own);
            for publishers in terms.commission.iter_mut().filter_map(|rule| rule.when.publishers.as_mut()) {
                *publishers = vec![id];
            }
            // Whoever knows a voucher may use it.
            for boost in &mut terms.boosts {
                if let boost::Kind::Voucher(voucher) = &mut boost.kind {
                    voucher.codes.clear();
                }
            }
        }
        terms
    }

    /// Every step that leads to the amounts of whoever reads it.
    pub fn receipt(self, mut receipt: Receipt) -> Receipt {
        receipt.buyer = receipt.buyer.filter(|id| self.is_buyer(*id));
        if let Self::Buyer(id) = self {
            receipt.bonuses.retain(|bonus| bonus.buyer == Some(id));
        }
        for bonus in &mut receipt.bonuses {
            bonus.buyer = bonus.buyer.filter(|id| self.is_buyer(*id));
            // What the buyer did elsewhere and when is theirs.
            if bonus.buyer.is_none() {
                (bonus.days, bonus.base) = (None, None);
                bonus.reason = bonus.reason.take().filter(|reason| reason.code != BonusReason::FirstOrderRewarded.code());
            }
        }
        receipt.cashback = receipt.cashback.filter(|_| self.reads_cashback());
        if let Self::Publisher(id) = self {
            receipt.sale.coupon_publisher = receipt.sale.coupon_publisher.filter(|publisher| self.names_publisher(*publisher));
            receipt.touches = receipt.touches.into_iter().map(|touch| own_touch(touch, id)).collect();
            // Tiers look at the newest credit; its publisher's sales of the month are that publisher's secret.
            let newest = receipt.split.as_ref().and_then(|split| split.credits.last()).and_then(|credit| credit.publisher);
            if let Some(commission) = &mut receipt.commission {
                let as_sold = commission.as_sold.iter_mut().flat_map(|most| &mut most.rules);
                for rule in commission.rules.iter_mut().chain(as_sold) {
                    rule.tier_base = rule.tier_base.filter(|_| newest == Some(id));
                }
            }
            if let Some(split) = &mut receipt.split {
                split.credits = std::mem::take(&mut split.credits).into_iter().map(|credit| own_credit(credit, id)).collect();
            }
        }
        receipt.payments.retain(|line| match (self, line.payee) {
            (Self::All, _) => true,
            (Self::Publisher(id), Payee::Publisher(payee)) => id == payee,
            (Self::Buyer(id), Payee::Buyer(payee)) => id == payee,
            _ => false,
        });
        for entry in &mut receipt.entries {
            entry.postings = self.postings(std::mem::take(&mut entry.postings));
        }
        receipt
    }

    /// The accounts of those who stay unnamed become one of each stage, so that an entry still adds up.
    fn postings(self, postings: Vec<PostingLine>) -> Vec<PostingLine> {
        let mut seen: Vec<PostingLine> = Vec::with_capacity(postings.len());
        for PostingLine { account, amount } in postings {
            let account = account.parse().ok().and_then(|account| self.unnamed(account)).unwrap_or(account);
            match seen.iter_mut().find(|line| line.account == account) {
                Some(line) => line.amount.minor += amount.minor,
                None => seen.push(PostingLine { account, amount }),
            }
        }
        seen
    }

    /// The name to show of an account whose owner stays unnamed.
    fn unnamed(self, account: Account) -> Option<String> {
        let names = |kind: &str, stage: Stage| Some(format!("{kind}:*:{}", stage.word()));
        match account {
            Account::Buyer(id, stage) if !self.is_buyer(id) => names("buyer", stage),
            Account::Publisher(id, stage) if !self.names_publisher(id) => names("publisher", stage),
            _ => None,
        }
    }

    /// To all but its rivals.
    fn names_publisher(self, id: PublisherId) -> bool {
        self.publisher().is_none_or(|own| own == id)
    }
}

fn own_touch(touch: TouchLine, own: PublisherId) -> TouchLine {
    if touch.publisher == Some(own) { touch } else { TouchLine { click: None, link: None, publisher: None, ..touch } }
}

fn own_credit(credit: CreditLine, own: PublisherId) -> CreditLine {
    if credit.publisher == Some(own) { credit } else { CreditLine { publisher: None, link: None, click: None, ..credit } }
}
