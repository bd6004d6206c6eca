//! Vouchers: codes that were made together for a program, each good for one order.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    loyalty::Voucher,
    terms::boost::{Funder, Reward},
    voucher::{Batch, Code},
};
use crate::kernel::{
    id::{LinkId, ProgramId, VoucherBatchId},
    time::Time,
};
use crate::statements;

statements! {
    BATCHES = "SELECT id, program, boost, funded_by, flat, percent, valid_from, valid_until, place, link, count, created_at FROM voucher_batch";
    BY_CODES = "SELECT v.program AS program, v.folded AS folded, b.id AS id, b.boost AS boost, b.funded_by AS funded_by, b.flat AS flat,
        b.percent AS percent, b.valid_from AS valid_from, b.valid_until AS valid_until
        FROM voucher v JOIN voucher_batch b ON b.id = v.batch";
    CODES = "SELECT v.code AS code, COALESCE(p.uses, 0) AS uses, v.position AS position FROM voucher v
        LEFT JOIN boost_pot p ON p.scope = v.program AND p.name = 'used:' || v.folded";
}

#[derive(sqlx::FromRow)]
struct BatchRow {
    id: i64,
    program: i64,
    boost: Option<String>,
    funded_by: String,
    flat: Option<i64>,
    percent: Option<String>,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
    place: Option<String>,
    link: Option<i64>,
    count: i64,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct FoundRow {
    program: i64,
    folded: String,
    id: i64,
    boost: Option<String>,
    funded_by: String,
    flat: Option<i64>,
    percent: Option<String>,
    valid_from: Option<i64>,
    valid_until: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct CodeRow {
    code: String,
    uses: i64,
    position: i64,
}

fn reward(flat: Option<i64>, percent: Option<&str>) -> Option<Reward> {
    match (flat, percent) {
        (Some(flat), None) => Some(Reward::Flat(flat)),
        (None, Some(percent)) => percent.parse().ok().map(Reward::PercentOfBuyerShare),
        _ => None,
    }
}

impl BatchRow {
    fn read(self) -> Result<Batch, StoreError> {
        let id = VoucherBatchId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("voucher_batch", column, id);
        Ok(Batch {
            id,
            program: ProgramId::from_raw(self.program),
            boost: self.boost,
            funded_by: Funder::from_word(&self.funded_by).ok_or_else(|| corrupt("funded_by"))?,
            reward: reward(self.flat, self.percent.as_deref()).ok_or_else(|| corrupt("percent"))?,
            from: self.valid_from.map(Time::from_micros),
            until: self.valid_until.map(Time::from_micros),
            place: self.place,
            link: self.link.map(LinkId::from_raw),
            count: self.count,
            created_at: Time::from_micros(self.created_at),
        })
    }
}

impl FoundRow {
    fn read(self) -> Result<((ProgramId, String), Voucher), StoreError> {
        let batch = VoucherBatchId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("voucher_batch", column, batch);
        let voucher = Voucher {
            batch,
            boost: self.boost,
            reward: reward(self.flat, self.percent.as_deref()).ok_or_else(|| corrupt("percent"))?,
            funded_by: Funder::from_word(&self.funded_by).ok_or_else(|| corrupt("funded_by"))?,
            from: self.valid_from.map(Time::from_micros),
            until: self.valid_until.map(Time::from_micros),
        };
        Ok(((ProgramId::from_raw(self.program), self.folded), voucher))
    }
}

/// By program and folded code.
pub async fn by_codes(tx: &mut Tx, programs: &[ProgramId], codes: &[&str]) -> Result<Vec<((ProgramId, String), Voucher)>, StoreError> {
    if programs.is_empty() || codes.is_empty() {
        return Ok(Vec::new());
    }
    let keys = programs.iter().flat_map(|program| codes.iter().map(|code| (program.raw(), *code)));
    let rows: Vec<FoundRow> = Filter::new(BY_CODES).keyed("v.program", "v.folded", keys).all(tx).await?;
    rows.into_iter().map(FoundRow::read).collect()
}

/// Of a program, newest first, older than `after`.
pub async fn list(tx: &mut Tx, program: ProgramId, after: Option<VoucherBatchId>, limit: i64) -> Result<Vec<Batch>, StoreError> {
    let filter = Filter::new(BATCHES).and("program =", Some(program.raw())).and("id <", after.map(VoucherBatchId::raw));
    filter.order("ORDER BY id DESC", limit).all::<BatchRow>(tx).await?.into_iter().map(BatchRow::read).collect()
}

pub async fn by_id(tx: &mut Tx, program: ProgramId, id: VoucherBatchId) -> Result<Option<Batch>, StoreError> {
    let filter = Filter::new(BATCHES).and("program =", Some(program.raw())).and("id =", Some(id.raw()));
    filter.one::<BatchRow>(tx).await?.map(BatchRow::read).transpose()
}

/// The codes of a batch behind a position, in their sequence.
pub async fn codes(tx: &mut Tx, batch: VoucherBatchId, after: i64, limit: i64) -> Result<Vec<Code>, StoreError> {
    let filter = Filter::new(CODES).and("v.batch =", Some(batch.raw())).and("v.position >", Some(after));
    let rows: Vec<CodeRow> = filter.order("ORDER BY v.position", limit).all(tx).await?;
    Ok(rows.into_iter().map(|row| Code { number: row.position, code: row.code, used: row.uses > 0 }).collect())
}
