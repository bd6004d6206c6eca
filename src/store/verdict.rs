//! What verdicts name: orders by number or by their conversion's id, and what they were sold in.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::sale::OrderKey;
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, ProgramId},
};
use crate::statements;
use std::collections::BTreeSet;

statements! {
    LIST = "SELECT o.id AS id, o.program AS program, o.goal AS goal, o.order_id AS order_id, c.sale_currency AS sale_currency
        FROM orders o LEFT JOIN conversion c ON c.id = o.id";
}

/// An order, as far as a verdict needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub id: ConversionId,
    pub key: OrderKey,
    /// None while there is no conversion.
    pub sold_in: Option<Currency>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    program: i64,
    goal: String,
    order_id: String,
    sale_currency: Option<String>,
}

impl Row {
    fn read(self) -> Result<Named, StoreError> {
        let id = ConversionId::from_raw(self.id);
        let sold_in = self.sale_currency.map(|code| code.parse()).transpose();
        Ok(Named {
            id,
            key: OrderKey { program: ProgramId::from_raw(self.program), goal: self.goal, order_id: self.order_id },
            sold_in: sold_in.map_err(|_| StoreError::corrupt("conversion", "sale_currency", id))?,
        })
    }
}

/// Those with these ids, and those with these numbers, of whatever goal, and perhaps more.
pub async fn named(tx: &mut Tx, ids: &[ConversionId], keys: &BTreeSet<OrderKey>) -> Result<Vec<Named>, StoreError> {
    let mut rows: Vec<Row> = Vec::new();
    if !ids.is_empty() {
        let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
        rows.extend(Filter::new(LIST).any_of("o.id", Some(ids)).all::<Row>(tx).await?);
    }
    if !keys.is_empty() {
        let pairs = keys.iter().map(|key| (key.program.raw(), key.order_id.as_str()));
        rows.extend(Filter::new(LIST).keyed("o.program", "o.order_id", pairs).all::<Row>(tx).await?);
    }
    rows.into_iter().map(Row::read).collect()
}
