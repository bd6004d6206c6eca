//! Conversions: what is due on each order now, a projection that is written anew with every fact of the order.
mod bonus;

use crate::domain::{
    access::Whose,
    conversion::{Conversion, Credit, Flags, Shares, Status},
    sale::OrderKey,
    verdict::Why,
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, ConversionId, LinkId, MerchantId, ProgramId, PublisherId},
    money::Money,
    time::{Day, Time},
};
use crate::store::{
    bulk::{self, Column},
    db::Tx,
    error::StoreError,
    filter::Filter,
};
use crate::{args, statements};
use std::collections::HashMap;

statements! {
    LIST = "SELECT id, program, goal, order_id, status, flags, reason, reason_text, sale_currency, amount, refunded, currency, commission,
        share_publisher, share_buyer, share_platform, net, buyer, terms_version, occurred_at, recorded_at, approved_at, payable_at,
        claim_until, expired_at, buyer_paid, bonuses FROM conversion";
    LIST_CREDITED = "SELECT id, program, goal, order_id, status, flags, reason, reason_text, sale_currency, conversion.amount, refunded, currency,
        commission, share_publisher, share_buyer, share_platform, net, buyer, terms_version, occurred_at, recorded_at, approved_at,
        payable_at, claim_until, expired_at, buyer_paid, bonuses FROM credit c JOIN conversion ON conversion.id = c.conversion";
    CREDITS = "SELECT conversion, publisher, link, click, weight, amount FROM credit
        WHERE conversion IN (SELECT value FROM json_each($1)) ORDER BY conversion, position",
        postgres "SELECT conversion, publisher, link, click, weight, amount FROM credit
        WHERE conversion = ANY($1) ORDER BY conversion, position";
    NUMBERS_OF = "SELECT id FROM conversion";
    DELETE = "DELETE FROM conversion WHERE id IN (SELECT value FROM json_each($1))", postgres "DELETE FROM conversion WHERE id = ANY($1)";
    DELETE_CREDITS = "DELETE FROM credit WHERE conversion IN (SELECT value FROM json_each($1))",
        postgres "DELETE FROM credit WHERE conversion = ANY($1)";
    NUMBERS = "SELECT id AS n FROM conversion WHERE id > $1 ORDER BY id LIMIT $2";
    TO_APPROVE = "SELECT program, goal, order_id FROM conversion WHERE approve_at <= $1 ORDER BY approve_at, id LIMIT $2";
    TO_EXPIRE = "SELECT program, goal, order_id FROM conversion WHERE expire_at <= $1 ORDER BY expire_at, id LIMIT $2";
}

/// Of several credits of one publisher in one conversion.
const OLDEST_CREDIT: &str = "NOT EXISTS (SELECT 1 FROM credit d
    WHERE d.conversion = c.conversion AND d.publisher = c.publisher AND d.position < c.position)";

/// Keep in step with the columns of `save`.
const UPSERT: &str = "ON CONFLICT (id) DO UPDATE SET status = excluded.status, flags = excluded.flags, reason = excluded.reason, reason_text = excluded.reason_text,
    sale_currency = excluded.sale_currency, amount = excluded.amount, refunded = excluded.refunded, currency = excluded.currency,
    commission = excluded.commission, share_publisher = excluded.share_publisher, share_buyer = excluded.share_buyer,
    share_platform = excluded.share_platform, net = excluded.net, buyer = excluded.buyer, publisher = excluded.publisher,
    link = excluded.link, click = excluded.click, terms_version = excluded.terms_version, occurred_at = excluded.occurred_at,
    day = excluded.day, recorded_at = excluded.recorded_at, approved_at = excluded.approved_at, payable_at = excluded.payable_at,
    claim_until = excluded.claim_until, expired_at = excluded.expired_at, buyer_paid = excluded.buyer_paid, approve_at = excluded.approve_at, expire_at = excluded.expire_at,
    bonuses = excluded.bonuses";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    program: i64,
    goal: String,
    order_id: String,
    status: String,
    flags: String,
    reason: Option<String>,
    reason_text: Option<String>,
    sale_currency: String,
    amount: i64,
    refunded: i64,
    currency: String,
    commission: i64,
    share_publisher: i64,
    share_buyer: i64,
    share_platform: i64,
    net: i64,
    buyer: Option<i64>,
    terms_version: i64,
    occurred_at: i64,
    recorded_at: i64,
    approved_at: Option<i64>,
    payable_at: Option<i64>,
    claim_until: Option<i64>,
    bonuses: Option<String>,
    expired_at: Option<i64>,
    buyer_paid: i64,
}

#[derive(sqlx::FromRow)]
struct CreditRow {
    conversion: i64,
    publisher: i64,
    link: Option<i64>,
    click: Option<i64>,
    weight: i64,
    amount: i64,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    program: i64,
    goal: String,
    order_id: String,
}

impl Row {
    fn with(self, credits: Vec<Credit>) -> Result<Conversion, StoreError> {
        let id = ConversionId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("conversion", column, id);
        let sold_in: Currency = self.sale_currency.parse().map_err(|_| corrupt("sale_currency"))?;
        let paid_in: Currency = self.currency.parse().map_err(|_| corrupt("currency"))?;
        let reason = match self.reason {
            Some(code) => Some(Why::stored(&code, self.reason_text).ok_or_else(|| corrupt("reason"))?),
            None => None,
        };
        let bonuses = self.bonuses.as_deref().map_or(Some(Vec::new()), bonus::parse).ok_or_else(|| corrupt("bonuses"))?;
        Ok(Conversion {
            id,
            program: ProgramId::from_raw(self.program),
            order_id: self.order_id,
            goal: self.goal,
            status: Status::from_word(&self.status).ok_or_else(|| corrupt("status"))?,
            flags: Flags::from_text(&self.flags),
            reason,
            amount: Money::new(self.amount, sold_in),
            refunded: Money::new(self.refunded, sold_in),
            commission: Money::new(self.commission, paid_in),
            shares: Shares { publisher: self.share_publisher, buyer: self.share_buyer, platform: self.share_platform },
            credits,
            bonuses,
            buyer: self.buyer.map(BuyerId::from_raw),
            terms_version: u32::try_from(self.terms_version).map_err(|_| corrupt("terms_version"))?,
            occurred_at: Time::from_micros(self.occurred_at),
            recorded_at: Time::from_micros(self.recorded_at),
            payable_at: self.payable_at.map(Time::from_micros),
            approved_at: self.approved_at.map(Time::from_micros),
            net: self.net,
            claim_until: self.claim_until.map(Time::from_micros),
            expired_at: self.expired_at.map(Time::from_micros),
            buyer_paid: self.buyer_paid != 0,
            cashback: None,
        })
    }
}

impl From<CreditRow> for Credit {
    fn from(row: CreditRow) -> Self {
        Self {
            publisher: PublisherId::from_raw(row.publisher),
            link: row.link.map(LinkId::from_raw),
            click: row.click.map(ClickId::from_raw),
            weight: row.weight,
            amount: row.amount,
        }
    }
}

async fn with_credits(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Conversion>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut credits: HashMap<i64, Vec<Credit>> = HashMap::new();
    for row in tx.all::<CreditRow>(CREDITS, args![rows.iter().map(|row| row.id).collect::<Vec<_>>()]).await? {
        credits.entry(row.conversion).or_default().push(row.into());
    }
    rows.into_iter()
        .map(|row| {
            let credits = credits.remove(&row.id).unwrap_or_default();
            row.with(credits)
        })
        .collect()
}

/// Which conversions a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Of a publisher: those in which it is credited, alone or with others.
    pub whose: Whose,
    pub program: Option<ProgramId>,
    pub status: Option<Status>,
    /// By `occurred_at`, from …
    pub since: Option<Time>,
    /// … until before.
    pub until: Option<Time>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: &Wanted, after: Option<ConversionId>, limit: i64) -> Result<Vec<Conversion>, StoreError> {
    let Whose { merchant, publisher, buyer } = wanted.whose;
    let after = after.map(ConversionId::raw);
    let filter = match publisher {
        None => Filter::new(LIST).and("id <", after),
        // From its credits on, newest first, so that a page reads no more rows of a rare publisher than of a common one. Several credits in
        // one conversion count as the oldest of them.
        Some(publisher) => Filter::new(LIST_CREDITED)
            .and("c.publisher =", Some(publisher.raw()))
            .and("c.conversion <", after)
            .and("id <", after)
            .only(true, OLDEST_CREDIT),
    };
    let filter = filter
        .and("merchant =", merchant.map(MerchantId::raw))
        .and("program =", wanted.program.map(ProgramId::raw))
        .and("buyer =", buyer.map(BuyerId::raw))
        .and("status =", wanted.status.map(Status::word))
        .and("occurred_at >=", wanted.since.map(Time::micros))
        .and("occurred_at <", wanted.until.map(Time::micros));
    let order = if publisher.is_some() { "ORDER BY c.conversion DESC" } else { "ORDER BY id DESC" };
    let rows = filter.order(order, limit).all(tx).await?;
    with_credits(tx, rows).await
}

pub async fn by_id(tx: &mut Tx, id: ConversionId) -> Result<Option<Conversion>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

pub async fn by_ids(tx: &mut Tx, ids: &[ConversionId]) -> Result<Vec<Conversion>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    let rows = Filter::new(LIST).any_of("id", Some(ids)).all(tx).await?;
    with_credits(tx, rows).await
}

/// The next conversions by id: their numbers.
pub async fn numbers(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Number {
        n: i64,
    }
    Ok(tx.all::<Number>(NUMBERS, args![after, limit]).await?.into_iter().map(|row| row.n).collect())
}

/// Those that the clock approves by now, longest due first.
pub async fn due_for_approval(tx: &mut Tx, now: Time, limit: i64) -> Result<Vec<OrderKey>, StoreError> {
    Ok(keys(tx.all(TO_APPROVE, args![now.micros(), limit]).await?))
}

/// Those whose unclaimed share has run out by now, longest due first.
pub async fn due_for_expiry(tx: &mut Tx, now: Time, limit: i64) -> Result<Vec<OrderKey>, StoreError> {
    Ok(keys(tx.all(TO_EXPIRE, args![now.micros(), limit]).await?))
}

fn keys(rows: Vec<KeyRow>) -> Vec<OrderKey> {
    let key = |row: KeyRow| OrderKey { program: ProgramId::from_raw(row.program), goal: row.goal, order_id: row.order_id };
    rows.into_iter().map(key).collect()
}

/// A conversion to store, with what the projection has beside it.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    pub conversion: &'a Conversion,
    pub merchant: MerchantId,
    /// Of `occurred_at`, in the installation's zone.
    pub day: Day,
}

impl Saved<'_> {
    /// The clock passes over what is held or unsigned.
    fn approve_at(&self) -> Option<i64> {
        let Conversion { status, flags, payable_at, .. } = self.conversion;
        let open = *status == Status::Pending && !flags.held && !flags.unsigned;
        payable_at.filter(|_| open).map(Time::micros)
    }

    fn expire_at(&self) -> Option<i64> {
        self.conversion.claim_until.filter(|_| self.conversion.flags.unclaimed).map(Time::micros)
    }
}

/// Takes conversions away whose orders wait for a rate again.
pub async fn delete(tx: &mut Tx, ids: &[ConversionId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    tx.run(DELETE, args![&ids]).await?;
    tx.run(DELETE_CREDITS, args![&ids]).await?;
    Ok(())
}

/// Stores conversions and their credits; each at most once.
pub async fn save(tx: &mut Tx, rows: &[Saved<'_>]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(rows, |row| row.conversion.id.raw())),
        ("merchant", Column::int(rows, |row| row.merchant.raw())),
        ("program", Column::int(rows, |row| row.conversion.program.raw())),
        ("goal", Column::text(rows, |row| &row.conversion.goal)),
        ("order_id", Column::text(rows, |row| &row.conversion.order_id)),
        ("status", Column::text(rows, |row| row.conversion.status.word())),
        ("flags", Column::string(rows, |row| row.conversion.flags.text())),
        ("reason", Column::text_or_null(rows, |row| row.conversion.reason.as_ref().map(Why::code))),
        ("reason_text", Column::text_or_null(rows, |row| row.conversion.reason.as_ref().and_then(Why::words))),
        ("sale_currency", Column::text(rows, |row| row.conversion.amount.currency.code())),
        ("amount", Column::int(rows, |row| row.conversion.amount.minor)),
        ("refunded", Column::int(rows, |row| row.conversion.refunded.minor)),
        ("currency", Column::text(rows, |row| row.conversion.commission.currency.code())),
        ("commission", Column::int(rows, |row| row.conversion.commission.minor)),
        ("share_publisher", Column::int(rows, |row| row.conversion.shares.publisher)),
        ("share_buyer", Column::int(rows, |row| row.conversion.shares.buyer)),
        ("share_platform", Column::int(rows, |row| row.conversion.shares.platform)),
        ("net", Column::int(rows, |row| row.conversion.net)),
        ("buyer", Column::int_or_null(rows, |row| row.conversion.buyer.map(BuyerId::raw))),
        ("publisher", Column::int_or_null(rows, |row| row.conversion.newest().map(|credit| credit.publisher.raw()))),
        ("link", Column::int_or_null(rows, |row| row.conversion.newest().and_then(|credit| credit.link).map(LinkId::raw))),
        ("click", Column::int_or_null(rows, |row| row.conversion.newest().and_then(|credit| credit.click).map(ClickId::raw))),
        ("terms_version", Column::int(rows, |row| i64::from(row.conversion.terms_version))),
        ("occurred_at", Column::int(rows, |row| row.conversion.occurred_at.micros())),
        ("day", Column::int(rows, |row| row.day.number())),
        ("recorded_at", Column::int(rows, |row| row.conversion.recorded_at.micros())),
        ("approved_at", Column::int_or_null(rows, |row| row.conversion.approved_at.map(Time::micros))),
        ("payable_at", Column::int_or_null(rows, |row| row.conversion.payable_at.map(Time::micros))),
        ("claim_until", Column::int_or_null(rows, |row| row.conversion.claim_until.map(Time::micros))),
        ("expired_at", Column::int_or_null(rows, |row| row.conversion.expired_at.map(Time::micros))),
        ("buyer_paid", Column::int(rows, |row| i64::from(row.conversion.buyer_paid))),
        ("approve_at", Column::int_or_null(rows, Saved::approve_at)),
        ("expire_at", Column::int_or_null(rows, Saved::expire_at)),
        ("bonuses", Column::string_or_null(rows, |row| bonus::text(&row.conversion.bonuses))),
    ];
    bulk::insert(tx, "conversion", &columns, UPSERT).await?;
    save_credits(tx, rows).await
}

async fn save_credits(tx: &mut Tx, rows: &[Saved<'_>]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    tx.run(DELETE_CREDITS, args![rows.iter().map(|row| row.conversion.id.raw()).collect::<Vec<_>>()]).await?;
    let mut credits: Vec<(i64, i64, &Credit)> = Vec::new();
    for row in rows {
        credits.extend((1..).zip(&row.conversion.credits).map(|(position, credit)| (row.conversion.id.raw(), position, credit)));
    }
    let columns = [
        ("conversion", Column::int(&credits, |(conversion, ..)| *conversion)),
        ("position", Column::int(&credits, |(_, position, _)| *position)),
        ("publisher", Column::int(&credits, |(.., credit)| credit.publisher.raw())),
        ("link", Column::int_or_null(&credits, |(.., credit)| credit.link.map(LinkId::raw))),
        ("click", Column::int_or_null(&credits, |(.., credit)| credit.click.map(ClickId::raw))),
        ("weight", Column::int(&credits, |(.., credit)| credit.weight)),
        ("amount", Column::int(&credits, |(.., credit)| credit.amount)),
    ];
    bulk::insert(tx, "credit", &columns, "").await?;
    Ok(())
}

/// Those of a program whose orders were placed since then and before that moment, in the sequence in which they were recorded: their numbers.
pub async fn as_recorded(
    tx: &mut Tx,
    program: ProgramId,
    (since, until): (Option<Time>, Option<Time>),
    only_with_bonuses: bool,
) -> Result<Vec<ConversionId>, StoreError> {
    let rows: Vec<(i64,)> = Filter::new(NUMBERS_OF)
        .and("program =", Some(program.raw()))
        .and("occurred_at >=", since.map(Time::micros))
        .and("occurred_at <", until.map(Time::micros))
        .only(only_with_bonuses, "bonuses IS NOT NULL")
        .tail("ORDER BY recorded_at, id")
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|(id,)| ConversionId::from_raw(id)).collect())
}
