//! A conversion: our record of one order and goal, as people and programs see it.

use crate::domain::{
    loyalty::{Bonus, BonusKind},
    terms::boost::Funder,
    verdict::Why,
    word::words,
};
use crate::kernel::{
    code::Language,
    id::{BuyerId, ClickId, ConversionId, LinkId, ProgramId, PublisherId},
    money::Money,
    schema,
    time::Time,
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

words! {
    /// Where a conversion stands. `unattributed` earns nothing, `pending` waits for approval, `approved` for the merchant's payment,
    /// `payable` for a payout.
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
        let set = [self.unsigned, self.held, self.unclaimed, self.refunded, self.over_refunded];
        Self::WORDS.into_iter().zip(set).filter_map(|(word, set)| set.then_some(word))
    }

    /// Every word there is.
    const WORDS: [&str; 5] = ["unsigned", "held", "unclaimed", "refunded", "over_refunded"];

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

crate::schema!(
    Flags,
    "ConversionFlag",
    schema::words(
        "A word beside the status. `held`: only the operator approves it; `unclaimed`: the buyer's share waits for its buyer; `unsigned`: it came from a pixel.",
        &Self::WORDS
    )
);

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
    pub reason: Option<Why>,
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
    /// Beside the commission.
    pub bonuses: Vec<Bonus>,
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
    /// When the unclaimed share went elsewhere, for good.
    pub expired_at: Option<Time>,
    /// Settled payments hold the buyer's part, whatever the others still wait for.
    pub buyer_paid: bool,
    /// What the buyer reads; only where whoever asks is to see it.
    pub cashback: Option<Cashback>,
}

words! {
    /// Where the cashback of an order stands. `tracked`: recorded, not confirmed yet; `confirmed`: the shop owes it and has not paid;
    /// `payable`: it goes with the next payout; `unclaimed`: it waits for its buyer; `expired`: nobody claimed it in time.
    pub enum CashbackState {
        Tracked = "tracked",
        Confirmed = "confirmed",
        Payable = "payable",
        Paid = "paid",
        Refused = "refused",
        Unclaimed = "unclaimed",
        Expired = "expired",
    }
}

/// The cashback of an order as its buyer understands it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cashback {
    pub state: CashbackState,
    /// The buyer's share now, without bonuses.
    pub amount: Money,
    /// What the state waits for or began with: the latest confirmation, the confirmation, the day it became payable, the end of the time to
    /// claim it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub date: Option<Time>,
    pub text: CashbackText,
}

/// The same in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CashbackText {
    pub en: String,
    pub fr: String,
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
            reason: self.reason.as_ref().map(Why::code),
            reason_text: self.reason.as_ref().map(ReasonWire::of),
            amount: self.amount,
            refunded: self.refunded,
            commission: self.commission,
            shares: SharesWire {
                publisher: money(self.shares.publisher),
                buyer: money(self.shares.buyer),
                platform: money(self.shares.platform),
            },
            bonuses: self.bonuses.iter().map(|bonus| BonusWire::of(bonus, money(bonus.amount))).collect(),
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
            cashback: self.cashback.as_ref(),
        }
        .serialize(serializer)
    }
}

/// Our record of one order and goal: what was sold, what is due on it now, and to whom.
#[derive(Serialize, ToSchema)]
#[schema(as = Conversion)]
struct Wire<'a> {
    id: ConversionId,
    program: ProgramId,
    /// The merchant's own number, 1 to 128 characters, verbatim.
    order_id: &'a str,
    /// The goal: `sale`, `lead`, `signup`, …
    #[serde(rename = "type")]
    goal: &'a str,
    status: Status,
    #[schema(value_type = Vec<Flags>)]
    flags: Vec<&'static str>,
    /// Why it earns nothing, less or not yet: a code of the list `Reason`, or of `VerdictReason` where somebody refused the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'a str>,
    /// What people read: the code's text, or of `other` the words of who refused the sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason_text: Option<ReasonWire<'a>>,
    /// What was sold, net of tax and shipping, in the sale's currency.
    amount: Money,
    /// What was given back, in the sale's currency; at most the amount.
    refunded: Money,
    /// What is due now, in the program's currency. The shares add up to it.
    commission: Money,
    shares: SharesWire,
    /// What boosts pay beside the commission.
    bonuses: Vec<BonusWire<'a>>,
    /// Who is credited, oldest touch first. A publisher's key sees its own only.
    credits: Vec<CreditWire>,
    /// Of the newest credit; null where nobody is credited, or a coupon decided.
    #[schema(required)]
    click: Option<ClickId>,
    /// Of the newest credit.
    #[schema(required)]
    link: Option<LinkId>,
    /// Of the newest credit.
    #[schema(required)]
    publisher: Option<PublisherId>,
    /// Shown to the operator and the buyer only; null for everybody else.
    #[schema(required)]
    buyer: Option<BuyerId>,
    /// The version of the program's terms that decides, from 1.
    terms_version: u32,
    /// When the order was placed, as the merchant says.
    occurred_at: Time,
    /// When it was recorded here.
    recorded_at: Time,
    /// When it became payable; while pending, when silence approves it.
    #[schema(required)]
    payable_at: Option<Time>,
    /// What the buyer reads of their cashback; shown to the operator and the buyer only, where there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Cashback)]
    cashback: Option<&'a Cashback>,
}

// The document shows what the wire shows.
impl utoipa::PartialSchema for Conversion {
    fn schema() -> schema::Shape {
        Wire::schema()
    }
}
impl ToSchema for Conversion {
    fn name() -> std::borrow::Cow<'static, str> {
        Wire::name()
    }
    fn schemas(schemas: &mut Vec<(String, schema::Shape)>) {
        Wire::schemas(schemas);
    }
}

/// Why, as people read it.
#[derive(Serialize, ToSchema)]
#[schema(as = ReasonTexts)]
struct ReasonWire<'a> {
    en: &'a str,
    fr: &'a str,
}

impl<'a> ReasonWire<'a> {
    fn of(why: &'a Why) -> Self {
        Self { en: why.text(Language::En), fr: why.text(Language::Fr) }
    }
}

/// How a commission is shared, in the program's currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Shares)]
struct SharesWire {
    /// Of all credited publishers together, after their gifts.
    publisher: Money,
    /// Holds the unclaimed share and the publishers' gifts.
    buyer: Money,
    platform: Money,
}

/// What a boost pays beside the commission.
#[derive(Serialize, ToSchema)]
#[schema(as = Bonus)]
struct BonusWire<'a> {
    kind: BonusKind,
    /// The boost's name, as in the list of boosts.
    boost: &'a str,
    /// What is due now, in the program's currency.
    amount: Money,
    funded_by: Funder,
    /// Who gets it; null where the reader may not know.
    #[schema(required)]
    buyer: Option<BuyerId>,
}

impl<'a> BonusWire<'a> {
    fn of(bonus: &'a Bonus, amount: Money) -> Self {
        Self { kind: bonus.kind, boost: &bonus.boost, amount, funded_by: bonus.funded_by, buyer: bonus.buyer }
    }
}

/// A publisher's part of a conversion.
#[derive(Serialize, ToSchema)]
#[schema(as = Credit)]
struct CreditWire {
    publisher: PublisherId,
    /// Null where a coupon decided.
    #[schema(required)]
    link: Option<LinkId>,
    /// Null where a coupon decided.
    #[schema(required)]
    click: Option<ClickId>,
    /// What is due now, after gifts, in the program's currency.
    amount: Money,
}
