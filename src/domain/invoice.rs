//! Invoices and credit notes: the list of what a merchant owes and no document lists yet, with VAT once on its total.

use crate::domain::{
    account::Account,
    entry::{Link, Row},
    identity::Identity,
    merchant::Merchant,
    series::{Number, Series},
};
use crate::kernel::{
    currency::Currency,
    id::{EntryId, InvoiceId, MerchantId},
    money::Money,
    percent::Percent,
    time::{Day, Time, Zone},
};

/// A posting on `merchant:owed` that a document may list: of an order, a fee, or a bonus that the merchant pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    pub entry: EntryId,
    pub at: Time,
    /// Minor units, debit positive: below zero for what was taken back.
    pub amount: i64,
}

/// What a document says, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub merchant: MerchantId,
    /// An invoice, or below zero a credit note.
    pub series: Series,
    pub currency: Currency,
    /// The sum of its lines, minor units; below zero on a credit note.
    pub net: i64,
    pub vat_rate: Percent,
    /// Once on the total, rounded half up.
    pub vat: i64,
    pub vat_mention: Option<String>,
    /// What was posted before.
    pub until: Time,
    pub issued_on: Day,
    pub due_on: Day,
    /// How many postings it lists.
    pub lines: i64,
    pub seller: Identity,
    pub buyer: Identity,
}

/// An issued document. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub id: InvoiceId,
    pub number: Number,
    pub issued_at: Time,
    pub draft: Draft,
    /// The ends of the journal's chains when it was issued.
    pub heads: Vec<Link>,
}

/// What a document is drawn up from.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    pub merchant: &'a Merchant,
    pub seller: &'a Identity,
    pub currency: Currency,
    pub until: Time,
    pub now: Time,
    pub zone: &'a Zone,
}

/// The document over these lines, posted before `until`.
pub fn draw(drawing: &Drawing<'_>, owed: &[Owed]) -> Draft {
    let net = owed.iter().fold(0_i64, |net, line| net.saturating_add(line.amount));
    let billing = &drawing.merchant.billing;
    let issued_on = drawing.zone.day(drawing.now);
    let payment_days = i32::try_from(billing.payment_days).unwrap_or(i32::MAX);
    Draft {
        merchant: drawing.merchant.id,
        series: if net < 0 { Series::CreditNote } else { Series::Invoice },
        currency: drawing.currency,
        net,
        vat_rate: billing.vat_rate,
        vat: vat(net, billing.vat_rate),
        vat_mention: billing.vat_mention.clone(),
        until: drawing.until,
        issued_on,
        due_on: if net < 0 { issued_on } else { issued_on.minus(-payment_days) },
        lines: i64::try_from(owed.len()).unwrap_or(i64::MAX),
        seller: drawing.seller.clone(),
        buyer: drawing.merchant.identity(),
    }
}

/// VAT of a net amount, minor units, half up; a credit note takes back what an invoice of the same amount would ask.
pub fn vat(net: i64, rate: Percent) -> i64 {
    let (parts, whole) = (i128::from(rate.parts()), i128::from(Percent::WHOLE));
    let rounded = (i128::from(net.unsigned_abs()) * parts * 2 + whole) / (whole * 2);
    i64::try_from(rounded).unwrap_or(i64::MAX) * net.signum()
}

impl Draft {
    pub const fn net(&self) -> Money {
        Money::new(self.net, self.currency)
    }
    pub const fn vat(&self) -> Money {
        Money::new(self.vat, self.currency)
    }
    /// Below zero on a credit note.
    pub const fn gross(&self) -> Money {
        Money::new(self.net.saturating_add(self.vat), self.currency)
    }
}

impl Invoice {
    /// What it holds on the ledger: its VAT only, for its lines are posted already.
    pub fn row(&self) -> Row {
        let vat = self.draft.vat;
        let mut row = Row::from([(Account::MerchantOwed(self.draft.merchant), vat), (Account::VatCollected, -vat)]);
        row.retain(|_, amount| *amount != 0);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vat_is_rounded_half_up_once_and_alike_both_ways() {
        let rate = |text: &str| text.parse::<Percent>().expect("a percentage");
        for (net, percent, wanted) in
            [(1000, "20", 200), (1, "20", 0), (2, "20", 0), (3, "20", 1), (250, "5.5", 14), (-250, "5.5", -14), (999, "0", 0), (5, "10", 1)]
        {
            assert_eq!(vat(net, rate(percent)), wanted, "{percent} % of {net}");
        }
    }
}
