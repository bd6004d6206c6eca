//! What self-billed statements say of publishers.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{identity::Identity, statement::Billing};
use crate::kernel::{id::PublisherId, time::Time};
use crate::statements;

statements! {
    LIST = "SELECT publisher, party, vat_rate, vat_mention, mandate_at, vat_confirmed_at FROM publisher_billing";
}

#[derive(sqlx::FromRow)]
struct Row {
    publisher: i64,
    party: String,
    vat_rate: String,
    vat_mention: Option<String>,
    mandate_at: Option<i64>,
    vat_confirmed_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<Billing, StoreError> {
        let publisher = PublisherId::from_raw(self.publisher);
        let corrupt = |column| StoreError::corrupt("publisher_billing", column, publisher);
        Ok(Billing {
            publisher,
            party: Identity::from_text(&self.party).ok_or_else(|| corrupt("party"))?,
            vat_rate: self.vat_rate.parse().map_err(|_| corrupt("vat_rate"))?,
            vat_mention: self.vat_mention,
            mandate_at: self.mandate_at.map(Time::from_micros),
            vat_confirmed_at: self.vat_confirmed_at.map(Time::from_micros),
        })
    }
}

/// Those of these publishers who have said something.
pub async fn of_publishers(tx: &mut Tx, publishers: &[PublisherId]) -> Result<Vec<Billing>, StoreError> {
    if publishers.is_empty() {
        return Ok(Vec::new());
    }
    let publishers: Vec<i64> = publishers.iter().map(|id| id.raw()).collect();
    let rows: Vec<Row> = Filter::new(LIST).any_of("publisher", Some(publishers)).all(tx).await?;
    rows.into_iter().map(Row::read).collect()
}

pub async fn of_publisher(tx: &mut Tx, publisher: PublisherId) -> Result<Option<Billing>, StoreError> {
    Ok(of_publishers(tx, &[publisher]).await?.pop())
}

pub async fn save(tx: &mut Tx, billing: &Billing) -> Result<(), StoreError> {
    let rows = [billing];
    let columns = [
        ("publisher", Column::int(&rows, |b| b.publisher.raw())),
        ("party", Column::string(&rows, |b| b.party.text())),
        ("vat_rate", Column::string(&rows, |b| b.vat_rate.to_string())),
        ("vat_mention", Column::text_or_null(&rows, |b| b.vat_mention.as_deref())),
        ("mandate_at", Column::int_or_null(&rows, |b| b.mandate_at.map(Time::micros))),
        ("vat_confirmed_at", Column::int_or_null(&rows, |b| b.vat_confirmed_at.map(Time::micros))),
    ];
    let tail = "ON CONFLICT (publisher) DO UPDATE SET party = excluded.party, vat_rate = excluded.vat_rate,
        vat_mention = excluded.vat_mention, mandate_at = excluded.mandate_at, vat_confirmed_at = excluded.vat_confirmed_at";
    bulk::insert(tx, "publisher_billing", &columns, tail).await?;
    Ok(())
}
