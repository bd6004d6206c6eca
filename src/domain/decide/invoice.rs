//! Issuing invoices and credit notes.

use super::change::{Mint, empty, refused};
use crate::domain::{
    command::Outcome,
    decision::Decision,
    document::{self, Document},
    entry::Kind,
    facts::Facts,
    invoice::{self, Drawing, Invoice, Owed},
    reason::Refusal,
    series::{self, Number},
};
use crate::kernel::{
    currency::Currency,
    id::{InvoiceId, MerchantId},
    money::MINOR_MAX,
    time::Time,
};

/// A total beyond this is nobody's: a hundred times the largest amount of an order, minor units.
const MOST: i64 = 100 * MINOR_MAX;

/// The currency of a document that names none: the one that something is owed in.
pub fn currency(owed: &[(Currency, Owed)], asked: Option<Currency>) -> Result<Currency, Refusal> {
    let mut currencies: Vec<Currency> = owed.iter().map(|(currency, _)| *currency).collect();
    currencies.sort_unstable();
    currencies.dedup();
    match (asked, currencies.as_slice()) {
        (Some(asked), _) => Ok(asked),
        (None, [only]) => Ok(*only),
        (None, []) => Err(Refusal::NothingToInvoice),
        (None, _) => Err(Refusal::CurrencyWanted),
    }
}

/// What of a merchant's open lines a document lists.
pub fn listed(owed: &[(Currency, Owed)], currency: Currency, until: Time) -> Vec<Owed> {
    owed.iter().filter(|(of, line)| *of == currency && line.at < until).map(|(_, line)| *line).collect()
}

pub(super) fn issue(facts: &Facts, merchant: MerchantId, asked: Option<Currency>, until: Time, now: Time, mint: Mint<'_>) -> Decision {
    let Some(profile) = facts.merchants.get(&merchant) else { return refused(Refusal::NotFound) };
    let Some(seller) = facts.seller.as_ref().filter(|seller| !seller.name.is_empty()) else { return refused(Refusal::SellerUnknown) };
    let open = facts.owed.get(&merchant).map_or(&[][..], Vec::as_slice);
    let before: Vec<(Currency, Owed)> = open.iter().filter(|(_, line)| line.at < until).copied().collect();
    let currency = match currency(&before, asked) {
        Ok(currency) => currency,
        Err(refusal) => return refused(refusal),
    };
    let lines = listed(&before, currency, until);
    let drawing = Drawing { merchant: profile, seller, currency, until, now, zone: &facts.zone };
    let draft = invoice::draw(&drawing, &lines);
    if draft.gross().minor.unsigned_abs() > MOST.unsigned_abs() {
        return refused(Refusal::AmountOutOfRange);
    }
    if draft.net == 0 {
        return refused(Refusal::NothingToInvoice);
    }
    let year = series::year(&facts.zone, now);
    let serial = facts.series.get(&(draft.series, year)).copied().unwrap_or(0) + 1;
    let number = Number { series: draft.series, year, serial };
    let invoice = Invoice { id: InvoiceId::from_raw(mint()), number, issued_at: now, draft, heads: facts.heads.clone() };
    let outcome = Outcome::Invoiced(Box::new(invoice.clone()));
    let invoiced = lines.into_iter().map(|line| (invoice.id, line)).collect();
    let written = document::write(None, Document::Invoice(Box::new(invoice)), Kind::Invoiced, now, mint);
    Decision { outcome, documents: vec![written], invoiced, ..empty() }
}
