//! Merchants.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::merchant::{Billing, Merchant};
use crate::kernel::{
    country::Country,
    id::{MerchantId, ProgramId},
    time::Time,
};
use crate::{args, statements};

statements! {
    INSERT = "INSERT INTO merchant (id, name, email, legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid,
        created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_ID_FOR_UPDATE = "SELECT id, name, email, legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid
        FROM merchant WHERE id = $1",
        postgres "SELECT id, name, email, legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid
        FROM merchant WHERE id = $1 FOR NO KEY UPDATE";
    UPDATE = "UPDATE merchant SET name = $1, email = $2, legal_name = $3, address = $4, country = $5, vat_number = $6, vat_rate = $7,
        vat_mention = $8, payment_days = $9, prepaid = $10 WHERE id = $11";
    PAYERS = "SELECT m.id FROM merchant m WHERE m.id IN (SELECT p.merchant FROM program p WHERE p.id IN (SELECT value FROM json_each($1)))
        AND (m.prepaid OR EXISTS (SELECT 1 FROM balance b WHERE b.owner_kind = 'merchant' AND b.owner = m.id AND b.amount <= 0
        AND b.account LIKE '%:owed'))",
        postgres "SELECT m.id FROM merchant m WHERE m.id IN (SELECT p.merchant FROM program p WHERE p.id = ANY($1))
        AND (m.prepaid OR EXISTS (SELECT 1 FROM balance b WHERE b.owner_kind = 'merchant' AND b.owner = m.id AND b.amount <= 0
        AND b.account LIKE '%:owed'))";
    LIST = "SELECT id, name, email, legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid FROM merchant";
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    email: Option<String>,
    legal_name: Option<String>,
    address: Option<String>,
    country: Option<String>,
    vat_number: Option<String>,
    vat_rate: String,
    vat_mention: Option<String>,
    payment_days: i64,
    prepaid: bool,
}

impl TryFrom<Row> for Merchant {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = MerchantId::from_raw(row.id);
        let corrupt = |column| StoreError::corrupt("merchant", column, id);
        let country = row.country.map(|code| Country::parse(&code).ok_or_else(|| corrupt("country"))).transpose()?;
        let billing = Billing {
            legal_name: row.legal_name,
            address: row.address,
            country,
            vat_number: row.vat_number,
            vat_rate: row.vat_rate.parse().map_err(|_| corrupt("vat_rate"))?,
            vat_mention: row.vat_mention,
            payment_days: u32::try_from(row.payment_days).map_err(|_| corrupt("payment_days"))?,
            prepaid: row.prepaid,
        };
        Ok(Self { id, name: row.name, email: row.email, billing })
    }
}

pub async fn insert(tx: &mut Tx, merchant: &Merchant, now: Time) -> Result<(), StoreError> {
    let Merchant { id, name, email, billing } = merchant;
    let Billing { legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid } = billing;
    let (country, vat_rate) = (country.map(|country| country.to_string()), vat_rate.to_string());
    let args = args![
        id.raw(),
        name,
        email,
        legal_name,
        address,
        &country,
        vat_number,
        &vat_rate,
        vat_mention,
        i64::from(*payment_days),
        *prepaid,
        now.micros()
    ];
    tx.run(INSERT, args).await?;
    Ok(())
}

pub async fn by_id(tx: &mut Tx, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Those of these that there are.
pub async fn by_ids(tx: &mut Tx, ids: &[MerchantId]) -> Result<Vec<Merchant>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    Filter::new(LIST).any_of("id", Some(ids)).all::<Row>(tx).await?.into_iter().map(Merchant::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct IdRow {
    id: i64,
}

/// The merchants of these programs who pay ahead, or have credit.
pub async fn payers(tx: &mut Tx, programs: &[ProgramId]) -> Result<Vec<MerchantId>, StoreError> {
    if programs.is_empty() {
        return Ok(Vec::new());
    }
    let programs: Vec<i64> = programs.iter().map(|id| id.raw()).collect();
    let rows: Vec<IdRow> = tx.all(PAYERS, args![programs]).await?;
    Ok(rows.into_iter().map(|row| MerchantId::from_raw(row.id)).collect())
}

/// To change it: nobody else does until the transaction ends. On SQLite the write turn does it.
pub async fn for_update(tx: &mut Tx, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
    tx.one::<Row>(BY_ID_FOR_UPDATE, args![id.raw()]).await?.map(Merchant::try_from).transpose()
}

pub async fn update(tx: &mut Tx, merchant: &Merchant) -> Result<(), StoreError> {
    let Merchant { id, name, email, billing } = merchant;
    let Billing { legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid } = billing;
    let (country, vat_rate) = (country.map(|country| country.to_string()), vat_rate.to_string());
    let args =
        args![name, email, legal_name, address, &country, vat_number, &vat_rate, vat_mention, i64::from(*payment_days), *prepaid, id.raw()];
    tx.run(UPDATE, args).await?;
    Ok(())
}

/// Which merchants a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// This one alone.
    pub only: Option<MerchantId>,
    /// Compared without case.
    pub email: Option<&'a str>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted<'_>, after: Option<MerchantId>, limit: i64) -> Result<Vec<Merchant>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST)
        .and("id =", wanted.only.map(MerchantId::raw))
        .and_folded("email", wanted.email)
        .and("id <", after.map(MerchantId::raw))
        .order("ORDER BY id DESC", limit)
        .all(tx)
        .await?;
    rows.into_iter().map(Merchant::try_from).collect()
}
