//! Invoices and credit notes, and the postings that they list.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    account::Account,
    entry::Link,
    identity::Identity,
    invoice::{Draft, Invoice, Owed},
    series::{Number, Series},
    standing::Billed,
};
use crate::kernel::{
    currency::Currency,
    id::{EntryId, InvoiceId, MerchantId},
    money::Money,
    time::{Day, Time},
};
use crate::{args, statements};

statements! {
    LIST = "SELECT id, merchant, series, year, serial, currency, net, vat_rate, vat, vat_mention, until, issued_at, issued_on, due_on, lines,
        seller, buyer, heads FROM invoice";
    OWED = "SELECT p.currency, p.entry, e.at, p.amount FROM posting p JOIN journal_entry e ON e.id = p.entry
        LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement' LEFT JOIN invoice_line l ON l.entry = p.entry";
    BILLED = "SELECT id, series, year, serial, currency, net + vat AS gross, due_on FROM invoice WHERE merchant = $1 ORDER BY id";
    OWING = "SELECT owner AS merchant, currency FROM balance WHERE owner_kind = 'merchant' AND account LIKE '%:owed' ORDER BY owner, currency";
    TO_PASS_ON = "SELECT DISTINCT merchant FROM invoice WHERE passed_on_at IS NULL ORDER BY merchant";
    OPEN = "SELECT id FROM invoice WHERE merchant = $1 AND passed_on_at IS NULL ORDER BY id";
    PASSED_ON = "UPDATE invoice SET passed_on_at = $1 WHERE id = $2 AND passed_on_at IS NULL";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    merchant: i64,
    series: String,
    year: i64,
    serial: i64,
    currency: String,
    net: i64,
    vat_rate: String,
    vat: i64,
    vat_mention: Option<String>,
    until: i64,
    issued_at: i64,
    issued_on: i64,
    due_on: i64,
    lines: i64,
    seller: String,
    buyer: String,
    heads: String,
}

fn day(number: i64) -> Option<Day> {
    i32::try_from(number).ok().map(Day::from_number)
}

impl Row {
    fn read(self) -> Result<Invoice, StoreError> {
        let id = InvoiceId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("invoice", column, id);
        let series = Series::from_word(&self.series).ok_or_else(|| corrupt("series"))?;
        Ok(Invoice {
            id,
            number: Number { series, year: self.year, serial: self.serial },
            issued_at: Time::from_micros(self.issued_at),
            draft: Draft {
                merchant: MerchantId::from_raw(self.merchant),
                series,
                currency: self.currency.parse().map_err(|_| corrupt("currency"))?,
                net: self.net,
                vat_rate: self.vat_rate.parse().map_err(|_| corrupt("vat_rate"))?,
                vat: self.vat,
                vat_mention: self.vat_mention,
                until: Time::from_micros(self.until),
                issued_on: day(self.issued_on).ok_or_else(|| corrupt("issued_on"))?,
                due_on: day(self.due_on).ok_or_else(|| corrupt("due_on"))?,
                lines: self.lines,
                seller: Identity::from_text(&self.seller).ok_or_else(|| corrupt("seller"))?,
                buyer: Identity::from_text(&self.buyer).ok_or_else(|| corrupt("buyer"))?,
            },
            heads: Link::from_texts(&self.heads).ok_or_else(|| corrupt("heads"))?,
        })
    }
}

/// Stores issued documents. One that is stored already stays as it is.
pub async fn save(tx: &mut Tx, invoices: &[&Invoice]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(invoices, |i| i.id.raw())),
        ("merchant", Column::int(invoices, |i| i.draft.merchant.raw())),
        ("series", Column::text(invoices, |i| i.number.series.word())),
        ("year", Column::int(invoices, |i| i.number.year)),
        ("serial", Column::int(invoices, |i| i.number.serial)),
        ("currency", Column::text(invoices, |i| i.draft.currency.code())),
        ("net", Column::int(invoices, |i| i.draft.net)),
        ("vat_rate", Column::string(invoices, |i| i.draft.vat_rate.to_string())),
        ("vat", Column::int(invoices, |i| i.draft.vat)),
        ("vat_mention", Column::text_or_null(invoices, |i| i.draft.vat_mention.as_deref())),
        ("until", Column::int(invoices, |i| i.draft.until.micros())),
        ("issued_at", Column::int(invoices, |i| i.issued_at.micros())),
        ("issued_on", Column::int(invoices, |i| i.draft.issued_on.number())),
        ("due_on", Column::int(invoices, |i| i.draft.due_on.number())),
        ("lines", Column::int(invoices, |i| i.draft.lines)),
        ("seller", Column::string(invoices, |i| i.draft.seller.text())),
        ("buyer", Column::string(invoices, |i| i.draft.buyer.text())),
        ("heads", Column::string(invoices, |i| Link::texts(&i.heads))),
        // Nobody waits for a credit note's payment.
    ];
    bulk::insert(tx, "invoice", &columns, "").await?;
    Ok(())
}

/// Puts postings on their documents.
pub async fn save_lines(tx: &mut Tx, lines: &[(InvoiceId, Owed)]) -> Result<(), StoreError> {
    let columns = [
        ("entry", Column::int(lines, |(_, owed)| owed.entry.raw())),
        ("invoice", Column::int(lines, |(invoice, _)| invoice.raw())),
        ("amount", Column::int(lines, |(_, owed)| owed.amount)),
    ];
    bulk::insert(tx, "invoice_line", &columns, "").await?;
    Ok(())
}

pub async fn by_ids(tx: &mut Tx, ids: &[InvoiceId]) -> Result<Vec<Invoice>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    Filter::new(LIST).any_of("id", Some(ids)).all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

pub async fn by_id(tx: &mut Tx, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, merchant: Option<MerchantId>, after: Option<InvoiceId>, limit: i64) -> Result<Vec<Invoice>, StoreError> {
    let filter = Filter::new(LIST).and("merchant =", merchant.map(MerchantId::raw)).and("id <", after.map(InvoiceId::raw));
    filter.order("ORDER BY id DESC", limit).all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

/// Every document behind an id, for audits.
pub async fn page(tx: &mut Tx, after: InvoiceId, limit: i64) -> Result<Vec<Invoice>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST).and("id >", Some(after.raw())).order("ORDER BY id", limit).all(tx).await?;
    rows.into_iter().map(Row::read).collect()
}

#[derive(sqlx::FromRow)]
struct OwedRow {
    currency: String,
    entry: i64,
    at: i64,
    amount: i64,
}

/// What a merchant owes and no document lists yet, posted before `until`, oldest first.
pub async fn owed(tx: &mut Tx, merchant: MerchantId, until: Time) -> Result<Vec<(Currency, Owed)>, StoreError> {
    let account = Account::MerchantOwed(merchant).to_string();
    let filter = Filter::new(OWED).and("p.account =", Some(account.as_str())).and("e.at <", Some(until.micros()));
    let filter = filter.only(true, "l.entry IS NULL").only(true, "(e.subject_kind = 'order' OR m.kind IN ('bonus', 'fee'))");
    let rows: Vec<OwedRow> = filter.tail("ORDER BY p.entry").all(tx).await?;
    let read = |row: OwedRow| {
        let entry = EntryId::from_raw(row.entry);
        let currency = row.currency.parse().map_err(|_| StoreError::corrupt("posting", "currency", entry))?;
        Ok((currency, Owed { entry, at: Time::from_micros(row.at), amount: row.amount }))
    };
    rows.into_iter().map(read).collect()
}

#[derive(sqlx::FromRow)]
struct BilledRow {
    id: i64,
    series: String,
    year: i64,
    serial: i64,
    currency: String,
    gross: i64,
    due_on: i64,
}

/// A merchant's documents as they were issued, as far as their payment needs it.
pub async fn billed(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Billed>, StoreError> {
    let rows: Vec<BilledRow> = tx.all(BILLED, args![merchant.raw()]).await?;
    let read = |row: BilledRow| {
        let id = InvoiceId::from_raw(row.id);
        let corrupt = |column| StoreError::corrupt("invoice", column, id);
        let series = Series::from_word(&row.series).ok_or_else(|| corrupt("series"))?;
        Ok(Billed {
            id,
            number: Number { series, year: row.year, serial: row.serial },
            gross: Money::new(row.gross, row.currency.parse().map_err(|_| corrupt("currency"))?),
            due_on: day(row.due_on).ok_or_else(|| corrupt("due_on"))?,
        })
    };
    rows.into_iter().map(read).collect()
}

#[derive(sqlx::FromRow)]
struct MerchantRow {
    merchant: i64,
}

#[derive(sqlx::FromRow)]
struct IdRow {
    id: i64,
}

/// Merchants with invoices whose payment was not passed on yet.
pub async fn merchants_to_pass_on(tx: &mut Tx) -> Result<Vec<MerchantId>, StoreError> {
    let rows: Vec<MerchantRow> = tx.all(TO_PASS_ON, args![]).await?;
    Ok(rows.into_iter().map(|row| MerchantId::from_raw(row.merchant)).collect())
}

/// Those of a merchant.
pub async fn to_pass_on(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<InvoiceId>, StoreError> {
    let rows: Vec<IdRow> = tx.all(OPEN, args![merchant.raw()]).await?;
    Ok(rows.into_iter().map(|row| InvoiceId::from_raw(row.id)).collect())
}

/// Notes that all its conversions know of its payment.
pub async fn passed_on(tx: &mut Tx, invoice: InvoiceId, now: Time) -> Result<(), StoreError> {
    tx.run(PASSED_ON, args![now.micros(), invoice.raw()]).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct OwingRow {
    merchant: i64,
    currency: String,
}

/// Whoever ever owed something, and in what.
pub async fn owing(tx: &mut Tx) -> Result<Vec<(MerchantId, Currency)>, StoreError> {
    let rows: Vec<OwingRow> = tx.all(OWING, args![]).await?;
    let read = |row: OwingRow| {
        let merchant = MerchantId::from_raw(row.merchant);
        Ok((merchant, row.currency.parse().map_err(|_| StoreError::corrupt("balance", "currency", merchant))?))
    };
    rows.into_iter().map(read).collect()
}
