//! What a merchant says: a sale (or another goal), a refund, a verdict.

use crate::kernel::{
    id::{BuyerId, ClickId, LinkId, ProgramId},
    money::Money,
    time::Time,
};
use std::fmt;

/// The goal that is meant when none is named.
pub const SALE: &str = "sale";
/// Characters of an order's or refund's number, of a sku, a category and a customer reference.
pub const REFERENCE_CHARS_MAX: usize = 128;

/// What identifies an order: order ids are unique per program and goal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    pub program: ProgramId,
    /// `sale`, `lead`, `signup`, …
    pub goal: String,
    /// The merchant's own number, 1 to 128 characters, verbatim.
    pub order_id: String,
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.program, self.goal, self.order_id)
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sku: Option<String>,
    pub category: Option<String>,
    /// 1 to 1,000,000.
    pub quantity: i64,
    /// The line's total after discounts, minor units of the sale's currency, not negative.
    pub amount: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The merchant's own reference.
    pub reference: Option<String>,
    /// What the merchant says: new (`true`) or returning.
    pub new: Option<bool>,
}

/// A sale as received and understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    pub content: Content,
    /// When the order was placed; the time of receipt if the merchant does not say.
    pub occurred_at: Time,
    /// The click ids sent, in the order sent, each once.
    pub clicks: Vec<SentClick>,
    /// Who the merchant's own de-duplication gives the sale to, if it is not this network.
    pub other_channel: Option<String>,
    /// False for the pixel.
    pub signed: bool,
}

/// What is compared when an order comes again: same content, same sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Net of tax and shipping. 0 for goals without an amount.
    pub amount: Money,
    /// At least one; their amounts add up to `amount`.
    pub lines: Vec<Line>,
    pub coupon: Option<String>,
    pub customer: Option<Customer>,
    /// What an upstream network says it pays, minor units of the sale's currency.
    pub reported: Option<i64>,
}

/// A click id as a merchant sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentClick {
    /// Its seal opened.
    Opened(OpenedClick),
    /// No key of ours opens it. The text as sent, cut to 128 characters.
    Unknown(String),
}

/// What a sealed click id holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedClick {
    pub click: ClickId,
    pub link: LinkId,
    pub buyer: Option<BuyerId>,
    pub quality: crate::domain::click::Quality,
}

impl OpenedClick {
    /// What a seal holds; none if its quality is not one of ours.
    pub fn of(token: &crate::kernel::seal::ClickToken) -> Option<Self> {
        let quality = crate::domain::click::Quality::from_number(token.quality)?;
        Some(Self { click: token.click, link: token.link, buyer: token.buyer, quality })
    }
}

/// What was given back this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refund {
    /// Of the order as a whole.
    Amount(Money),
    /// Of single lines.
    Lines { currency: crate::kernel::currency::Currency, lines: Vec<RefundLine> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundLine {
    pub sku: String,
    /// Units given back; 0 when only money is.
    pub quantity: i64,
    /// Minor units, not negative.
    pub amount: i64,
}

impl Refund {
    pub fn money(&self) -> Money {
        match self {
            Self::Amount(money) => *money,
            Self::Lines { currency, lines } => Money::new(lines.iter().map(|l| l.amount).sum(), *currency),
        }
    }
}
