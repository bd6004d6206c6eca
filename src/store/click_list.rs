//! The list of clicks, newest first. Clicks have no index but their id, on purpose: the list walks back along it, a bounded stretch at a
//! time, and says how far it came.
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{access::Whose, click::Quality};
use crate::kernel::{
    country::Country,
    id::{BuyerId, ClickId, LinkId, MerchantId, ProgramId, PublisherId, lowest_at},
    time::Time,
};
use crate::statements;

/// A look goes through 20,000 clicks at most, whether they fit or not: some 20 ms, so that nobody's transaction is long. This skips to
/// the last of them.
const TO_THE_LAST: &str = "OFFSET 19999";

statements! {
    /// `Filter` adds the bounds, and skips all but the last of a stretch.
    STRETCH = "SELECT id AS lowest FROM click";
    LIST = "SELECT c.id, c.link, l.publisher, l.program, p.merchant, c.quality, c.consent, c.buyer, c.address, c.country, a.text AS agent,
        r.text AS referrer, c.sub1, c.sub2, c.sub3, c.sub4, c.sub5, c.url
        FROM click c JOIN link l ON l.id = c.link JOIN program p ON p.id = l.program
        LEFT JOIN phrase a ON a.id = c.agent LEFT JOIN phrase r ON r.id = c.referrer";
}

/// A click as stored, with its link's program, publisher and merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Carries the time.
    pub id: ClickId,
    pub link: LinkId,
    pub publisher: PublisherId,
    pub program: ProgramId,
    pub merchant: MerchantId,
    pub quality: Quality,
    pub consent: bool,
    pub buyer: Option<BuyerId>,
    pub address: Option<String>,
    pub country: Option<Country>,
    pub agent: Option<String>,
    pub referrer: Option<String>,
    pub subs: [Option<String>; 5],
    /// The deep link that was followed.
    pub url: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    link: i64,
    publisher: i64,
    program: i64,
    merchant: i64,
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
struct Stretch {
    lowest: i64,
}

impl TryFrom<Row> for Stored {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = ClickId::from_raw(row.id);
        let quality = u8::try_from(row.quality).ok().and_then(Quality::from_number);
        Ok(Self {
            id,
            link: LinkId::from_raw(row.link),
            publisher: PublisherId::from_raw(row.publisher),
            program: ProgramId::from_raw(row.program),
            merchant: MerchantId::from_raw(row.merchant),
            quality: quality.ok_or_else(|| StoreError::corrupt("click", "quality", id))?,
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

/// Which clicks a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub whose: Whose,
    pub program: Option<ProgramId>,
    pub link: Option<LinkId>,
    pub quality: Option<Quality>,
    /// From …
    pub since: Option<Time>,
    /// … until before.
    pub until: Option<Time>,
}

/// What one look found.
#[derive(Debug)]
pub struct Found {
    /// Newest first; at most as many as were asked for.
    pub clicks: Vec<Stored>,
    /// Where to go on: every click that is not older has been looked at. None where there is nothing older.
    pub next: Option<ClickId>,
    /// Down to which moment everything has been looked at; none where that is the beginning.
    pub searched_to: Option<Time>,
}

/// Looks through the next stretch of clicks older than `after`, for at most `limit` that fit.
pub async fn list(tx: &mut Tx, wanted: &Wanted, after: Option<ClickId>, limit: i64) -> Result<Found, StoreError> {
    let until = wanted.until.map(lowest_at);
    let below = after.map(ClickId::raw).into_iter().chain(until).min();
    let since = wanted.since.map(lowest_at);
    let stretch = Filter::new(STRETCH).and("id <", below).and("id >=", since).order("ORDER BY id DESC", 1).tail(TO_THE_LAST);
    // None: all that is left is less than a stretch.
    let lowest = stretch.one::<Stretch>(tx).await?.map(|stretch| stretch.lowest);
    let Whose { merchant, publisher, buyer } = wanted.whose;
    let rows: Vec<Row> = Filter::new(LIST)
        .and("c.id <", below)
        .and("c.id >=", lowest.or(since))
        .and("c.link =", wanted.link.map(LinkId::raw))
        .and("l.publisher =", publisher.map(PublisherId::raw))
        .and("l.program =", wanted.program.map(ProgramId::raw))
        .and("p.merchant =", merchant.map(MerchantId::raw))
        .and("c.buyer =", buyer.map(BuyerId::raw))
        .and("c.quality =", wanted.quality.map(|quality| i64::from(quality.number())))
        .order("ORDER BY c.id DESC", limit.saturating_add(1))
        .all(tx)
        .await?;
    let mut clicks = rows.into_iter().map(Stored::try_from).collect::<Result<Vec<_>, _>>()?;
    let cut = usize::try_from(limit).is_ok_and(|limit| clicks.len() > limit);
    clicks.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = match clicks.last() {
        Some(last) if cut => Some(last.id),
        _ => lowest.map(ClickId::from_raw),
    };
    let searched_to = next.map(|next| crate::kernel::id::time_of(next.raw())).or(wanted.since);
    Ok(Found { clicks, next, searched_to })
}

pub async fn by_id(tx: &mut Tx, id: ClickId) -> Result<Option<Stored>, StoreError> {
    Filter::new(LIST).and("c.id =", Some(id.raw())).one::<Row>(tx).await?.map(Stored::try_from).transpose()
}
