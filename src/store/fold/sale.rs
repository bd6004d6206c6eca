//! As what conversions stand in the roll-ups, and as what they should: a change posts the difference.
use super::super::bulk::{self, Column};
use super::super::db::Tx;
use super::super::error::StoreError;
use super::super::filter::Filter;
use super::{Number, currency, numbers, scope};
use crate::domain::{
    conversion::Status,
    facet::{NO_CLICK, Teller, Traits, Values},
    report::{Cell, Sales, Scope, Tally},
};
use crate::kernel::{
    currency::Currency,
    id::{ClickId, ConversionId},
    time::Day,
};
use crate::{args, statements};
use std::{borrow::Cow, collections::BTreeMap};

statements! {
    CONVERSIONS = "SELECT id, program, status, currency, commission, publisher, link, click, day FROM conversion
        WHERE id IN (SELECT value FROM json_each($1))",
        postgres "SELECT id, program, status, currency, commission, publisher, link, click, day FROM conversion WHERE id = ANY($1)";
    KEPT = "SELECT conversion, day, program, publisher, link, click, found, country, referrer, agent, sub1, currency, conversions, commission
        FROM report_sale";
    TRAITS = "SELECT c.id, c.country, r.text AS referrer, a.text AS agent, c.sub1
        FROM click c LEFT JOIN phrase r ON r.id = c.referrer LEFT JOIN phrase a ON a.id = c.agent
        WHERE c.id IN (SELECT value FROM json_each($1))",
        postgres "SELECT c.id, c.country, r.text AS referrer, a.text AS agent, c.sub1
        FROM click c LEFT JOIN phrase r ON r.id = c.referrer LEFT JOIN phrase a ON a.id = c.agent WHERE c.id = ANY($1)";
    LONE = "SELECT r.conversion AS n FROM report_sale r LEFT JOIN conversion c ON c.id = r.conversion
        WHERE c.id IS NULL AND r.conversions <> 0 ORDER BY r.conversion";
}

/// As what a conversion stands in the roll-ups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub conversion: ConversionId,
    pub scope: Scope,
    /// Whose words these are.
    pub click: Option<ClickId>,
    /// Whether that click was stored when it was looked up. If it was not, it is looked up again when it comes.
    pub found: bool,
    pub words: Values<String>,
    pub currency: Currency,
    /// Neither unattributed nor rejected.
    pub counts: bool,
    /// Minor units; 0 where it does not count.
    pub commission: i64,
}

impl Kept {
    /// What it counts as, or what is taken away when it no longer does.
    pub fn cell(&self, added: bool) -> Option<Cell<'_>> {
        let sign = if added { 1 } else { -1 };
        let tally = Tally::sale(self.currency, Sales(sign, sign * self.commission));
        self.counts.then(|| Cell { scope: self.scope, words: self.words.each_ref().map(String::as_str), tally })
    }
}

/// A conversion that stands otherwise in the roll-ups than it should.
#[derive(Debug)]
pub struct SaleChange {
    pub old: Option<Kept>,
    pub new: Kept,
}

#[derive(sqlx::FromRow)]
struct ConversionRow {
    id: i64,
    program: i64,
    status: String,
    currency: String,
    commission: i64,
    publisher: Option<i64>,
    link: Option<i64>,
    click: Option<i64>,
    day: i64,
}

#[derive(sqlx::FromRow)]
struct KeptRow {
    conversion: i64,
    day: i64,
    program: i64,
    publisher: i64,
    link: i64,
    click: Option<i64>,
    found: bool,
    country: String,
    referrer: String,
    agent: String,
    sub1: String,
    currency: String,
    conversions: i64,
    commission: i64,
}

#[derive(sqlx::FromRow)]
struct TraitsRow {
    id: i64,
    country: Option<String>,
    referrer: Option<String>,
    agent: Option<String>,
    sub1: Option<String>,
}

impl TraitsRow {
    fn traits(&self) -> Traits<'_> {
        Traits {
            country: self.country.as_deref(),
            referrer: self.referrer.as_deref(),
            agent: self.agent.as_deref(),
            sub1: self.sub1.as_deref(),
        }
    }
}

impl KeptRow {
    fn read(self) -> Result<Kept, StoreError> {
        Ok(Kept {
            conversion: ConversionId::from_raw(self.conversion),
            scope: scope("report_sale", self.day, self.program, self.publisher, self.link)?,
            click: self.click.map(ClickId::from_raw),
            found: self.found,
            words: [self.country, self.referrer, self.agent, self.sub1],
            currency: currency("report_sale", &self.currency)?,
            counts: self.conversions != 0,
            commission: self.commission,
        })
    }
}

/// Whether the words of a click that was found before are looked up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    Kept,
    LookedUpAgain,
}

/// How these conversions stand and should stand; those that stand as they should are left out.
pub async fn changes(tx: &mut Tx, conversions: &[i64], lookup: Words) -> Result<Vec<SaleChange>, StoreError> {
    if conversions.is_empty() {
        return Ok(Vec::new());
    }
    let kept: Vec<KeptRow> = Filter::new(KEPT).any_of("conversion", Some(conversions)).all(tx).await?;
    let mut kept: BTreeMap<i64, Kept> = kept.into_iter().map(|row| Ok((row.conversion, row.read()?))).collect::<Result<_, StoreError>>()?;
    let rows: Vec<ConversionRow> = tx.all(CONVERSIONS, args![conversions]).await?;
    let wanted = |row: &ConversionRow| {
        let known = kept.get(&row.id).is_some_and(|kept| kept.found && kept.click.map(ClickId::raw) == row.click);
        row.click.filter(|_| !known || lookup == Words::LookedUpAgain)
    };
    let clicks: Vec<i64> = rows.iter().filter_map(wanted).collect();
    let words = words(tx, &clicks).await?;
    let mut changes = Vec::new();
    for row in rows {
        let old = kept.remove(&row.id);
        let new = stands(&row, old.as_ref(), &words)?;
        // One that never counted needs no row.
        if old.as_ref().map_or(new.counts, |old| *old != new) {
            changes.push(SaleChange { old, new });
        }
    }
    // What is left has no conversion any more: its sale waits for a rate again.
    for old in kept.into_values().filter(|kept| kept.counts) {
        changes.push(SaleChange { new: Kept { counts: false, commission: 0, ..old.clone() }, old: Some(old) });
    }
    Ok(changes)
}

/// The words of these clicks, of those that are stored.
async fn words(tx: &mut Tx, clicks: &[i64]) -> Result<BTreeMap<i64, Values<String>>, StoreError> {
    if clicks.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<TraitsRow> = tx.all(TRAITS, args![clicks]).await?;
    let mut teller = Teller::default();
    Ok(rows.iter().map(|row| (row.id, teller.words(&row.traits()).map(Cow::into_owned))).collect())
}

/// As what a conversion should stand. The words of a click are looked up once: what later becomes of its row changes no sum.
fn stands(row: &ConversionRow, old: Option<&Kept>, words: &BTreeMap<i64, Values<String>>) -> Result<Kept, StoreError> {
    let id = ConversionId::from_raw(row.id);
    let status = Status::from_word(&row.status).ok_or_else(|| StoreError::corrupt("conversion", "status", id))?;
    let counts = !matches!(status, Status::Unattributed | Status::Rejected);
    let click = row.click.map(ClickId::from_raw);
    let (found, words) = match (row.click.and_then(|click| words.get(&click)), old) {
        (Some(words), _) => (true, words.clone()),
        (None, Some(old)) if old.click == click => (old.found, old.words.clone()),
        (None, _) => (false, NO_CLICK.map(str::to_owned)),
    };
    Ok(Kept {
        conversion: id,
        scope: scope("conversion", row.day, row.program, row.publisher.unwrap_or(0), row.link.unwrap_or(0))?,
        click,
        found,
        words,
        currency: currency("conversion", &row.currency)?,
        counts,
        commission: if counts { row.commission } else { 0 },
    })
}

/// Keeps as what the changed conversions stand from now on.
pub(super) async fn save_kept(tx: &mut Tx, changes: &[SaleChange]) -> Result<(), StoreError> {
    let mut rows: Vec<&Kept> = changes.iter().map(|change| &change.new).collect();
    rows.sort_unstable_by_key(|kept| kept.conversion);
    let columns = [
        ("conversion", Column::int(&rows, |kept| kept.conversion.raw())),
        ("day", Column::int(&rows, |kept| numbers(&kept.scope).0)),
        ("program", Column::int(&rows, |kept| numbers(&kept.scope).1)),
        ("publisher", Column::int(&rows, |kept| numbers(&kept.scope).2)),
        ("link", Column::int(&rows, |kept| numbers(&kept.scope).3)),
        ("click", Column::int_or_null(&rows, |kept| kept.click.map(ClickId::raw))),
        ("found", Column::bool(&rows, |kept| kept.found)),
        ("country", Column::text(&rows, |kept| &kept.words[0])),
        ("referrer", Column::text(&rows, |kept| &kept.words[1])),
        ("agent", Column::text(&rows, |kept| &kept.words[2])),
        ("sub1", Column::text(&rows, |kept| &kept.words[3])),
        ("currency", Column::text(&rows, |kept| kept.currency.code())),
        ("conversions", Column::int(&rows, |kept| i64::from(kept.counts))),
        ("commission", Column::int(&rows, |kept| kept.commission)),
    ];
    let tail = "ON CONFLICT (conversion) DO UPDATE SET day = excluded.day, program = excluded.program, publisher = excluded.publisher,
        link = excluded.link, click = excluded.click, found = excluded.found, country = excluded.country, referrer = excluded.referrer,
        agent = excluded.agent, sub1 = excluded.sub1, currency = excluded.currency, conversions = excluded.conversions,
        commission = excluded.commission";
    bulk::insert(tx, "report_sale", &columns, tail).await.map(drop)
}

/// The conversions that stand in the roll-ups on a day.
pub async fn kept_of_day(tx: &mut Tx, day: Day) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<KeptRow> = Filter::new(KEPT).and("day =", Some(day.number())).all(tx).await?;
    rows.into_iter().map(KeptRow::read).collect()
}

/// Conversions that stand in the roll-ups and are no more.
pub async fn lone(tx: &mut Tx) -> Result<Vec<ConversionId>, StoreError> {
    Ok(tx.all::<Number>(LONE, args![]).await?.into_iter().map(|row| ConversionId::from_raw(row.n)).collect())
}
