//! What waits to be folded into the roll-ups of reports, and the fold itself.
//!
//! A transaction of clicks leaves one row in `click_fold`, one of the ledger one in `sale_fold`. [`pending`] reads them as cells; whoever
//! reports adds those to the roll-ups in the same snapshot, so that nothing depends on how soon they are folded. The fold is read, added
//! up and written by one task at a time (`engine/folder.rs`): [`apply`] refuses what was read before another fold.
mod part;
mod sale;

pub use part::{Folded, Place, StoredDay, days, of_day, parts, prepare};
pub use sale::{Kept, SaleChange, Words, changes, kept_of_day, lone};

use super::bulk::Column;
use super::db::Tx;
use super::direct::InsertTx;
use super::error::StoreError;
use super::sql::Sql;
use crate::domain::{
    fold::ClickFold,
    report::{Cell, Scope},
};
use crate::kernel::{
    currency::Currency,
    id::{ClickId, ConversionId, LinkId, ProgramId, PublisherId},
    time::Day,
};
use crate::{args, statements};
use std::collections::BTreeSet;

statements! {
    STATE = "SELECT version, words FROM report_state WHERE id = 1";
    NEXT = "UPDATE report_state SET version = version + 1 WHERE id = 1 AND version = $1";
    SET_WORDS = "UPDATE report_state SET words = $1 WHERE id = 1";
    LEAVE_SALES = "INSERT INTO sale_fold (id, conversions) VALUES ($1, $2)";
    CLICKS = "SELECT id, body FROM click_fold ORDER BY id LIMIT $1";
    SALES = "SELECT id, conversions AS body FROM sale_fold ORDER BY id LIMIT $1";
    FORGET_CLICKS = "DELETE FROM click_fold WHERE id IN (SELECT value FROM json_each($1))",
        postgres "DELETE FROM click_fold WHERE id = ANY($1)";
    FORGET_SALES = "DELETE FROM sale_fold WHERE id IN (SELECT value FROM json_each($1))",
        postgres "DELETE FROM sale_fold WHERE id = ANY($1)";
    TOUCHED = "SELECT DISTINCT conversion AS n FROM touch WHERE click IN (SELECT value FROM json_each($1))",
        postgres "SELECT DISTINCT conversion AS n FROM touch WHERE click = ANY($1)";
    /// Holds up who writes clicks or conversions until the transaction ends. On SQLite the write turn does.
    HOLD = "SELECT 1", postgres "LOCK TABLE report_state, report_sale, click, click_fold, conversion, sale_fold IN SHARE ROW EXCLUSIVE MODE";
    CLEAR_CLICKS = "DELETE FROM click_stat";
    CLEAR_SALES = "DELETE FROM sale_stat";
    CLEAR_PARTS = "DELETE FROM report_part";
    CLEAR_CLICK_FOLDS = "DELETE FROM click_fold";
    CLEAR_SALE_FOLDS = "DELETE FROM sale_fold";
    CLEAR_KEPT = "UPDATE report_sale SET conversions = 0, commission = 0, found = FALSE";
}

/// Every statement of the folder.
pub fn statements() -> Vec<&'static [Sql]> {
    vec![ALL, part::ALL, sale::ALL]
}

/// What the roll-ups do not hold yet.
#[derive(Debug, Default)]
pub struct Pending {
    pub clicks: Vec<ClickFold>,
    pub sales: Vec<SaleChange>,
    click_ids: Vec<i64>,
    sale_ids: Vec<i64>,
}

impl Pending {
    /// What no row waits with: a part of everything, which is folded anew.
    pub fn of(clicks: ClickFold, sales: Vec<SaleChange>) -> Self {
        Self { clicks: vec![clicks], sales, ..Self::default() }
    }

    /// Whether there is nothing to fold, not even what came to nothing.
    pub fn is_empty(&self) -> bool {
        self.click_ids.is_empty() && self.sale_ids.is_empty()
    }

    /// Whether these are as many as were asked for, so that more may wait.
    pub fn is_full(&self, limit: i64) -> bool {
        [&self.click_ids, &self.sale_ids].into_iter().any(|ids| i64::try_from(ids.len()).is_ok_and(|rows| rows >= limit))
    }

    /// Transactions whose rows these are.
    pub fn transactions(&self) -> usize {
        self.click_ids.len() + self.sale_ids.len()
    }

    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let clicks = self.clicks.iter().flat_map(ClickFold::cells);
        let taken = self.sales.iter().filter_map(|change| change.old.as_ref()?.cell(false));
        clicks.chain(taken).chain(self.sales.iter().filter_map(|change| change.new.cell(true)))
    }
}

#[derive(sqlx::FromRow)]
struct FoldRow {
    id: i64,
    body: String,
}

#[derive(sqlx::FromRow)]
struct Number {
    n: i64,
}

/// A stored day.
fn day(table: &'static str, number: i64) -> Result<Day, StoreError> {
    i32::try_from(number).map(Day::from_number).map_err(|_| StoreError::corrupt(table, "day", number))
}

fn currency(table: &'static str, code: &str) -> Result<Currency, StoreError> {
    code.parse().map_err(|_| StoreError::corrupt(table, "currency", code))
}

/// A stored scope: 0 is none.
fn scope(table: &'static str, day: i64, program: i64, publisher: i64, link: i64) -> Result<Scope, StoreError> {
    let some = |id: i64| (id != 0).then_some(id);
    Ok(Scope {
        day: self::day(table, day)?,
        program: some(program).map(ProgramId::from_raw),
        publisher: some(publisher).map(PublisherId::from_raw),
        link: some(link).map(LinkId::from_raw),
    })
}

/// A scope as stored: day, program, publisher, link.
fn numbers(scope: &Scope) -> (i64, i64, i64, i64) {
    let Scope { day, program, publisher, link } = scope;
    (day.number(), program.map_or(0, ProgramId::raw), publisher.map_or(0, PublisherId::raw), link.map_or(0, LinkId::raw))
}

/// How often was folded, and with which version of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct State {
    pub version: i64,
    pub words: i64,
}

pub async fn state(tx: &mut Tx) -> Result<State, StoreError> {
    tx.one(STATE, args![]).await?.ok_or_else(|| StoreError::corrupt("report_state", "id", 1))
}

/// Leaves what a transaction of clicks counted. `first` is one of its new clicks.
pub async fn leave_clicks(tx: &mut InsertTx<'_>, first: ClickId, fold: &ClickFold) -> Result<(), StoreError> {
    let columns = [("id", Column::Int(vec![first.raw()])), ("body", Column::String(vec![fold.text()]))];
    tx.insert("click_fold", &columns, "").await.map(drop)
}

/// Leaves the conversions that a transaction of the ledger changed. `id` is that of one of its messages.
pub async fn leave_sales(tx: &mut Tx, id: i64, conversions: &BTreeSet<ConversionId>) -> Result<(), StoreError> {
    if conversions.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = conversions.iter().map(|id| id.raw()).collect();
    let text = serde_json::to_string(&numbers).expect("numbers always become JSON");
    tx.run(LEAVE_SALES, args![id, &text]).await.map(drop)
}

/// What the oldest so many rows of each kind leave to be folded.
pub async fn pending(tx: &mut Tx, limit: i64) -> Result<Pending, StoreError> {
    let mut pending = Pending::default();
    for FoldRow { id, body } in tx.all(CLICKS, args![limit]).await? {
        pending.clicks.push(ClickFold::parse(&body).map_err(|_| StoreError::corrupt("click_fold", "body", id))?);
        pending.click_ids.push(id);
    }
    let mut conversions = BTreeSet::new();
    for FoldRow { id, body } in tx.all(SALES, args![limit]).await? {
        let numbers: Vec<i64> = serde_json::from_str(&body).map_err(|_| StoreError::corrupt("sale_fold", "conversions", id))?;
        conversions.extend(numbers);
        pending.sale_ids.push(id);
    }
    let late: Vec<i64> = pending.clicks.iter().flat_map(ClickFold::late).map(ClickId::raw).collect();
    if !late.is_empty() {
        conversions.extend(tx.all::<Number>(TOUCHED, args![&late]).await?.into_iter().map(|row| row.n));
    }
    pending.sales = changes(tx, &conversions.into_iter().collect::<Vec<_>>(), Words::Kept).await?;
    Ok(pending)
}

/// Stores a fold: what waited is in the roll-ups and waits no more. False where another fold came between; then nothing is stored, and
/// the transaction is to be dropped.
pub async fn apply(tx: &mut Tx, state: State, pending: &Pending, folded: &Folded) -> Result<bool, StoreError> {
    if tx.run(NEXT, args![state.version]).await? == 0 {
        return Ok(false);
    }
    part::save(tx, folded).await?;
    sale::save_kept(tx, &pending.sales).await?;
    tx.run(FORGET_CLICKS, args![&pending.click_ids]).await?;
    tx.run(FORGET_SALES, args![&pending.sale_ids]).await?;
    Ok(true)
}

/// Begins a fold of everything anew: the roll-ups are empty and nothing waits, and who writes clicks or conversions waits until the
/// transaction ends. The words of conversions stay until their clicks are looked up again, which may be gone.
pub async fn clear(tx: &mut Tx) -> Result<(), StoreError> {
    tx.run(HOLD, args![]).await?;
    for statement in [CLEAR_CLICKS, CLEAR_SALES, CLEAR_PARTS, CLEAR_CLICK_FOLDS, CLEAR_SALE_FOLDS, CLEAR_KEPT] {
        tx.run(statement, args![]).await?;
    }
    Ok(())
}

/// Notes by which words everything is folded now.
pub async fn set_words(tx: &mut Tx, words: i64) -> Result<(), StoreError> {
    tx.run(SET_WORDS, args![words]).await.map(drop)
}
