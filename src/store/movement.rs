//! Movements: money that moved beside orders.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    account::Owner,
    movement::{Kind, Movement, Party, Payee, Reversed, What},
    order::Actor,
};
use crate::kernel::{
    id::{BuyerId, InvoiceId, MerchantId, MovementId, PublisherId},
    money::Money,
    time::Time,
};
use crate::statements;

statements! {
    LIST = "SELECT id, kind, owner_kind, owner, funder, invoice, amount, currency, reason, reference, actor, at, happened_at, reversed_at,
        reversed_reason FROM movement";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    owner_kind: String,
    owner: i64,
    funder: Option<i64>,
    invoice: Option<i64>,
    amount: i64,
    currency: String,
    reason: Option<String>,
    reference: Option<String>,
    actor: String,
    at: i64,
    happened_at: i64,
    reversed_at: Option<i64>,
    reversed_reason: Option<String>,
}

impl Row {
    fn what(&self) -> Option<What> {
        let merchant = || (self.owner_kind == "merchant").then(|| MerchantId::from_raw(self.owner));
        let payee = || match self.owner_kind.as_str() {
            "publisher" => Some(Payee::Publisher(PublisherId::from_raw(self.owner))),
            "buyer" => Some(Payee::Buyer(BuyerId::from_raw(self.owner))),
            _ => None,
        };
        Some(match Kind::from_word(&self.kind)? {
            Kind::Bonus => match payee()? {
                Payee::Buyer(buyer) => What::Bonus { buyer, funder: self.funder.map(MerchantId::from_raw) },
                Payee::Publisher(_) => return None,
            },
            Kind::Fee => What::Fee { merchant: merchant()? },
            Kind::Received => What::Received { merchant: merchant()?, invoice: self.invoice.map(InvoiceId::from_raw) },
            Kind::PaidBack => What::PaidBack { merchant: merchant()? },
            Kind::BankCharge => What::BankCharge,
            Kind::WrittenOff => What::WrittenOff { of: merchant().map(Party::Merchant).or_else(|| payee().map(Party::Payee))? },
            Kind::Waived => What::Waived { by: payee()? },
        })
    }

    fn read(self) -> Result<Movement, StoreError> {
        let id = MovementId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("movement", column, id);
        Ok(Movement {
            id,
            what: self.what().ok_or_else(|| corrupt("kind"))?,
            amount: Money::new(self.amount, self.currency.parse().map_err(|_| corrupt("currency"))?),
            by: Actor::from_word(&self.actor).ok_or_else(|| corrupt("actor"))?,
            at: Time::from_micros(self.at),
            happened_at: Time::from_micros(self.happened_at),
            reversed: self.reversed_at.map(|at| Reversed { at: Time::from_micros(at), reason: self.reversed_reason }),
            reason: self.reason,
            reference: self.reference,
        })
    }
}

fn funder(what: &What) -> Option<i64> {
    match what {
        What::Bonus { funder, .. } => funder.map(MerchantId::raw),
        _ => None,
    }
}

fn invoice(what: &What) -> Option<i64> {
    match what {
        What::Received { invoice, .. } => invoice.map(InvoiceId::raw),
        _ => None,
    }
}

/// Stores movements as they now are; only their reversal ever changes.
pub async fn save(tx: &mut Tx, movements: &[&Movement]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(movements, |m| m.id.raw())),
        ("kind", Column::text(movements, |m| m.what.kind().word())),
        ("owner_kind", Column::text(movements, |m| m.what.owner().kind())),
        ("owner", Column::int(movements, |m| m.what.owner().number())),
        ("funder", Column::int_or_null(movements, |m| funder(&m.what))),
        ("invoice", Column::int_or_null(movements, |m| invoice(&m.what))),
        ("amount", Column::int(movements, |m| m.amount.minor)),
        ("currency", Column::text(movements, |m| m.amount.currency.code())),
        ("reason", Column::text_or_null(movements, |m| m.reason.as_deref())),
        ("reference", Column::text_or_null(movements, |m| m.reference.as_deref())),
        ("actor", Column::text(movements, |m| m.by.word())),
        ("at", Column::int(movements, |m| m.at.micros())),
        ("happened_at", Column::int(movements, |m| m.happened_at.micros())),
        ("reversed_at", Column::int_or_null(movements, |m| m.reversed.as_ref().map(|r| r.at.micros()))),
        ("reversed_reason", Column::text_or_null(movements, |m| m.reversed.as_ref().and_then(|r| r.reason.as_deref()))),
    ];
    let tail = "ON CONFLICT (id) DO UPDATE SET reversed_at = excluded.reversed_at, reversed_reason = excluded.reversed_reason";
    bulk::insert(tx, "movement", &columns, tail).await?;
    Ok(())
}

pub async fn by_ids(tx: &mut Tx, ids: &[MovementId]) -> Result<Vec<Movement>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    Filter::new(LIST).any_of("id", Some(ids)).all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub owner: Option<Owner>,
    pub kind: Option<Kind>,
    pub invoice: Option<InvoiceId>,
    /// This merchant's own, and the bonuses that it pays.
    pub merchant: Option<MerchantId>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted, after: Option<MovementId>, limit: i64) -> Result<Vec<Movement>, StoreError> {
    let filter = Filter::new(LIST)
        .and("owner_kind =", wanted.owner.map(Owner::kind))
        .and("owner =", wanted.owner.map(Owner::number))
        .and("kind =", wanted.kind.map(Kind::word))
        .and("invoice =", wanted.invoice.map(InvoiceId::raw))
        .and("CASE WHEN owner_kind = 'merchant' THEN owner ELSE funder END =", wanted.merchant.map(MerchantId::raw))
        .and("id <", after.map(MovementId::raw));
    filter.order("ORDER BY id DESC", limit).all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

/// All that a merchant owns: its fees, payments, credit paid back, debts written off.
pub async fn of_merchant(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Movement>, StoreError> {
    let filter = Filter::new(LIST).and("owner_kind =", Some("merchant")).and("owner =", Some(merchant.raw()));
    filter.tail("ORDER BY id").all::<Row>(tx).await?.into_iter().map(Row::read).collect()
}

/// Every movement behind an id, for audits.
pub async fn page(tx: &mut Tx, after: MovementId, limit: i64) -> Result<Vec<Movement>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST).and("id >", Some(after.raw())).order("ORDER BY id", limit).all(tx).await?;
    rows.into_iter().map(Row::read).collect()
}
