//! Ids for clicks that come without: the same for the same file whenever it is read, and never one for two clicks of a file that say the
//! same.
//!
//! A time in whole seconds has 1,000 × 2²¹ ids, another its millisecond's 2²¹; the lowest bit tells the two apart. Where a click's ids begin
//! follows from all that it says; the nth click that says the same has the nth id from there. Whoever finds a *different* click under an id
//! goes on to the next of [`PLACES`] such rows of ids, far from one another. So of clicks that say the same no two ever meet, and what
//! stands under one of its ids and says the same is the click itself, stored before.
//!
//! To count clicks that say the same, 64 bits are kept of each, by hours, and at most [`KEPT_MAX`] in all (some 70 MB); then the hour that
//! was not used for the longest time is forgotten. A line of a forgotten hour is refused, for it may be one that was counted: it is never
//! taken for another silently. A file that is sorted by time is never too long, unless an hour of it is.
use super::NO_ID_LEFT;
use crate::domain::click::Click;
use crate::formats::csv::Refused;
use crate::kernel::{
    country::Country,
    id::{BuyerId, ClickId, lowest_at, time_of},
    time::{SECOND, Time},
};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};

/// Rows of ids that a click may stand in.
const PLACES: u64 = 8;
/// Bits of an id below its milliseconds, but for the lowest.
const LOW_BITS: u32 = 21;
/// The clicks that are remembered: as many as fill a map of 2²² places.
const KEPT_MAX: usize = 3_500_000;
const HOUR: i64 = 3600;

/// Counts the clicks that say the same.
#[derive(Debug)]
pub(super) struct Alike {
    hours: HashMap<i64, Hour>,
    forgotten: HashSet<i64>,
    kept: usize,
    kept_max: usize,
    lines: u64,
}

#[derive(Debug, Default)]
struct Hour {
    /// How many said so before, by 64 bits of what they say. Two that share these bits leave ids out, no more.
    seen: HashMap<u64, u32>,
    used: u64,
}

impl Default for Alike {
    fn default() -> Self {
        Self::keeping(KEPT_MAX)
    }
}

impl Alike {
    fn keeping(kept_max: usize) -> Self {
        Self { hours: HashMap::new(), forgotten: HashSet::new(), kept: 0, kept_max, lines: 0 }
    }

    /// Where a click without an id may stand.
    pub(super) fn place(&mut self, click: &Click) -> Result<Sequence, Refused> {
        let hash = said(click);
        let [key, begin] = [0, 8].map(|at| u64::from_be_bytes(hash[at..at + 8].try_into().expect("8 of 32 bytes")));
        let hour = click.at.seconds().div_euclid(HOUR);
        if self.forgotten.contains(&hour) {
            return Err(Refused::new("not_sorted", "at: too many clicks stand between those of one hour; sort the file by time"));
        }
        self.lines += 1;
        let of_hour = self.hours.entry(hour).or_default();
        of_hour.used = self.lines;
        let count = of_hour.seen.entry(key).or_insert_with(|| {
            self.kept += 1;
            0
        });
        let nth = u64::from(*count);
        *count = count.saturating_add(1);
        if self.kept > self.kept_max {
            self.forget();
        }
        let sequence = Sequence { at: click.at, begin, nth };
        if nth < sequence.room() / PLACES {
            Ok(sequence)
        } else {
            Err(Refused::new(NO_ID_LEFT, "too many clicks of that time say the same: no id is left for it"))
        }
    }

    fn forget(&mut self) {
        let Some(oldest) = self.hours.iter().min_by_key(|(_, hour)| hour.used).map(|(at, _)| *at) else { return };
        if let Some(hour) = self.hours.remove(&oldest) {
            self.kept -= hour.seen.len();
        }
        self.forgotten.insert(oldest);
    }
}

/// The ids under which a click may stand.
#[derive(Debug, Clone, Copy)]
pub struct Sequence {
    at: Time,
    begin: u64,
    nth: u64,
}

impl Sequence {
    fn is_whole_second(at: Time) -> bool {
        at.millis() % 1000 == 0
    }

    /// The latest time that an id of a click of this time may have.
    pub(super) fn last_of(at: Time) -> Time {
        if Self::is_whole_second(at) { at.plus(SECOND - 1) } else { at }
    }

    fn room(&self) -> u64 {
        let millis = if Self::is_whole_second(self.at) { 1000 } else { 1 };
        millis << LOW_BITS
    }

    /// Gives a click its id of a row of ids, counted from 0; false if there is none such.
    pub fn put(&self, click: &mut Click, row: u64) -> bool {
        let room = self.room();
        let place = (self.begin % room + row * (room / PLACES) + self.nth) % room;
        let kind = u64::from(Self::is_whole_second(self.at));
        let within = i64::try_from(place << 1 | kind).expect("below a second's ids");
        click.id = ClickId::from_raw(lowest_at(self.at) + within);
        click.at = time_of(click.id.raw());
        row < PLACES
    }
}

/// A hash of all that is stored of a click but its id.
fn said(click: &Click) -> [u8; 32] {
    let Click { id: _, link, publisher: _, program: _, at, quality, consent, buyer, address, country, agent, referrer, subs, url } = click;
    let mut hash = Sha256::new();
    for number in [at.millis(), link.raw(), i64::from(quality.number()), i64::from(*consent), buyer.map_or(0, BuyerId::raw)] {
        hash.update(number.to_be_bytes());
    }
    let texts = [address.as_deref(), country.as_ref().map(Country::code), agent.as_deref(), referrer.as_deref(), url.as_deref()];
    for text in texts.into_iter().chain(subs.iter().map(Option::as_deref)) {
        let text = text.unwrap_or_default();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::click::Quality;
    use crate::kernel::id::{LinkId, ProgramId, PublisherId};

    fn click(at: &str, sub: &str) -> Click {
        Click {
            id: ClickId::from_raw(0),
            link: LinkId::from_raw(1),
            publisher: PublisherId::from_raw(2),
            program: ProgramId::from_raw(3),
            at: Time::parse(at).expect("a time"),
            quality: Quality::Ok,
            consent: true,
            buyer: None,
            address: None,
            country: None,
            agent: None,
            referrer: None,
            subs: [Some(sub.to_owned()), None, None, None, None],
            url: None,
        }
    }

    #[test]
    fn clicks_that_say_the_same_never_meet_and_come_back_the_same() {
        let ids = || {
            let mut alike = Alike::default();
            let mut ids = Vec::new();
            for n in 0..3_000 {
                for at in ["2026-11-03T10:00:00Z", "2026-11-03T10:00:00.005Z"] {
                    // Not by time, and between others.
                    let mut click = click(at, ["same", "same", "other"][n % 3]);
                    let sequence = alike.place(&click).expect("room");
                    let rows = if n % 3 == 2 { 0..1 } else { 0..PLACES };
                    for row in rows {
                        assert!(sequence.put(&mut click, row));
                        assert!(click.at.since(Time::parse("2026-11-03T10:00:00Z").expect("a time")) < SECOND);
                        if n % 3 < 2 {
                            ids.push(click.id);
                        }
                    }
                    assert!(!sequence.put(&mut click, PLACES));
                }
            }
            ids
        };
        let first = ids();
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), first.len());
        assert_eq!(first, ids());
    }

    #[test]
    fn what_is_forgotten_is_refused_and_what_is_sorted_is_not() {
        let mut alike = Alike::keeping(10);
        let at = |n: u32| format!("2026-11-03T{:02}:{:02}:00Z", n / 5, n % 5);
        for n in 0..100 {
            alike.place(&click(&at(n), "")).expect("sorted by time");
            assert!(alike.kept <= 10);
        }
        let code = |alike: &mut Alike, n| alike.place(&click(&at(n), "")).map(|_| ()).map_err(|refused| refused.code);
        assert_eq!(code(&mut alike, 0), Err("not_sorted"));
        assert_eq!(code(&mut alike, 99), Ok(()));
    }
}
