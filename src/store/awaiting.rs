//! Conversions that wait for their merchant's money: approved ones for its payment, held ones for its credit.
use super::db::Tx;
use super::error::StoreError;
use crate::domain::sale::OrderKey;
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, InvoiceId, MerchantId, ProgramId},
    time::Time,
};
use crate::{args, statements};
use std::collections::HashMap;

statements! {
    OF_MERCHANT = "SELECT program, goal, order_id FROM conversion WHERE merchant = $1 AND currency = $2 AND status = 'approved' LIMIT $3";
    OF_INVOICE = "SELECT DISTINCT c.program, c.goal, c.order_id FROM invoice_line l JOIN journal_entry e ON e.id = l.entry AND e.subject_kind = 'order'
        JOIN conversion c ON c.id = e.subject WHERE l.invoice = $1 AND c.status = 'approved' AND NOT EXISTS (SELECT 1 FROM journal_entry f
        JOIN invoice_line k ON k.entry = f.id WHERE f.subject = c.id AND f.subject_kind = 'order' AND k.amount > 0
        AND k.invoice IN (SELECT value FROM json_each($2))) LIMIT $3",
        postgres "SELECT DISTINCT c.program, c.goal, c.order_id FROM invoice_line l JOIN journal_entry e ON e.id = l.entry AND e.subject_kind = 'order'
        JOIN conversion c ON c.id = e.subject WHERE l.invoice = $1 AND c.status = 'approved' AND NOT EXISTS (SELECT 1 FROM journal_entry f
        JOIN invoice_line k ON k.entry = f.id WHERE f.subject = c.id AND f.subject_kind = 'order' AND k.amount > 0
        AND k.invoice = ANY($2)) LIMIT $3";
    BILLS = "SELECT DISTINCT e.subject AS conversion, l.invoice FROM journal_entry e JOIN invoice_line l ON l.entry = e.id
        WHERE e.subject_kind = 'order' AND l.amount > 0 AND e.subject IN (SELECT value FROM json_each($1))",
        postgres "SELECT DISTINCT e.subject AS conversion, l.invoice FROM journal_entry e JOIN invoice_line l ON l.entry = e.id
        WHERE e.subject_kind = 'order' AND l.amount > 0 AND e.subject = ANY($1)";
    CURRENCIES = "SELECT DISTINCT currency FROM conversion WHERE merchant = $1 AND status = 'approved' ORDER BY currency";
    MERCHANTS = "SELECT DISTINCT merchant FROM conversion WHERE status = 'approved' ORDER BY merchant";
    HELD = "SELECT currency, MIN(recorded_at) AS since, COUNT(*) AS conversions FROM conversion
        WHERE merchant = $1 AND status = 'pending' AND reason = 'budget_used_up' GROUP BY currency ORDER BY currency";
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    program: i64,
    goal: String,
    order_id: String,
}

impl From<KeyRow> for OrderKey {
    fn from(row: KeyRow) -> Self {
        Self { program: ProgramId::from_raw(row.program), goal: row.goal, order_id: row.order_id }
    }
}

/// All of a merchant in a currency, some of them.
pub async fn of_merchant(tx: &mut Tx, merchant: MerchantId, currency: Currency, limit: i64) -> Result<Vec<OrderKey>, StoreError> {
    let rows: Vec<KeyRow> = tx.all(OF_MERCHANT, args![merchant.raw(), currency.code(), limit]).await?;
    Ok(rows.into_iter().map(OrderKey::from).collect())
}

/// In which currencies something of a merchant waits.
pub async fn currencies(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Currency>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        currency: String,
    }
    let rows: Vec<Row> = tx.all(CURRENCIES, args![merchant.raw()]).await?;
    rows.into_iter().map(|row| row.currency.parse().map_err(|_| StoreError::corrupt("conversion", "currency", merchant))).collect()
}

/// Those with a line on this invoice and none on any of the `unpaid`, some of them.
pub async fn of_invoice(tx: &mut Tx, invoice: InvoiceId, unpaid: &[InvoiceId], limit: i64) -> Result<Vec<OrderKey>, StoreError> {
    let unpaid: Vec<i64> = unpaid.iter().map(|id| id.raw()).collect();
    let rows: Vec<KeyRow> = tx.all(OF_INVOICE, args![invoice.raw(), unpaid, limit]).await?;
    Ok(rows.into_iter().map(OrderKey::from).collect())
}

/// The documents that bill these orders.
pub async fn bills(tx: &mut Tx, orders: &[ConversionId]) -> Result<HashMap<ConversionId, Vec<InvoiceId>>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        conversion: i64,
        invoice: i64,
    }
    let mut bills: HashMap<ConversionId, Vec<InvoiceId>> = HashMap::new();
    for row in tx.all::<Row>(BILLS, args![orders.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await? {
        bills.entry(ConversionId::from_raw(row.conversion)).or_default().push(InvoiceId::from_raw(row.invoice));
    }
    Ok(bills)
}

#[derive(sqlx::FromRow)]
struct MerchantRow {
    merchant: i64,
}

/// Merchants for whose money something waits.
pub async fn merchants(tx: &mut Tx) -> Result<Vec<MerchantId>, StoreError> {
    let rows: Vec<MerchantRow> = tx.all(MERCHANTS, args![]).await?;
    Ok(rows.into_iter().map(|row| MerchantId::from_raw(row.merchant)).collect())
}

/// What is held because a prepaid merchant's credit did not cover it.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub currency: Currency,
    /// When the first was recorded.
    pub since: Time,
    pub conversions: i64,
}

#[derive(sqlx::FromRow)]
struct HeldRow {
    currency: String,
    since: i64,
    conversions: i64,
}

pub async fn held(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Held>, StoreError> {
    let rows: Vec<HeldRow> = tx.all(HELD, args![merchant.raw()]).await?;
    let read = |row: HeldRow| {
        let currency = row.currency.parse().map_err(|_| StoreError::corrupt("conversion", "currency", merchant))?;
        Ok(Held { currency, since: Time::from_micros(row.since), conversions: row.conversions })
    };
    rows.into_iter().map(read).collect()
}
