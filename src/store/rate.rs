//! Exchange rates, and the lock between those who store them and those who look.
use super::bulk::{self, Column};
use super::db::{Kind, Tx};
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    command::Channel,
    rate::{Rate, RateTable},
};
use crate::kernel::{currency::Currency, time::Day};
use crate::{args, statements};

/// The advisory lock's key. Programs lock their ids, which are never negative.
const LOCK_KEY: i64 = -1;

statements! {
    /// These two run on PostgreSQL only.
    LOCK = "SELECT $1", postgres "SELECT pg_advisory_xact_lock($1)";
    LOCK_SHARED = "SELECT $1", postgres "SELECT pg_advisory_xact_lock_shared($1)";
    LIST = "SELECT day, currency, rate FROM rate";
    CURRENCIES = "SELECT DISTINCT currency FROM rate ORDER BY currency";
}

#[derive(sqlx::FromRow)]
struct Row {
    day: i64,
    currency: String,
    rate: String,
}

impl Row {
    fn read(&self) -> Result<(Day, Currency, Rate), StoreError> {
        let corrupt = |column| StoreError::corrupt("rate", column, format_args!("{}/{}", self.day, self.currency));
        let day = i32::try_from(self.day).map(Day::from_number).map_err(|_| corrupt("day"))?;
        let currency = self.currency.parse().map_err(|_| corrupt("currency"))?;
        Ok((day, currency, Rate::parse(&self.rate).ok_or_else(|| corrupt("rate"))?))
    }
}

/// Held to the end of the transaction: shared by those who read rates, exclusive for those who store them. A sale parked for want of a
/// rate and the arrival of that rate then never miss each other. On SQLite the write turn does it.
pub async fn lock(tx: &mut Tx, exclusive: bool) -> Result<(), StoreError> {
    if tx.kind() == Kind::Postgres {
        tx.run(if exclusive { LOCK } else { LOCK_SHARED }, args![LOCK_KEY]).await?;
    }
    Ok(())
}

/// Stores rates that are not known yet.
pub async fn insert(tx: &mut Tx, rates: &[(Day, Currency, Rate, Channel)]) -> Result<(), StoreError> {
    let columns = [
        ("day", Column::int(rates, |(day, ..)| day.number())),
        ("currency", Column::text(rates, |(_, currency, ..)| currency.code())),
        ("rate", Column::string(rates, |(_, _, rate, _)| rate.text())),
        ("source", Column::text(rates, |(.., channel)| channel.word())),
    ];
    bulk::insert(tx, "rate", &columns, "").await?;
    Ok(())
}

/// The rates of these currencies on these days.
pub async fn table(tx: &mut Tx, days: &[Day], currencies: &[Currency]) -> Result<RateTable, StoreError> {
    let mut table = RateTable::default();
    if days.is_empty() || currencies.is_empty() {
        return Ok(table);
    }
    let days: Vec<i64> = days.iter().map(|day| day.number()).collect();
    let codes: Vec<&str> = currencies.iter().map(Currency::code).collect();
    let rows: Vec<Row> = Filter::new(LIST).any_of("day", Some(days)).any_of("currency", Some(codes)).all(tx).await?;
    for row in rows {
        let (day, currency, rate) = row.read()?;
        table.insert(day, currency, rate);
    }
    Ok(table)
}

/// The rates of a day, by currency.
pub async fn of_day(tx: &mut Tx, day: Day) -> Result<Vec<(Currency, Rate)>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST).and("day =", Some(day.number())).tail("ORDER BY currency").all(tx).await?;
    rows.iter().map(|row| row.read().map(|(_, currency, rate)| (currency, rate))).collect()
}

/// Every currency that has a rate, by code.
pub async fn currencies(tx: &mut Tx) -> Result<Vec<Currency>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Code {
        currency: String,
    }
    let rows: Vec<Code> = tx.all(CURRENCIES, args![]).await?;
    rows.iter().map(|row| row.currency.parse().map_err(|_| StoreError::corrupt("rate", "currency", &row.currency))).collect()
}

/// Every rate behind that of a day and currency, by day and currency.
pub async fn page(tx: &mut Tx, after: Option<(Day, Currency)>, limit: i64) -> Result<Vec<(Day, Currency, Rate)>, StoreError> {
    let after = after.as_ref().map(|(day, currency)| (day.number(), currency.code()));
    let rows: Vec<Row> = Filter::new(LIST).and_pair("(day, currency) >", after).order("ORDER BY day, currency", limit).all(tx).await?;
    rows.iter().map(Row::read).collect()
}
