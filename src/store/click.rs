//! Clicks, the dictionary of their long texts, and what is left with them for the roll-ups.
use super::bulk::Column;
use super::db::Tx;
use super::direct::InsertTx;
use super::error::StoreError;
use super::filter::Filter;
use super::fold;
use crate::domain::{
    click::{Click, Quality},
    fold::{ClickFold, Counter},
};
use crate::kernel::{
    country::Country,
    id::{BuyerId, ClickId, LinkId, ProgramId, PublisherId, time_of},
};
use crate::{args, statements};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

statements! {
    STORED_ONE = "SELECT id FROM click WHERE id = $1";
    STORED = "SELECT id FROM click WHERE id IN (SELECT value FROM json_each($1))", postgres "SELECT id FROM click WHERE id = ANY($1)";
    /// Program and publisher are the link's. The phrases of a few thousand clicks are few, and found again at once.
    PAGE = "SELECT c.id, c.link, l.publisher, l.program, c.quality, c.country, a.text AS agent, r.text AS referrer, c.sub1
        FROM click c LEFT JOIN link l ON l.id = c.link LEFT JOIN phrase a ON a.id = c.agent LEFT JOIN phrase r ON r.id = c.referrer
        WHERE c.id > $1 ORDER BY c.id LIMIT $2";
    LIST = "SELECT c.id, c.link, c.quality, c.consent, c.buyer, c.address, c.country, a.text AS agent, r.text AS referrer,
        c.sub1, c.sub2, c.sub3, c.sub4, c.sub5, c.url
        FROM click c LEFT JOIN phrase a ON a.id = c.agent LEFT JOIN phrase r ON r.id = c.referrer";
}

/// A click as stored: its time and node are in the id, its program and publisher are its link's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: ClickId,
    pub link: LinkId,
    pub quality: Quality,
    pub consent: bool,
    pub buyer: Option<BuyerId>,
    pub address: Option<String>,
    pub country: Option<Country>,
    pub agent: Option<String>,
    pub referrer: Option<String>,
    pub subs: [Option<String>; 5],
    pub url: Option<String>,
}

impl Stored {
    /// Whether a click says the same, whatever its id.
    pub fn says_the_same(&self, click: &Click) -> bool {
        let Self { id: _, link, quality, consent, buyer, address, country, agent, referrer, subs, url } = self;
        (*link, *quality, *consent, *buyer) == (click.link, click.quality, click.consent, click.buyer)
            && (address, country, agent, referrer) == (&click.address, &click.country, &click.agent, &click.referrer)
            && (subs, url) == (&click.subs, &click.url)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    link: i64,
    quality: i64,
    consent: bool,
    buyer: Option<i64>,
    address: Option<String>,
    country: Option<String>,
    agent: Option<String>,
    referrer: Option<String>,
    sub1: Option<String>,
    sub2: Option<String>,
    sub3: Option<String>,
    sub4: Option<String>,
    sub5: Option<String>,
    url: Option<String>,
}

#[derive(sqlx::FromRow)]
struct IdRow {
    id: i64,
}

fn quality(id: i64, number: i64) -> Result<Quality, StoreError> {
    let known = u8::try_from(number).ok().and_then(Quality::from_number);
    known.ok_or_else(|| StoreError::corrupt("click", "quality", ClickId::from_raw(id)))
}

impl TryFrom<Row> for Stored {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ClickId::from_raw(row.id),
            link: LinkId::from_raw(row.link),
            quality: quality(row.id, row.quality)?,
            consent: row.consent,
            buyer: row.buyer.map(BuyerId::from_raw),
            address: row.address,
            country: row.country.as_deref().and_then(Country::parse),
            agent: row.agent,
            referrer: row.referrer,
            subs: [row.sub1, row.sub2, row.sub3, row.sub4, row.sub5],
            url: row.url,
        })
    }
}

/// The number of a phrase: the first 63 bits of the text's SHA-256. Two texts of one number would share the first one's text; among a
/// billion texts that happens once in 18 such installations, and no money hangs on it.
pub fn phrase_id(text: &str) -> i64 {
    let hash = Sha256::digest(text.as_bytes());
    let first: [u8; 8] = hash[..8].try_into().expect("a SHA-256 has 32 bytes");
    i64::from_be_bytes(first) & i64::MAX
}

/// Stores clicks whose ids were just made. `known` are phrases stored before; gives those stored now, for the caller to remember *after
/// the commit*.
pub async fn insert_new(
    tx: &mut InsertTx<'_>,
    counter: &mut Counter,
    clicks: &[&Click],
    known: &HashSet<i64, impl BuildHasher>,
) -> Result<Vec<i64>, StoreError> {
    insert(tx, counter, clicks, known, false).await
}

/// As [`insert_new`], for clicks that may be stored already: from the spool, or of a commit whose end was not heard. Gives the phrases,
/// and which of `clicks` were passed over because their ids are taken.
pub async fn insert_missing(
    tx: &mut InsertTx<'_>,
    counter: &mut Counter,
    clicks: &[&Click],
    known: &HashSet<i64, impl BuildHasher>,
) -> Result<(Vec<i64>, Vec<usize>), StoreError> {
    let mut seen: HashSet<ClickId> = match tx {
        InsertTx::Usual(tx) => stored(tx, &clicks.iter().map(|click| click.id).collect::<Vec<_>>()).await?,
        InsertTx::Direct(tx) => {
            tx.known(STORED_ONE, clicks.iter().map(|click| click.id.raw()))?.into_iter().map(ClickId::from_raw).collect()
        }
    };
    let (mut missing, mut taken) = (Vec::with_capacity(clicks.len()), Vec::new());
    for (n, click) in clicks.iter().enumerate() {
        if seen.insert(click.id) {
            missing.push(*click);
        } else {
            taken.push(n);
        }
    }
    let phrases = insert(tx, counter, &missing, known, true).await?;
    Ok((phrases, taken))
}

async fn insert(
    tx: &mut InsertTx<'_>,
    counter: &mut Counter,
    clicks: &[&Click],
    known: &HashSet<i64, impl BuildHasher>,
    late: bool,
) -> Result<Vec<i64>, StoreError> {
    let phrases = phrases(clicks);
    let new = insert_phrases(tx, clicks, &phrases, known).await?;
    insert_rows(tx, clicks, &phrases).await?;
    leave(tx, counter, clicks, late).await?;
    Ok(new)
}

/// The numbers of each click's agent and referrer.
type Phrases = [Option<i64>; 2];

fn phrases(clicks: &[&Click]) -> Vec<Phrases> {
    clicks.iter().map(|click| [&click.agent, &click.referrer].map(|text| text.as_deref().map(phrase_id))).collect()
}

async fn insert_phrases(
    tx: &mut InsertTx<'_>,
    clicks: &[&Click],
    phrases: &[Phrases],
    known: &HashSet<i64, impl BuildHasher>,
) -> Result<Vec<i64>, StoreError> {
    let texts = clicks.iter().flat_map(|click| [&click.agent, &click.referrer]);
    let pairs = phrases.iter().flatten().zip(texts).filter_map(|(id, text)| Some(((*id)?, text.as_deref()?)));
    // Sorted: another node may store the same.
    let new: BTreeMap<i64, &str> = pairs.filter(|(id, _)| !known.contains(id)).collect();
    let rows: Vec<(i64, &str)> = new.into_iter().collect();
    let columns = [("id", Column::int(&rows, |(id, _)| *id)), ("text", Column::text(&rows, |(_, text)| text))];
    tx.insert("phrase", &columns, "ON CONFLICT (id) DO NOTHING").await?;
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

async fn insert_rows(tx: &mut InsertTx<'_>, clicks: &[&Click], phrases: &[Phrases]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(clicks, |click| click.id.raw())),
        ("link", Column::int(clicks, |click| click.link.raw())),
        ("quality", Column::int(clicks, |click| i64::from(click.quality.number()))),
        ("consent", Column::bool(clicks, |click| click.consent)),
        ("buyer", Column::int_or_null(clicks, |click| click.buyer.map(BuyerId::raw))),
        ("address", Column::text_or_null(clicks, |click| click.address.as_deref())),
        ("country", Column::text_or_null(clicks, |click| click.country.as_ref().map(Country::code))),
        ("agent", Column::int_or_null(phrases, |[agent, _]| *agent)),
        ("referrer", Column::int_or_null(phrases, |[_, referrer]| *referrer)),
        ("sub1", Column::text_or_null(clicks, |click| click.subs[0].as_deref())),
        ("sub2", Column::text_or_null(clicks, |click| click.subs[1].as_deref())),
        ("sub3", Column::text_or_null(clicks, |click| click.subs[2].as_deref())),
        ("sub4", Column::text_or_null(clicks, |click| click.subs[3].as_deref())),
        ("sub5", Column::text_or_null(clicks, |click| click.subs[4].as_deref())),
        ("url", Column::text_or_null(clicks, |click| click.url.as_deref())),
    ];
    tx.insert("click", &columns, "").await?;
    Ok(())
}

/// What the clicks count for in reports, left for the folder.
async fn leave(tx: &mut InsertTx<'_>, counter: &mut Counter, clicks: &[&Click], late: bool) -> Result<(), StoreError> {
    match clicks.first() {
        Some(first) => fold::leave_clicks(tx, first.id, &ClickFold::of(counter, clicks, late)).await,
        None => Ok(()),
    }
}

/// Which of these ids are stored.
pub async fn stored(tx: &mut Tx, ids: &[ClickId]) -> Result<HashSet<ClickId>, StoreError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<IdRow> = tx.all(STORED, args![ids.iter().map(|id| id.raw()).collect::<Vec<_>>()]).await?;
    Ok(rows.into_iter().map(|row| ClickId::from_raw(row.id)).collect())
}

#[derive(sqlx::FromRow)]
struct PageRow {
    id: i64,
    link: i64,
    publisher: Option<i64>,
    program: Option<i64>,
    quality: i64,
    country: Option<String>,
    agent: Option<String>,
    referrer: Option<String>,
    sub1: Option<String>,
}

/// The next clicks by id, as far as reports count them: what else is stored of them is left out.
pub async fn page(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<Click>, StoreError> {
    let rows: Vec<PageRow> = tx.all(PAGE, args![after, limit]).await?;
    let read = |row: PageRow| {
        Ok(Click {
            id: ClickId::from_raw(row.id),
            link: LinkId::from_raw(row.link),
            publisher: PublisherId::from_raw(row.publisher.unwrap_or(0)),
            program: ProgramId::from_raw(row.program.unwrap_or(0)),
            at: time_of(row.id),
            quality: quality(row.id, row.quality)?,
            consent: true,
            buyer: None,
            address: None,
            country: row.country.as_deref().and_then(Country::parse),
            agent: row.agent,
            referrer: row.referrer,
            subs: [row.sub1, None, None, None, None],
            url: None,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Every click with all that is stored of it, oldest first, behind `after`.
pub async fn whole_page(tx: &mut Tx, after: ClickId, limit: i64) -> Result<Vec<Stored>, StoreError> {
    let rows: Vec<Row> = Filter::new(LIST).and("c.id >", Some(after.raw())).order("ORDER BY c.id", limit).all(tx).await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// Those of these clicks that are stored.
pub async fn by_ids(tx: &mut Tx, ids: &[ClickId]) -> Result<Vec<Stored>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    let rows: Vec<Row> = Filter::new(LIST).any_of("c.id", Some(ids)).all(tx).await?;
    rows.into_iter().map(Stored::try_from).collect()
}
