//! What a transaction of clicks leaves for the roll-ups: its clicks counted by day, link and words, as one short text.
//!
//! The click writer stores it beside its clicks, one row a batch whatever the batch holds, so that counting costs the click path next to
//! nothing and is exactly as durable as the clicks. The folder adds it to the roll-ups later.

use crate::domain::{
    click::Click,
    facet::{Teller, Traits, Values},
    report::{Cell, Scope, Tally},
};
use crate::kernel::{
    id::{ClickId, LinkId, ProgramId, PublisherId, time_of},
    time::{Day, Zone},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::HashMap, hash::Hash};

/// Clicks of one transaction, counted. What comes again and again is written once and named by its place.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickFold {
    /// Clicks that were stored after their visitors had gone on: a sale may already have looked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    late: Vec<i64>,
    texts: Vec<String>,
    /// Link, program, publisher.
    links: Vec<(i64, i64, i64)>,
    /// Day, place of the link, places of the four words, raw, counted.
    rows: Vec<(i32, usize, [usize; 4], i64, i64)>,
}

/// What clicks are counted with: the zone that says on which day they count, and the words told before.
#[derive(Debug)]
pub struct Counter {
    zone: Zone,
    teller: Teller,
}

impl Counter {
    pub fn new(zone: Zone) -> Self {
        Self { zone, teller: Teller::default() }
    }
}

/// Not what a click writer leaves.
#[derive(Debug, thiserror::Error)]
#[error("not a fold of clicks: {0}")]
pub struct FoldError(String);

impl ClickFold {
    /// Counts clicks, which are `late` if they come from the spool or may have been stored before.
    pub fn of<'c>(Counter { zone, teller }: &mut Counter, clicks: &[&'c Click], late: bool) -> Self {
        let mut texts: Numbers<Cow<'c, str>> = Numbers::default();
        let mut links = Numbers::default();
        let mut days = Days::new(zone);
        let row = |click: &&'c Click| {
            let link = links.of((click.link.raw(), click.program.raw(), click.publisher.raw()));
            let words = teller.words(&Traits::of(click)).map(|word| texts.of(word));
            (days.of(click.id), link, words, 1, i64::from(click.quality.counts()))
        };
        let mut rows: Vec<_> = clicks.iter().map(row).collect();
        // Of a batch hardly two are alike.
        rows.sort_unstable();
        rows.dedup_by(|next, sum| {
            let same = (next.0, next.1, next.2) == (sum.0, sum.1, sum.2);
            if same {
                sum.3 += next.3;
                sum.4 += next.4;
            }
            same
        });
        Self {
            late: if late { clicks.iter().map(|click| click.id.raw()).collect() } else { Vec::new() },
            texts: texts.into_keys().into_iter().map(Cow::into_owned).collect(),
            links: links.into_keys(),
            rows,
        }
    }

    /// As stored.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts always become JSON")
    }

    /// Reads what `text` wrote.
    pub fn parse(text: &str) -> Result<Self, FoldError> {
        let fold: Self = serde_json::from_str(text).map_err(|error| FoldError(error.to_string()))?;
        let whole = |(_, link, words, ..): &(i32, usize, [usize; 4], i64, i64)| {
            *link < fold.links.len() && words.iter().all(|word| *word < fold.texts.len())
        };
        if fold.rows.iter().all(whole) { Ok(fold) } else { Err(FoldError("a place that nothing stands at".to_owned())) }
    }

    pub fn late(&self) -> impl Iterator<Item = ClickId> {
        self.late.iter().map(|id| ClickId::from_raw(*id))
    }

    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.rows.iter().map(|(day, link, words, raw, counted)| {
            let (link, program, publisher) = self.links[*link];
            let scope = Scope {
                day: Day::from_number(*day),
                program: Some(ProgramId::from_raw(program)),
                publisher: Some(PublisherId::from_raw(publisher)),
                link: Some(LinkId::from_raw(link)),
            };
            let words: Values<&str> = words.map(|word| self.texts[word].as_str());
            Cell { scope, words, tally: Tally::clicks(*raw, *counted) }
        })
    }
}

/// The days of clicks, by the time in their ids, which is what is stored.
struct Days<'a> {
    zone: &'a Zone,
    /// The last one that was asked for, from and until when it lasts in microseconds. Asking the zone takes longer than all the rest.
    last: Option<(Day, i64, i64)>,
}

impl<'a> Days<'a> {
    const fn new(zone: &'a Zone) -> Self {
        Self { zone, last: None }
    }

    fn of(&mut self, click: ClickId) -> i32 {
        let at = time_of(click.raw());
        let day = match self.last {
            Some((day, from, until)) if (from..until).contains(&at.micros()) => day,
            _ => {
                let day = self.zone.day(at);
                self.last = Some((day, self.zone.start(day).micros(), self.zone.start(day.minus(-1)).micros()));
                day
            }
        };
        i32::try_from(day.number()).expect("a day is 32 bits wide")
    }
}

/// Places in a list without repetitions.
#[derive(Debug)]
struct Numbers<K>(HashMap<K, usize>);

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Numbers<K> {
    fn of(&mut self, key: K) -> usize {
        let next = self.0.len();
        *self.0.entry(key).or_insert(next)
    }

    fn into_keys(self) -> Vec<K> {
        let mut keys: Vec<(K, usize)> = self.0.into_iter().collect();
        keys.sort_unstable_by_key(|(_, number)| *number);
        keys.into_iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::click::Quality;
    use crate::kernel::time::{SECOND, Time};

    fn click(n: i64, link: i64, sub: Option<&str>, quality: Quality) -> Click {
        let at = Time::parse("2026-11-26T22:59:59.5Z").expect("a time").plus(n * SECOND);
        Click {
            id: ClickId::from_raw(crate::kernel::id::lowest_at(at)),
            link: LinkId::from_raw(link),
            publisher: PublisherId::from_raw(20 + link),
            program: ProgramId::from_raw(30),
            at,
            quality,
            consent: true,
            buyer: None,
            address: None,
            country: None,
            agent: Some("curl/8".to_owned()),
            referrer: None,
            subs: [sub.map(str::to_owned), None, None, None, None],
            url: None,
        }
    }

    #[test]
    fn clicks_are_counted_by_day_link_and_words() {
        let zone = Zone::named("Europe/Paris").expect("a zone");
        let clicks = [
            click(0, 1, Some("a"), Quality::Ok),
            click(0, 1, Some("a"), Quality::Bot),
            click(0, 2, Some("a"), Quality::Ok),
            click(0, 1, None, Quality::Ok),
            // Half a second before midnight in Paris, and half a second after it.
            click(1, 1, Some("a"), Quality::Ok),
        ];
        let mut counter = Counter::new(zone);
        let fold = ClickFold::of(&mut counter, &clicks.iter().collect::<Vec<_>>(), false);
        let mut seen: Vec<_> = fold
            .cells()
            .map(|cell| {
                (cell.scope.day.to_string(), cell.scope.link.map(LinkId::raw), cell.words[3].to_owned(), cell.tally.raw, cell.tally.counted)
            })
            .collect();
        seen.sort();
        let wanted =
            [("2026-11-26", 1, "(none)", 1, 1), ("2026-11-26", 1, "a", 2, 1), ("2026-11-26", 2, "a", 1, 1), ("2026-11-27", 1, "a", 1, 1)];
        let wanted: Vec<_> = wanted.iter().map(|(d, l, s, r, c)| ((*d).to_owned(), Some(*l), (*s).to_owned(), *r, *c)).collect();
        assert_eq!(seen, wanted);
        assert_eq!(ClickFold::parse(&fold.text()).expect("reads"), fold);
        assert_eq!(fold.late().count(), 0);
        assert_eq!(ClickFold::of(&mut counter, &[&clicks[0]], true).late().collect::<Vec<_>>(), [clicks[0].id]);
    }

    #[test]
    fn damaged_texts_are_refused() {
        for bad in [
            "",
            "{}",
            r#"{"texts":[],"links":[[1,2,3]],"rows":[[1,0,[0,0,0,0],1,1]]}"#,
            r#"{"texts":["a"],"links":[],"rows":[[1,0,[0,0,0,0],1,1]]}"#,
        ] {
            assert!(ClickFold::parse(bad).is_err(), "{bad}");
        }
    }
}
