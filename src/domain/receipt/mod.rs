//! The receipt: every amount of a conversion with the steps that led to it. `due` run again, laid out for reading.

mod build;

pub use build::receipt;

use crate::domain::reason::Reason;
use crate::kernel::{
    code::Language,
    currency::Currency,
    id::{BuyerId, ClickId, ConversionId, EntryId, LinkId, MerchantId, ProgramId, PublisherId},
    money::Money,
    percent::Percent,
    time::{Day, Time},
};
use serde::Serialize;

/// Everything that explains a conversion's amounts. Positions count from 1, as people do.
#[derive(Debug, Clone, Serialize)]
pub struct Receipt {
    pub conversion: ConversionId,
    pub program: ProgramId,
    pub merchant: MerchantId,
    pub order_id: String,
    #[serde(rename = "type")]
    pub goal: String,
    pub status: &'static str,
    pub flags: Vec<&'static str>,
    pub reason: Option<ReasonText>,
    pub occurred_at: Time,
    pub recorded_at: Time,
    pub terms: TermsLine,
    pub sale: SaleLines,
    /// None where the sale is in the program's currency.
    pub rate: Option<RateLine>,
    pub touches: Vec<TouchLine>,
    /// None where nothing is earned: unattributed or refused.
    pub commission: Option<CommissionLines>,
    pub split: Option<SplitLines>,
    pub buyer: Option<BuyerId>,
    /// Until when an unclaimed share may be claimed.
    pub claim_until: Option<Time>,
    pub steps: Vec<Step>,
    pub entries: Vec<EntryLines>,
}

/// A code with its texts; a refuser's own words have no code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonText {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    pub en: String,
    pub fr: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct TermsLine {
    pub version: u32,
    pub effective_at: Time,
    pub rules: u32,
    pub model: &'static str,
    pub window_days: u32,
    pub hold_days: u32,
    pub payable_on: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct SaleLines {
    pub amount: Money,
    pub refunded: Money,
    pub left: Money,
    pub signed: bool,
    pub coupon: Option<String>,
    pub customer: Option<&'static str>,
    /// The amount that an adjustment put in the place of the one sent.
    pub adjusted_from: Option<Money>,
    pub lines: Vec<OrderLine>,
    pub refunds: Vec<RefundLine>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OrderLine {
    pub sku: Option<String>,
    pub category: Option<String>,
    pub quantity: i64,
    pub amount: Money,
    pub quantity_left: i64,
    pub amount_left: Money,
    /// The rule it took.
    pub rule: Option<usize>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RefundLine {
    pub refund_id: String,
    pub amount: Money,
    pub at: Time,
    /// Why it does not count, if it does not.
    pub refused: Option<ReasonText>,
}

/// amount × `to` ÷ `from`: both are units per euro of the same day.
#[derive(Debug, Clone, Serialize)]
pub struct RateLine {
    pub day: Day,
    pub source: &'static str,
    pub from_currency: Currency,
    pub from: String,
    pub to_currency: Currency,
    pub to: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct TouchLine {
    pub click: Option<ClickId>,
    pub link: Option<LinkId>,
    pub publisher: Option<PublisherId>,
    pub at: Option<Time>,
    pub quality: Option<&'static str>,
    /// Its weight among the credited; none if it is not credited.
    pub weight: Option<i64>,
    /// Why it is not counted.
    pub refused: Option<ReasonText>,
}

#[derive(Debug, Clone, Serialize)]
pub struct CommissionLines {
    pub rules: Vec<RuleLine>,
    /// The sum before rounding, minor units of the program's currency, as a fraction.
    pub exact: String,
    /// Rounded half up, once; never above the commission of the order as sold.
    pub amount: Money,
}

#[derive(Debug, Clone, Serialize)]
pub struct RuleLine {
    pub rule: usize,
    pub pays: &'static str,
    pub percent: Option<Percent>,
    /// What its lines hold, in the sale's currency.
    pub amount: Money,
    pub quantity: i64,
    /// For tiers: the publisher's approved net amount of the month.
    pub tier_base: Option<Money>,
    pub cap_per_order: Option<Money>,
    pub capped: bool,
    /// Minor units of the program's currency, as a fraction, before a cap.
    pub exact: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct SplitLines {
    pub publisher: ShareLine,
    pub buyer: ShareLine,
    pub platform: ShareLine,
    pub credits: Vec<CreditLine>,
    /// The buyer's share that nobody claimed in time.
    pub expired: Option<ExpiredLine>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ShareLine {
    pub percent: Percent,
    /// By the terms, largest remainder.
    pub by_terms: Money,
    /// After gifts and expiry: what is due now.
    pub due: Money,
}

#[derive(Debug, Clone, Serialize)]
pub struct CreditLine {
    pub publisher: PublisherId,
    pub link: Option<LinkId>,
    pub click: Option<ClickId>,
    pub weight: i64,
    pub gift: Money,
    pub amount: Money,
}

#[derive(Debug, Clone, Serialize)]
pub struct ExpiredLine {
    pub amount: Money,
    pub to: &'static str,
}

/// A dated event of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub at: Time,
    pub event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct EntryLines {
    pub id: EntryId,
    pub at: Time,
    pub kind: &'static str,
    pub postings: Vec<PostingLine>,
}

/// Positive is the account's usual side.
#[derive(Debug, Clone, Serialize)]
pub struct PostingLine {
    pub account: String,
    pub amount: Money,
}

impl ReasonText {
    /// Of a stored reason: a code of the list, or somebody's words.
    pub fn of(text: &str) -> Self {
        match Reason::from_code(text) {
            Some(reason) => Self::of_code(reason),
            None => Self { code: None, en: text.to_owned(), fr: text.to_owned() },
        }
    }
    pub fn of_code(reason: Reason) -> Self {
        Self { code: Some(reason.code()), en: reason.text(Language::En).to_owned(), fr: reason.text(Language::Fr).to_owned() }
    }
}
