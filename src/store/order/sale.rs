//! The stored JSON of a sale: private mirror structs, as of the other facts.
use super::{Text, cow, owned};
use crate::domain::{
    click::Quality,
    order::SaleFact,
    sale::{Content, Customer, Line, OpenedClick, Sale, SentClick},
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, LinkId},
    money::Money,
    time::Time,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaleJson<'a> {
    amount: i64,
    currency: Currency,
    lines: Vec<LineJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coupon: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<CustomerJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported: Option<i64>,
    occurred_at: i64,
    received_at: i64,
    clicks: Vec<ClickJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_channel: Option<Text<'a>>,
    signed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineJson<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sku: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<Text<'a>>,
    quantity: i64,
    amount: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerJson<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum ClickJson<'a> {
    Opened {
        click: ClickId,
        link: LinkId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buyer: Option<BuyerId>,
        quality: Text<'a>,
    },
    Unknown {
        unknown: Text<'a>,
    },
}

impl<'a> From<&'a SaleFact> for SaleJson<'a> {
    fn from(fact: &'a SaleFact) -> Self {
        let Sale { content, occurred_at, clicks, other_channel, signed } = &fact.sale;
        let line = |line: &'a Line| LineJson {
            sku: cow(line.sku.as_ref()),
            category: cow(line.category.as_ref()),
            quantity: line.quantity,
            amount: line.amount,
        };
        let customer = |customer: &'a Customer| CustomerJson { reference: cow(customer.reference.as_ref()), new: customer.new };
        Self {
            amount: content.amount.minor,
            currency: content.amount.currency,
            lines: content.lines.iter().map(line).collect(),
            coupon: cow(content.coupon.as_ref()),
            customer: content.customer.as_ref().map(customer),
            reported: content.reported,
            occurred_at: occurred_at.micros(),
            received_at: fact.received_at.micros(),
            clicks: clicks.iter().map(ClickJson::from).collect(),
            other_channel: cow(other_channel.as_ref()),
            signed: *signed,
        }
    }
}

impl SaleJson<'_> {
    pub(super) fn into_fact(self, revision: u32) -> Option<SaleFact> {
        let line =
            |line: LineJson| Line { sku: owned(line.sku), category: owned(line.category), quantity: line.quantity, amount: line.amount };
        let content = Content {
            amount: Money::new(self.amount, self.currency),
            lines: self.lines.into_iter().map(line).collect(),
            coupon: owned(self.coupon),
            customer: self.customer.map(|customer| Customer { reference: owned(customer.reference), new: customer.new }),
            reported: self.reported,
        };
        let sale = Sale {
            content,
            occurred_at: Time::from_micros(self.occurred_at),
            clicks: self.clicks.into_iter().map(ClickJson::into_click).collect::<Option<_>>()?,
            other_channel: owned(self.other_channel),
            signed: self.signed,
        };
        Some(SaleFact { sale, received_at: Time::from_micros(self.received_at), revision })
    }
}

impl<'a> From<&'a SentClick> for ClickJson<'a> {
    fn from(click: &'a SentClick) -> Self {
        match click {
            SentClick::Opened(OpenedClick { click, link, buyer, quality }) => {
                Self::Opened { click: *click, link: *link, buyer: *buyer, quality: quality.code().into() }
            }
            SentClick::Unknown(text) => Self::Unknown { unknown: text.into() },
        }
    }
}

impl ClickJson<'_> {
    fn into_click(self) -> Option<SentClick> {
        Some(match self {
            Self::Opened { click, link, buyer, quality } => {
                SentClick::Opened(OpenedClick { click, link, buyer, quality: Quality::from_code(&quality)? })
            }
            Self::Unknown { unknown } => SentClick::Unknown(unknown.into_owned()),
        })
    }
}
