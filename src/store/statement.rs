//! Self-billed statements, and which postings stand on them.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    entry::Link,
    identity::Identity,
    series::{Number, Series},
    statement::{Draft, Statement, Total},
    wallet::FreeLine,
};
use crate::kernel::{
    id::{PaymentId, PublisherId, StatementId},
    time::{Day, Time},
};
use crate::statements;

statements! {
    LIST = "SELECT id, publisher, payment, year, serial, currency, net, vat_rate, vat, vat_mention, mandate_at, issued_at, issued_on, lines,
        seller, buyer, heads FROM statement";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    publisher: i64,
    payment: i64,
    year: i64,
    serial: i64,
    currency: String,
    net: i64,
    vat_rate: String,
    vat: i64,
    vat_mention: Option<String>,
    mandate_at: i64,
    issued_at: i64,
    issued_on: i64,
    lines: i64,
    seller: String,
    buyer: String,
    heads: String,
}

impl Row {
    fn read(self) -> Result<Statement, StoreError> {
        let id = StatementId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("statement", column, id);
        let issued_on = i32::try_from(self.issued_on).ok().map(Day::from_number);
        Ok(Statement {
            id,
            number: Number { series: Series::Statement, year: self.year, serial: self.serial },
            issued_at: Time::from_micros(self.issued_at),
            draft: Draft {
                publisher: PublisherId::from_raw(self.publisher),
                payment: PaymentId::from_raw(self.payment),
                currency: self.currency.parse().map_err(|_| corrupt("currency"))?,
                total: Total { lines: self.lines, net: self.net, vat: self.vat },
                vat_rate: self.vat_rate.parse().map_err(|_| corrupt("vat_rate"))?,
                vat_mention: self.vat_mention,
                mandate_at: Time::from_micros(self.mandate_at),
                issued_on: issued_on.ok_or_else(|| corrupt("issued_on"))?,
                seller: Identity::from_text(&self.seller).ok_or_else(|| corrupt("seller"))?,
                buyer: Identity::from_text(&self.buyer).ok_or_else(|| corrupt("buyer"))?,
            },
            heads: Link::from_texts(&self.heads).ok_or_else(|| corrupt("heads"))?,
        })
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Statement>, StoreError> {
    rows.into_iter().map(Row::read).collect()
}

/// Stores issued statements, before their lines.
pub async fn save(tx: &mut Tx, statements: &[&Statement]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(statements, |s| s.id.raw())),
        ("publisher", Column::int(statements, |s| s.draft.publisher.raw())),
        ("payment", Column::int(statements, |s| s.draft.payment.raw())),
        ("year", Column::int(statements, |s| s.number.year)),
        ("serial", Column::int(statements, |s| s.number.serial)),
        ("currency", Column::text(statements, |s| s.draft.currency.code())),
        ("net", Column::int(statements, |s| s.draft.total.net)),
        ("vat_rate", Column::string(statements, |s| s.draft.vat_rate.to_string())),
        ("vat", Column::int(statements, |s| s.draft.total.vat)),
        ("vat_mention", Column::text_or_null(statements, |s| s.draft.vat_mention.as_deref())),
        ("mandate_at", Column::int(statements, |s| s.draft.mandate_at.micros())),
        ("issued_at", Column::int(statements, |s| s.issued_at.micros())),
        ("issued_on", Column::int(statements, |s| s.draft.issued_on.number())),
        ("lines", Column::int(statements, |s| s.draft.total.lines)),
        ("seller", Column::string(statements, |s| s.draft.seller.text())),
        ("buyer", Column::string(statements, |s| s.draft.buyer.text())),
        ("heads", Column::string(statements, |s| Link::texts(&s.heads))),
    ];
    bulk::insert(tx, "statement", &columns, "").await?;
    Ok(())
}

/// Puts postings on their statements. One that stands on another already is refused by the database.
pub async fn save_lines(tx: &mut Tx, lines: &[(StatementId, FreeLine)]) -> Result<(), StoreError> {
    let columns = [
        ("entry", Column::int(lines, |(_, line)| line.entry.raw())),
        ("line", Column::int(lines, |(_, line)| line.line)),
        ("statement", Column::int(lines, |(statement, _)| statement.raw())),
        ("amount", Column::int(lines, |(_, line)| line.amount)),
    ];
    bulk::insert(tx, "statement_line", &columns, "").await?;
    Ok(())
}

pub async fn by_ids(tx: &mut Tx, ids: &[StatementId]) -> Result<Vec<Statement>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    all(Filter::new(LIST).any_of("id", Some(ids)).all(tx).await?)
}

pub async fn by_id(tx: &mut Tx, id: StatementId) -> Result<Option<Statement>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Newest first, older than `after`.
pub async fn list(
    tx: &mut Tx,
    publisher: Option<PublisherId>,
    after: Option<StatementId>,
    limit: i64,
) -> Result<Vec<Statement>, StoreError> {
    let filter = Filter::new(LIST).and("publisher =", publisher.map(PublisherId::raw)).and("id <", after.map(StatementId::raw));
    all(filter.order("ORDER BY id DESC", limit).all(tx).await?)
}

/// Every statement behind an id, for audits.
pub async fn page(tx: &mut Tx, after: StatementId, limit: i64) -> Result<Vec<Statement>, StoreError> {
    all(Filter::new(LIST).and("id >", Some(after.raw())).order("ORDER BY id", limit).all(tx).await?)
}
