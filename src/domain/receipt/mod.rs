//! The receipt: every amount of a conversion with the steps that led to it. `due` run again, laid out for reading.

mod bonus;
mod build;
mod commission;
mod paid;

pub use bonus::{BonusLine, BonusReason};
pub use build::receipt;
pub use commission::{AsSoldLines, CommissionLines, RuleLine, TierLine};
pub use paid::PaymentLine;

use crate::domain::{
    click::Quality,
    conversion::{Cashback, Flags, Status},
    entry,
    order::Actor,
    reason::Reason,
    terms::{Model, PayableOn, UnclaimedTo},
    verdict::{Grounds, Why},
    word::words,
};
use crate::kernel::{
    code::Language,
    currency::Currency,
    id::{BuyerId, ClickId, ConversionId, EntryId, LinkId, MerchantId, ProgramId, PublisherId},
    money::Money,
    percent::Percent,
    schema,
    time::{Day, Time},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Everything that explains a conversion's amounts. Positions count from 1, as people do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Receipt {
    pub conversion: ConversionId,
    pub program: ProgramId,
    pub merchant: MerchantId,
    /// The merchant's own number, verbatim.
    pub order_id: String,
    /// The goal: `sale`, `lead`, `signup`, …
    #[serde(rename = "type")]
    pub goal: String,
    #[schema(value_type = Status)]
    pub status: &'static str,
    #[schema(value_type = Vec<Flags>)]
    pub flags: Vec<&'static str>,
    #[schema(required)]
    pub reason: Option<ReasonText>,
    pub occurred_at: Time,
    pub recorded_at: Time,
    pub terms: TermsLine,
    pub sale: SaleLines,
    /// None where the sale is in the program's currency.
    #[schema(required)]
    pub rate: Option<RateLine>,
    pub touches: Vec<TouchLine>,
    /// None where nothing is earned: unattributed or refused.
    #[schema(required)]
    pub commission: Option<CommissionLines>,
    #[schema(required)]
    pub split: Option<SplitLines>,
    /// What boosts pay beside it.
    pub bonuses: Vec<BonusLine>,
    #[schema(required)]
    pub buyer: Option<BuyerId>,
    /// Until when an unclaimed share may be claimed.
    #[schema(required)]
    pub claim_until: Option<Time>,
    /// What the buyer reads of it; shown to the operator and the buyer only, where there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cashback: Option<Cashback>,
    pub steps: Vec<Step>,
    pub entries: Vec<EntryLines>,
    /// Who was paid, when and by which payment; a payee's key sees its own.
    pub payments: Vec<PaymentLine>,
}

/// A code with its texts; those of `other` may be the words of who said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptReason)]
pub struct ReasonText {
    pub code: &'static str,
    pub en: String,
    pub fr: String,
}

/// The version of the terms that decides.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptTerms)]
pub struct TermsLine {
    pub version: u32,
    pub effective_at: Time,
    pub rules: u32,
    #[schema(value_type = Model)]
    pub model: &'static str,
    pub window_days: u32,
    pub hold_days: u32,
    #[schema(value_type = PayableOn)]
    pub payable_on: &'static str,
}

/// What was sold and given back, in the sale's currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptSale)]
pub struct SaleLines {
    pub amount: Money,
    pub refunded: Money,
    pub left: Money,
    pub signed: bool,
    #[schema(required)]
    pub coupon: Option<String>,
    /// The publisher whose own coupon it is, and who is credited for it whatever was clicked. Null for another publisher, where a publisher
    /// reads it.
    #[schema(required)]
    pub coupon_publisher: Option<PublisherId>,
    /// Whether the customer was new to the program; none if nobody could tell.
    #[schema(required, schema_with = customer)]
    pub customer: Option<&'static str>,
    /// The amount that was sent, where an adjustment put another in its place.
    #[schema(required)]
    pub adjusted_from: Option<Money>,
    /// The most that the order ever came to, as sent or adjusted: no refund that counts is larger.
    pub largest: Money,
    pub lines: Vec<OrderLine>,
    pub refunds: Vec<RefundLine>,
}

/// A line of the order, as sold and as it is now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptLine)]
pub struct OrderLine {
    #[schema(required)]
    pub sku: Option<String>,
    #[schema(required)]
    pub category: Option<String>,
    pub quantity: i64,
    /// As sold, after an adjustment.
    pub amount: Money,
    /// As the merchant sent it, where the order was adjusted: the adjusted amount is shared out over the lines in proportion to these.
    #[schema(required)]
    pub amount_sent: Option<Money>,
    pub quantity_left: i64,
    pub amount_left: Money,
    /// The rule it took.
    #[schema(required)]
    pub rule: Option<usize>,
}

/// What was given back at one time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptRefund)]
pub struct RefundLine {
    pub refund_id: String,
    pub amount: Money,
    pub at: Time,
    /// What was given back of which goods; none for a part of the order as a whole, which its lines bear in proportion.
    #[schema(required)]
    pub lines: Option<Vec<RefundedLine>>,
    /// Why it does not count, if it does not.
    #[schema(required)]
    pub refused: Option<ReasonText>,
}

/// What was given back of one kind of goods.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptRefundedLine)]
pub struct RefundedLine {
    pub sku: String,
    pub quantity: i64,
    pub amount: Money,
}

/// amount × `to` ÷ `from`: both are units per euro of the same day.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptRate)]
pub struct RateLine {
    pub day: Day,
    pub source: &'static str,
    pub from_currency: Currency,
    pub from: String,
    pub to_currency: Currency,
    pub to: String,
}

/// A click, or a coupon's publisher, that was looked at. All null for a click id that is not one of ours.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptTouch)]
pub struct TouchLine {
    #[schema(required)]
    pub click: Option<ClickId>,
    #[schema(required)]
    pub link: Option<LinkId>,
    #[schema(required)]
    pub publisher: Option<PublisherId>,
    #[schema(required)]
    pub at: Option<Time>,
    #[schema(required, value_type = Option<Quality>)]
    pub quality: Option<&'static str>,
    /// Its weight among the credited; none if it is not credited.
    #[schema(required)]
    pub weight: Option<i64>,
    /// Why it is not counted.
    #[schema(required)]
    pub refused: Option<ReasonText>,
}

/// How the commission is shared, in the program's currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptSplit)]
pub struct SplitLines {
    pub publisher: ShareLine,
    pub buyer: ShareLine,
    pub platform: ShareLine,
    pub credits: Vec<CreditLine>,
    /// The buyer's share that nobody claimed in time.
    #[schema(required)]
    pub expired: Option<ExpiredLine>,
}

/// A party's share.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptShare)]
pub struct ShareLine {
    pub percent: Percent,
    /// By the terms, largest remainder.
    pub by_terms: Money,
    /// After gifts and expiry: what is due now.
    pub due: Money,
}

/// A publisher's part, in the program's currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptCredit)]
pub struct CreditLine {
    /// Null for another publisher, where a publisher reads it.
    #[schema(required)]
    pub publisher: Option<PublisherId>,
    #[schema(required)]
    pub link: Option<LinkId>,
    #[schema(required)]
    pub click: Option<ClickId>,
    pub weight: i64,
    /// Percent of its part that the publisher gives to the buyer.
    pub generosity: Percent,
    pub gift: Money,
    pub amount: Money,
}

/// A share that was not claimed in time, and who got it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptExpired)]
pub struct ExpiredLine {
    pub amount: Money,
    #[schema(value_type = UnclaimedTo)]
    pub to: &'static str,
}

words! {
    /// What happened to an order.
    pub enum Event {
        SaleReceived = "sale_received",
        Recorded = "recorded",
        Refunded = "refunded",
        Approve = "approve",
        Approved = "approved",
        MerchantPaid = "merchant_paid",
        Cancelled = "cancelled",
        Rejected = "rejected",
        Reopened = "reopened",
        Adjusted = "adjusted",
        BuyerTied = "buyer_tied",
        Claimed = "claimed",
        ShareExpired = "share_expired",
    }
}

fn customer() -> schema::Shape {
    schema::words_or_null("New to the program, or returning to it.", &["new", "returning"])
}

/// A dated event of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReceiptStep)]
pub struct Step {
    pub at: Time,
    pub event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Actor)]
    pub by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<ReasonText>,
}

/// One balanced entry of the journal.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptEntry)]
pub struct EntryLines {
    pub id: EntryId,
    pub at: Time,
    #[schema(value_type = entry::Kind)]
    pub kind: &'static str,
    pub postings: Vec<PostingLine>,
}

/// Positive is the account's usual side, so that a balance that somebody is owed reads as a plus.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptPosting)]
pub struct PostingLine {
    pub account: String,
    pub amount: Money,
}

impl ReasonText {
    pub fn of(why: &Why) -> Self {
        Self { code: why.code(), en: why.text(Language::En).to_owned(), fr: why.text(Language::Fr).to_owned() }
    }
    pub fn of_code(reason: Reason) -> Self {
        Self::of(&reason.into())
    }
    pub fn said(grounds: &Grounds) -> Self {
        Self::of(&grounds.into())
    }
}
