//! A conversion: our record of one order and goal, as people and programs see it.

use crate::domain::{reason::Reason, word::words};
use crate::kernel::{
    code::Language,
    id::{BuyerId, ClickId, ConversionId, LinkId, ProgramId, PublisherId},
    money::Money,
    time::Time,
};
use serde::{Serialize, Serializer};

words! {
    pub enum Status {
        Unattributed = "unattributed",
        Pending = "pending",
        Approved = "approved",
        Payable = "payable",
        Paid = "paid",
        Rejected = "rejected",
    }
}

/// Grey words beside the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent words, not a state")]
pub struct Flags {
    /// From a pixel: anybody could have sent it.
    pub unsigned: bool,
    /// Only the operator approves it.
    pub held: bool,
    /// The buyer's share waits for its buyer.
    pub unclaimed: bool,
    pub refunded: bool,
    /// Refunds together exceed the order; they count up to it.
    pub over_refunded: bool,
}

impl Flags {
    /// The words of the flags that are set.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.unsigned, "unsigned"),
            (self.held, "held"),
            (self.unclaimed, "unclaimed"),
            (self.refunded, "refunded"),
            (self.over_refunded, "over_refunded"),
        ];
        all.into_iter().filter_map(|(set, word)| set.then_some(word))
    }

    /// As stored: the words with commas between.
    pub fn text(self) -> String {
        self.words().collect::<Vec<_>>().join(",")
    }

    pub fn from_text(text: &str) -> Self {
        let has = |word: &str| text.split(',').any(|w| w == word);
        Self {
            unsigned: has("unsigned"),
            held: has("held"),
            unclaimed: has("unclaimed"),
            refunded: has("refunded"),
            over_refunded: has("over_refunded"),
        }
    }
}

/// How a commission is shared, minor units of the program's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    pub publisher: i64,
    /// Holds the unclaimed share and the publishers' gifts.
    pub buyer: i64,
    pub platform: i64,
}

/// A publisher's part of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    pub publisher: PublisherId,
    /// None for a coupon's.
    pub link: Option<LinkId>,
    pub click: Option<ClickId>,
    /// Its part in the split among publishers.
    pub weight: i64,
    /// Minor units of the program's currency, after gifts, as due now.
    pub amount: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    pub id: ConversionId,
    pub program: ProgramId,
    pub order_id: String,
    pub goal: String,
    pub status: Status,
    pub flags: Flags,
    /// A code of the list, or the words of who refused the sale.
    pub reason: Option<String>,
    /// What was sold, in the sale's currency.
    pub amount: Money,
    /// What was given back, in the sale's currency.
    pub refunded: Money,
    /// What is due now, in the program's currency.
    pub commission: Money,
    /// Minor units of the program's currency; adds up to the commission.
    pub shares: Shares,
    /// Oldest touch first.
    pub credits: Vec<Credit>,
    pub buyer: Option<BuyerId>,
    pub terms_version: u32,
    pub occurred_at: Time,
    pub recorded_at: Time,
    /// When it became payable; while pending, when silence approves it.
    pub payable_at: Option<Time>,
    /// When it became approved, if it is.
    pub approved_at: Option<Time>,
    /// What is left of the order, minor units of the program's currency, rounded half up once. Tiers count it.
    pub net: i64,
    /// Until when an unclaimed share may be claimed.
    pub claim_until: Option<Time>,
}

impl Conversion {
    /// The newest credit: its publisher, link and click stand for the conversion.
    pub fn newest(&self) -> Option<&Credit> {
        self.credits.last()
    }
}

/// The contract's conversion object: amounts as money objects, the newest credit's publisher, link and click in front.
impl Serialize for Conversion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let money = |minor| Money::new(minor, self.commission.currency);
        let newest = self.newest();
        Wire {
            id: self.id,
            program: self.program,
            order_id: &self.order_id,
            goal: &self.goal,
            status: self.status,
            flags: self.flags.words().collect(),
            reason: self.reason.as_deref(),
            reason_text: self.reason.as_deref().and_then(Reason::from_code).map(ReasonWire::of),
            amount: self.amount,
            refunded: self.refunded,
            commission: self.commission,
            shares: SharesWire {
                publisher: money(self.shares.publisher),
                buyer: money(self.shares.buyer),
                platform: money(self.shares.platform),
            },
            bonuses: [],
            credits: self
                .credits
                .iter()
                .map(|c| CreditWire { publisher: c.publisher, link: c.link, click: c.click, amount: money(c.amount) })
                .collect(),
            click: newest.and_then(|credit| credit.click),
            link: newest.and_then(|credit| credit.link),
            publisher: newest.map(|credit| credit.publisher),
            buyer: self.buyer,
            terms_version: self.terms_version,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            payable_at: self.payable_at,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    id: ConversionId,
    program: ProgramId,
    order_id: &'a str,
    #[serde(rename = "type")]
    goal: &'a str,
    status: Status,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Of a reason of the coded list; any other is already the words of who refused the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_text: Option<ReasonWire>,
    amount: Money,
    refunded: Money,
    commission: Money,
    shares: SharesWire,
    /// None yet: bonuses come with the boosts.
    bonuses: [(); 0],
    credits: Vec<CreditWire>,
    click: Option<ClickId>,
    link: Option<LinkId>,
    publisher: Option<PublisherId>,
    buyer: Option<BuyerId>,
    terms_version: u32,
    occurred_at: Time,
    recorded_at: Time,
    payable_at: Option<Time>,
}

#[derive(Serialize)]
struct ReasonWire {
    en: &'static str,
    fr: &'static str,
}

impl ReasonWire {
    fn of(reason: Reason) -> Self {
        Self { en: reason.text(Language::En), fr: reason.text(Language::Fr) }
    }
}

#[derive(Serialize)]
struct SharesWire {
    publisher: Money,
    buyer: Money,
    platform: Money,
}

#[derive(Serialize)]
struct CreditWire {
    publisher: PublisherId,
    link: Option<LinkId>,
    click: Option<ClickId>,
    amount: Money,
}
