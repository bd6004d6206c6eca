//! Publishers' own coupon codes.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{access::Whose, facts::Coupon, terms::when::fold_code};
use crate::kernel::{
    id::{CouponId, ProgramId, PublisherId},
    time::Time,
};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO coupon (id, program, publisher, code, folded, valid_from, valid_until, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (program, folded) DO NOTHING";
    BY_ID_FOR_UPDATE = "SELECT id, program, publisher, code, valid_from, valid_until FROM coupon WHERE id = $1",
        postgres "SELECT id, program, publisher, code, valid_from, valid_until FROM coupon WHERE id = $1 FOR NO KEY UPDATE";
    UPDATE = "UPDATE coupon SET valid_from = $1, valid_until = $2 WHERE id = $3";
    LIST = "SELECT id, program, publisher, code, valid_from, valid_until FROM coupon";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    program: i64,
    publisher: i64,
    code: String,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
}

impl From<Row> for Coupon {
    fn from(row: Row) -> Self {
        Self {
            id: CouponId::from_raw(row.id),
            program: ProgramId::from_raw(row.program),
            code: row.code,
            publisher: PublisherId::from_raw(row.publisher),
            from: row.valid_from.map(Time::from_micros),
            until: row.valid_until.map(Time::from_micros),
        }
    }
}

fn coupons(rows: Vec<Row>) -> Vec<Coupon> {
    rows.into_iter().map(Coupon::from).collect()
}

/// False if the program has that code already.
pub async fn insert(tx: &mut Tx, coupon: &Coupon, now: Time) -> Result<bool, StoreError> {
    let Coupon { id, program, code, publisher, from, until } = coupon;
    let folded = fold_code(code);
    let (from, until) = (from.map(Time::micros), until.map(Time::micros));
    Ok(tx.run(INSERT, args![id.raw(), program.raw(), publisher.raw(), code, &folded, from, until, now.micros()]).await? == 1)
}

pub async fn by_id(tx: &mut Tx, id: CouponId) -> Result<Option<Coupon>, StoreError> {
    Ok(Filter::new(LIST).and("id =", Some(id.raw())).one::<Row>(tx).await?.map(Coupon::from))
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: CouponId) -> Result<Option<Coupon>, StoreError> {
    Ok(tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Coupon::from))
}

/// What may change of it: when it counts.
pub async fn update(tx: &mut Tx, coupon: &Coupon) -> Result<(), StoreError> {
    tx.run(UPDATE, args![coupon.from.map(Time::micros), coupon.until.map(Time::micros), coupon.id.raw()]).await?;
    Ok(())
}

/// Those of the programs whose folded code is in the list.
pub async fn by_codes(tx: &mut Tx, programs: &[ProgramId], folded: &[&str]) -> Result<Vec<Coupon>, StoreError> {
    if programs.is_empty() || folded.is_empty() {
        return Ok(Vec::new());
    }
    let programs: Vec<i64> = programs.iter().map(|id| id.raw()).collect();
    Ok(coupons(Filter::new(LIST).any_of("program", Some(programs)).any_of("folded", Some(folded)).all(tx).await?))
}

/// Which coupons a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Of a merchant: those in its programs. A buyer has none.
    pub whose: Whose,
    pub program: Option<ProgramId>,
    /// Compared as codes are.
    pub code: Option<&'a str>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted<'_>, after: Option<CouponId>, limit: i64) -> Result<Vec<Coupon>, StoreError> {
    let Whose { merchant, publisher, buyer } = wanted.whose;
    let folded = wanted.code.map(fold_code);
    let mut filter = Filter::new(LIST)
        .and("folded =", folded.as_deref())
        .and("program =", wanted.program.map(ProgramId::raw))
        .and("publisher =", publisher.map(PublisherId::raw))
        .and("id <", after.map(CouponId::raw))
        .only(buyer.is_some(), "FALSE");
    if let Some(merchant) = merchant {
        filter = filter.and("program IN (SELECT id FROM program WHERE merchant =", Some(merchant.raw())).tail(")");
    }
    Ok(coupons(filter.order("ORDER BY id DESC", limit).all(tx).await?))
}
