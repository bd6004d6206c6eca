//! Balances: the sums of the journal by account and currency, kept up with every batch.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    account::{Account, Owner},
    debt::DebtLimit,
    movement::Payee,
};
use crate::kernel::{currency::Currency, money::Money, time::Time};
use crate::statements;
use std::collections::{BTreeMap, BTreeSet};

statements! {
    LIST = "SELECT account, currency, amount, as_of FROM balance";
}

/// What an account holds in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub account: Account,
    /// Debit positive; `account.usual` turns it for people.
    pub amount: Money,
    /// When it last changed.
    pub as_of: Time,
}

#[derive(sqlx::FromRow)]
struct Row {
    account: String,
    currency: String,
    amount: i64,
    as_of: i64,
}

impl Row {
    fn read(&self) -> Result<Balance, StoreError> {
        let corrupt = |column| StoreError::corrupt("balance", column, format_args!("{}/{}", self.account, self.currency));
        let currency = self.currency.parse().map_err(|_| corrupt("currency"))?;
        Ok(Balance {
            account: self.account.parse().map_err(|_| corrupt("account"))?,
            amount: Money::new(self.amount, currency),
            as_of: Time::from_micros(self.as_of),
        })
    }
}

/// By account and currency.
pub async fn of_owner(tx: &mut Tx, owner: Owner) -> Result<Vec<Balance>, StoreError> {
    let (kind, number) = (owner.kind(), owner.number());
    let filter = Filter::new(LIST).and("owner_kind =", Some(kind)).and("owner =", Some(number));
    filter.tail("ORDER BY account, currency").all::<Row>(tx).await?.iter().map(Row::read).collect()
}

/// What these owners hold, by account and currency.
pub async fn of_owners(tx: &mut Tx, owners: &[Owner]) -> Result<Vec<Balance>, StoreError> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = owners.iter().map(|owner| owner.number()).collect();
    let rows: Vec<Row> = Filter::new(LIST).any_of("owner", Some(numbers)).all(tx).await?;
    rows.iter().map(Row::read).collect()
}

/// Whoever owes more than the limit in a currency: they are paid in none.
pub async fn beyond(tx: &mut Tx, limit: DebtLimit) -> Result<BTreeSet<Payee>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST).and("amount >", Some(0)).only(true, "owner_kind IN ('publisher', 'buyer')").all(tx).await?;
    let owed = rows.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    Ok(owed.iter().filter(|balance| limit.is_exceeded(balance.amount)).filter_map(|balance| Payee::of_payable(balance.account)).collect())
}

/// Every balance, by account and currency.
pub async fn all(tx: &mut Tx) -> Result<Vec<Balance>, StoreError> {
    Filter::new(LIST).tail("ORDER BY account, currency").all::<Row>(tx).await?.iter().map(Row::read).collect()
}

/// What a batch adds to each account, minor units, debit positive, and when.
pub type Deltas = BTreeMap<(String, Currency), (Account, i64, Time)>;

/// Adds a batch's deltas: one upsert, sorted by account, so that two nodes never wait for each other in a circle.
pub async fn add(tx: &mut Tx, deltas: &Deltas) -> Result<(), StoreError> {
    let rows: Vec<_> = deltas.iter().collect();
    let columns = [
        ("account", Column::text(&rows, |((account, _), _)| account)),
        ("currency", Column::text(&rows, |((_, currency), _)| currency.code())),
        ("owner_kind", Column::text(&rows, |(_, (account, ..))| account.owner().kind())),
        ("owner", Column::int(&rows, |(_, (account, ..))| account.owner().number())),
        ("amount", Column::int(&rows, |(_, (_, delta, _))| *delta)),
        ("as_of", Column::int(&rows, |(_, (.., at))| at.micros())),
    ];
    let tail = "ON CONFLICT (account, currency) DO UPDATE SET amount = balance.amount + excluded.amount,
        as_of = CASE WHEN excluded.as_of > balance.as_of THEN excluded.as_of ELSE balance.as_of END";
    bulk::insert(tx, "balance", &columns, tail).await?;
    Ok(())
}
