//! What boosts share with other orders: what is taken of budgets and quotas, of codes good for one order, of chances that a buyer has once.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    decision::PotDelta,
    pot::{Held, Limit, Pot},
};
use crate::{args, statements};
use std::collections::{BTreeMap, BTreeSet};

statements! {
    LIST = "SELECT scope, name, amount, uses FROM boost_pot";
    ALL_POTS = "SELECT scope, name, amount, uses FROM boost_pot ORDER BY scope, name";
}

#[derive(sqlx::FromRow)]
struct Row {
    scope: i64,
    name: String,
    amount: i64,
    uses: i64,
}

impl Row {
    fn read(self) -> (Pot, Held) {
        (Pot::from_stored(self.scope, &self.name), Held { amount: self.amount, uses: self.uses })
    }
}

/// Those of which something was ever taken, and perhaps more.
pub async fn held(tx: &mut Tx, pots: &BTreeSet<Pot>) -> Result<Vec<(Pot, Held)>, StoreError> {
    if pots.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<(i64, String)> = pots.iter().map(|pot| (pot.scope(), pot.name())).collect();
    let keys = names.iter().map(|(scope, name)| (*scope, name.as_str()));
    let rows: Vec<Row> = Filter::new(LIST).keyed("scope", "name", keys).all(tx).await?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Every pot, for audits.
pub async fn all(tx: &mut Tx) -> Result<BTreeMap<Pot, Held>, StoreError> {
    Ok(tx.all::<Row>(ALL_POTS, args![]).await?.into_iter().map(Row::read).collect())
}

/// What a batch takes of one pot.
struct Taken {
    held: Held,
    limit: Limit,
}

/// Takes and gives back. The limits are stored with what is taken under them, so that the database refuses what exceeds them.
pub async fn add<'a>(tx: &mut Tx, deltas: impl Iterator<Item = &'a PotDelta>) -> Result<(), StoreError> {
    let mut taken: BTreeMap<(i64, String), Taken> = BTreeMap::new();
    for PotDelta { pot, delta, limit } in deltas {
        let taken = taken
            .entry((pot.scope(), pot.name()))
            .or_insert(Taken { held: Held::default(), limit: Limit { amount: Some(0), uses: Some(0) } });
        taken.held.amount += delta.amount;
        taken.held.uses += delta.uses;
        // Of several limits in a batch the widest; who gives back has none.
        if delta.amount > 0 {
            taken.limit.amount = taken.limit.amount.zip(limit.amount).map(|(a, b)| a.max(b));
        }
        if delta.uses > 0 {
            taken.limit.uses = taken.limit.uses.zip(limit.uses).map(|(a, b)| a.max(b));
        }
    }
    let rows: Vec<((i64, String), Taken)> = taken.into_iter().collect();
    let columns = [
        ("scope", Column::int(&rows, |((scope, _), _)| *scope)),
        ("name", Column::text(&rows, |((_, name), _)| name)),
        // The new row is held against its CHECKs even where it only changes a stored one: so what is given back stands beside.
        ("amount", Column::int(&rows, |(_, taken)| taken.held.amount.max(0))),
        ("uses", Column::int(&rows, |(_, taken)| taken.held.uses.max(0))),
        ("amount_change", Column::int(&rows, |(_, taken)| taken.held.amount)),
        ("uses_change", Column::int(&rows, |(_, taken)| taken.held.uses)),
        ("most", Column::int_or_null(&rows, |(_, taken)| taken.limit.amount)),
        ("uses_most", Column::int_or_null(&rows, |(_, taken)| taken.limit.uses)),
    ];
    let tail = "ON CONFLICT (scope, name) DO UPDATE SET amount = boost_pot.amount + excluded.amount_change,
        uses = boost_pot.uses + excluded.uses_change, amount_change = excluded.amount_change, uses_change = excluded.uses_change,
        most = CASE WHEN excluded.amount > 0 THEN excluded.most ELSE boost_pot.most END,
        uses_most = CASE WHEN excluded.uses > 0 THEN excluded.uses_most ELSE boost_pot.uses_most END";
    bulk::insert(tx, "boost_pot", &columns, tail).await?;
    Ok(())
}
