//! Part of `verify`: clicks and conversions are counted again, a day at a time, and must come to what the roll-ups of reports hold.

use crate::domain::{
    audit::Breach,
    click::Click,
    facet::{Facet, OTHER, Values, WORDS},
    fold::{ClickFold, Counter},
    report::{Cell, Deltas, Parts, Scope, Stored, Sums, Tally},
};
use crate::kernel::{
    id::{ConversionId, time_of},
    time::{Day, Zone},
};
use crate::store::{
    self, StoreError, Tx,
    fold::{self, Pending, StoredDay, Words},
};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one read. With the scopes of one day it bounds the memory, whatever the size of the database.
const PAGE: i64 = 10_000;

/// Counts everything again; gives the number of clicks.
pub async fn recount(tx: &mut Tx, zone: &Zone, breaches: &mut Vec<Breach>) -> Result<u64, StoreError> {
    let words = fold::state(tx).await?.words;
    // 0: no server has folded yet, and everything waits: a new installation, or one that was only imported into.
    if words != WORDS && words != 0 {
        let detail =
            format!("the roll-ups are made by version {words} of the words, not {WORDS}: the next start of the server makes them anew");
        breaches.push(Breach::new("reports_outdated", "report_state", detail));
    }
    let pending = fold::pending(tx, i64::MAX).await?;
    sales(tx, &pending, breaches).await?;
    let waiting = waiting(&pending);
    let left = fold::days(tx).await?.into_iter().chain(waiting.keys().copied()).collect();
    let mut walk = Walk { waiting, left };
    let mut folding = Counter::new(zone.clone());
    let (mut clicks, mut after) = (0, 0);
    // The clicks of one day: ids ascend with time.
    let mut day: Option<(Day, Deltas)> = None;
    loop {
        let page = store::click::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id.raw();
        clicks += page.len() as u64;
        for same_day in page.chunk_by(|a, b| zone.day(time_of(a.id.raw())) == zone.day(time_of(b.id.raw()))) {
            let this = zone.day(time_of(same_day[0].id.raw()));
            if day.as_ref().is_some_and(|(day, _)| *day != this)
                && let Some((done, counted)) = day.take()
            {
                walk.compare(tx, done, counted, breaches).await?;
            }
            let (_, counted) = day.get_or_insert_with(|| (this, Deltas::default()));
            let fold = ClickFold::of(&mut folding, &same_day.iter().collect::<Vec<&Click>>(), false);
            fold.cells().for_each(|cell| counted.add(&cell));
        }
    }
    if let Some((done, counted)) = day {
        walk.compare(tx, done, counted, breaches).await?;
    }
    for without_clicks in std::mem::take(&mut walk.left) {
        walk.compare(tx, without_clicks, Deltas::default(), breaches).await?;
    }
    Ok(clicks)
}

/// Every conversion stands in the roll-ups as it is, or waits to.
async fn sales(tx: &mut Tx, pending: &Pending, breaches: &mut Vec<Breach>) -> Result<(), StoreError> {
    let waits: BTreeSet<ConversionId> = pending.sales.iter().map(|change| change.new.conversion).collect();
    let mut wrong: Vec<ConversionId> = fold::lone(tx).await?;
    let mut after = 0;
    loop {
        let page = store::conversion::numbers(tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = *last;
        let changes = fold::changes(tx, &page, Words::LookedUpAgain).await?;
        wrong.extend(changes.iter().map(|change| change.new.conversion));
    }
    for id in wrong.into_iter().filter(|id| !waits.contains(id)) {
        breaches.push(Breach::new("report_sale_differs", id, "it stands otherwise in the roll-ups, and does not wait to be folded"));
    }
    Ok(())
}

/// Clicks that the roll-ups do not hold yet, to be taken away, by day.
fn waiting(pending: &Pending) -> BTreeMap<Day, Deltas> {
    let mut waiting: BTreeMap<Day, Deltas> = BTreeMap::new();
    for cell in pending.clicks.iter().flat_map(ClickFold::cells) {
        let tally = Tally::clicks(-cell.tally.raw, -cell.tally.counted);
        waiting.entry(cell.scope.day).or_default().add(&Cell { tally, ..cell });
    }
    waiting
}

struct Walk {
    waiting: BTreeMap<Day, Deltas>,
    /// Days of the roll-ups and of what waits that are not compared yet.
    left: BTreeSet<Day>,
}

impl Walk {
    /// What is stored of a day must be its clicks, less those that wait, and the conversions that stand on it.
    async fn compare(&mut self, tx: &mut Tx, day: Day, mut counted: Deltas, breaches: &mut Vec<Breach>) -> Result<(), StoreError> {
        self.left.remove(&day);
        if let Some(waiting) = self.waiting.remove(&day) {
            counted.add_all(&waiting);
        }
        let sales = fold::kept_of_day(tx, day).await?;
        sales.iter().filter_map(|kept| kept.cell(true)).for_each(|cell| counted.add(&cell));
        let StoredDay { clicks, sales, parts } = fold::of_day(tx, day).await?;
        differences(&clicks, &counted.clicks, |(_, link), stored, counted| {
            let detail = format!("{day}: raw and counted are {stored:?}, the clicks say {counted:?}");
            breaches.push(Breach::new("statistics_differ", link, detail));
        });
        differences(&sales, &counted.sales, |key, stored, counted| {
            let link = key.scope.link.map_or_else(|| "no link".to_owned(), |link| link.to_string());
            let detail = format!("{day}: {}: {stored:?}, the conversions say {counted:?}", key.currency);
            breaches.push(Breach::new("sale_statistics_differ", link, detail));
        });
        let counted = counted.parts();
        for scope in parts.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
            compare_parts(scope, parts.get(scope), counted.get(scope), breaches);
        }
        Ok(())
    }
}

/// Every key whose values differ; one that is missing counts as the default.
fn differences<K: Ord, V: Default + PartialEq>(stored: &BTreeMap<K, V>, counted: &BTreeMap<K, V>, mut differs: impl FnMut(&K, &V, &V)) {
    let none = V::default();
    for key in stored.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
        let (stored, counted) = (stored.get(key).unwrap_or(&none), counted.get(key).unwrap_or(&none));
        if stored != counted {
            differs(key, stored, counted);
        }
    }
}

fn compare_parts(scope: &Scope, stored: Option<&Stored>, counted: Option<&Values<Sums>>, breaches: &mut Vec<Breach>) {
    let (no_parts, no_sums) = (Stored::default(), Values::default());
    for facet in Facet::ALL {
        let (stored, counted) = (&stored.unwrap_or(&no_parts)[facet.place()], &counted.unwrap_or(&no_sums)[facet.place()]);
        if let Some((value, stored, counted)) = first_difference(stored, counted) {
            let detail = format!("{} by {}: {value:?} is {stored:?}, the rows say {counted:?}", scope.day, facet.word());
            let subject = match (scope.link, scope.publisher, scope.program) {
                (Some(link), ..) => link.to_string(),
                (None, Some(publisher), _) => publisher.to_string(),
                (None, None, Some(program)) => program.to_string(),
                (None, None, None) => "everything".to_owned(),
            };
            breaches.push(Breach::new("report_parts_differ", subject, detail));
        }
    }
}

/// The values that are kept apart must be all of theirs, and the others all of the rest, which there is only where values are many.
fn first_difference(stored: &Parts, counted: &Sums) -> Option<(String, Tally, Tally)> {
    let zero = Tally::default();
    let mut rest = Tally::default();
    for (value, tally) in counted {
        if value == OTHER || stored.get(value).is_none() {
            if value != OTHER && !stored.is_full() && !tally.is_zero() {
                return Some((value.clone(), zero, tally.clone()));
            }
            rest.add(tally);
        }
    }
    let wrong = |(value, tally): &(&str, &Tally)| match *value {
        OTHER => **tally != rest,
        value => *tally != counted.get(value).unwrap_or(&zero),
    };
    if let Some((value, tally)) = stored.iter().find(wrong) {
        let wanted = if value == OTHER { rest } else { counted.get(value).cloned().unwrap_or_default() };
        return Some((value.to_owned(), tally.clone(), wanted));
    }
    (stored.get(OTHER).is_none() && !rest.is_zero()).then(|| (OTHER.to_owned(), zero, rest))
}
