//! A decision: everything that one command changes, as a value. `fold` and `apply` carry it out.

pub use crate::domain::order::FactKind;
use crate::domain::{
    claim::Claim,
    command::Outcome,
    conversion::Conversion,
    document::Written,
    due::Counted,
    entry::Entry,
    idempotency::{Kept, Slot},
    invoice::Owed,
    order::Order,
    payout::Run,
    pot::{Held, Limit, Pot},
    rate::Rate,
    touch::{ClickTie, Visit},
    wallet::FreeLine,
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, ConversionId, InvoiceId, MerchantId, PublisherId, StatementId},
    time::{Day, Month},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    /// The order the message was about, for its inbox row: also of a refused one, if it is known.
    pub about: Option<ConversionId>,
    /// The `webhook-id` that this uses up, and the SHA-256 of its body.
    pub webhook: Option<(MerchantId, String, [u8; 32])>,
    /// The answer to keep under the sender's `Idempotency-Key`.
    pub kept: Option<(Slot, Kept)>,
    pub changes: Vec<Change>,
    pub ties: Vec<(ClickId, ClickTie)>,
    /// Clicks that a sign-in has shown to be a buyer's.
    pub visits: Vec<(BuyerId, Visit)>,
    /// Claims of missing cashback as they are from now on; of several of one the last counts.
    pub claims: Vec<Claim>,
    pub rates: Vec<(Day, Currency, Rate)>,
    /// What changes beside orders.
    pub documents: Vec<Written>,
    /// The postings that a new invoice lists.
    pub invoiced: Vec<(InvoiceId, Owed)>,
    /// The postings that a new statement lists.
    pub stated: Vec<(StatementId, FreeLine)>,
    /// What a payout changes beside its payments.
    pub run: Option<Box<Run>>,
}

/// What changes about one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As it is from now on.
    pub order: Order,
    /// The order was not known before.
    pub is_new: bool,
    /// The fact that is added, if one is.
    pub fact: Option<FactKind>,
    /// The projection to store. None while the order is parked: one that is stored is then taken away, for a signed sale in a currency
    /// without a rate replaced an unsigned one.
    pub conversion: Option<Conversion>,
    pub entry: Option<Entry>,
    /// The customer reference that this order has seen first.
    pub customer: Option<String>,
    /// Touches of the order that were not known before.
    pub new_clicks: Vec<ClickId>,
    /// By how much a publisher's approved net amount of a month changes, minor units of the program's currency.
    pub tier_deltas: Vec<(PublisherId, Month, i64)>,
    pub loyalty: LoyaltyChange,
}

/// What changes of what boosts look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoyaltyChange {
    /// Looked up beside the fact, and stored like one.
    pub fact: Option<FactKind>,
    /// By how much more or less is taken.
    pub pots: Vec<PotDelta>,
    /// What the order added to its buyer's history before, and now.
    pub was: Option<Counted>,
    pub is: Option<Counted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PotDelta {
    pub pot: Pot,
    pub delta: Held,
    /// The most that may then be taken in all.
    pub limit: Limit,
}

impl Decision {
    /// Everything that it posts.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let of_orders = self.changes.iter().filter_map(|change| change.entry.as_ref());
        of_orders.chain(self.documents.iter().filter_map(|written| written.entry.as_ref()))
    }
}
