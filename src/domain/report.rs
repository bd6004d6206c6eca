//! What reports count, and how it is folded: tallies by day and scope, told apart by the facets of clicks.
//!
//! A *cell* is the smallest thing counted: so many clicks, or a conversion, of one day, link and words. Cells are added up into
//! [`Deltas`], and these into what is stored. Whoever reads a report adds the cells that are not folded yet, so it is exact at any time.

use crate::domain::facet::{Facet, OTHER, Values};
use crate::kernel::{
    currency::Currency,
    id::{LinkId, ProgramId, PublisherId},
    time::Day,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many values of a facet a scope keeps apart in a day; later ones are counted together as [`OTHER`]. Keeps a tracker that puts a
/// number of its own into every `sub1` from making the roll-up as long as the clicks. Some 25 KB of text.
pub const VALUES_MAX: usize = 1_000;

/// What a stored tally is about: a day of the whole installation, a program, a publisher, a publisher's part of a program, or a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub day: Day,
    pub program: Option<ProgramId>,
    pub publisher: Option<PublisherId>,
    pub link: Option<LinkId>,
}

impl Scope {
    /// The wider scopes that this one is a part of.
    fn wider(self) -> impl Iterator<Item = Self> {
        let Self { day, program, publisher, .. } = self;
        let of = |program, publisher| Self { day, program, publisher, link: None };
        let all = [of(program, publisher), of(program, None), of(None, publisher), of(None, None)];
        // Of a conversion without link or publisher some are the same.
        (0..all.len()).filter(move |&n| all[n] != self && !all[..n].contains(&all[n])).map(move |n| all[n])
    }
}

/// Conversions in a currency and what is due on them, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sales(pub i64, pub i64);

/// Clicks, counted clicks, and conversions by currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Every recorded click.
    pub raw: i64,
    /// Those of quality `ok`.
    pub counted: i64,
    pub sales: BTreeMap<Currency, Sales>,
}

impl Tally {
    pub fn clicks(raw: i64, counted: i64) -> Self {
        Self { raw, counted, sales: BTreeMap::new() }
    }

    pub fn sale(currency: Currency, sales: Sales) -> Self {
        Self { sales: BTreeMap::from([(currency, sales)]), ..Self::default() }
    }

    pub fn add(&mut self, other: &Self) {
        self.raw += other.raw;
        self.counted += other.counted;
        for (currency, Sales(conversions, commission)) in &other.sales {
            let sum = self.sales.entry(*currency).or_default();
            // A sum that nobody can read stops no report.
            sum.0 = sum.0.saturating_add(*conversions);
            sum.1 = sum.1.saturating_add(*commission);
            if *sum == Sales::default() {
                self.sales.remove(currency);
            }
        }
    }

    pub fn is_zero(&self) -> bool {
        self.raw == 0 && self.counted == 0 && self.sales.is_empty()
    }

    pub fn conversions(&self) -> i64 {
        self.sales.values().map(|Sales(conversions, _)| conversions).sum()
    }
}

/// As stored: `[raw, counted]`, and where there are conversions `[raw, counted, {"EUR": [conversions, commission]}]`.
impl Serialize for Tally {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.sales.is_empty() {
            (self.raw, self.counted).serialize(serializer)
        } else {
            (self.raw, self.counted, &self.sales).serialize(serializer)
        }
    }
}
impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> serde::de::Visitor<'de> for Array {
            type Value = Tally;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("[raw, counted] or [raw, counted, sales]")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Tally, A::Error> {
                let missing = |n| serde::de::Error::invalid_length(n, &self);
                let raw = seq.next_element()?.ok_or_else(|| missing(0))?;
                let counted = seq.next_element()?.ok_or_else(|| missing(1))?;
                Ok(Tally { raw, counted, sales: seq.next_element()?.unwrap_or_default() })
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

/// The values of one facet in one scope. A value that was let in once stays, also when nothing of it is left: then one that came too late
/// is among the others in every fold, and each value's tally is all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(BTreeMap<String, Tally>);

impl Parts {
    /// Adds to a value, or where it is new and there are too many, to the others.
    pub fn add(&mut self, value: &str, tally: &Tally) {
        if let Some(known) = self.0.get_mut(value) {
            known.add(tally);
        } else if self.0.len() < VALUES_MAX {
            self.0.insert(value.to_owned(), tally.clone());
        } else {
            self.0.entry(OTHER.to_owned()).or_default().add(tally);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tally)> {
        self.0.iter().map(|(value, tally)| (value.as_str(), tally))
    }

    pub fn into_values(self) -> impl Iterator<Item = (String, Tally)> {
        self.0.into_iter()
    }

    pub fn get(&self, value: &str) -> Option<&Tally> {
        self.0.get(value)
    }

    /// Whether a value that is new would be among the others.
    pub fn is_full(&self) -> bool {
        self.0.len() >= VALUES_MAX
    }
}

/// The smallest thing that is counted.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// With a program; without publisher and link where a conversion has none.
    pub scope: Scope,
    pub words: Values<&'a str>,
    pub tally: Tally,
}

/// A row of conversions by day, link, publisher, program and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SaleKey {
    pub scope: Scope,
    pub currency: Currency,
}

/// Values of a facet, however many.
pub type Sums = BTreeMap<String, Tally>;

/// What a fold adds to what is stored.
#[derive(Debug, Default)]
pub struct Deltas {
    /// Raw and counted clicks by day and link.
    pub clicks: BTreeMap<(Day, LinkId), (i64, i64)>,
    pub sales: BTreeMap<SaleKey, Sales>,
    parts: BTreeMap<Scope, Values<Sums>>,
}

impl Deltas {
    pub fn add(&mut self, cell: &Cell<'_>) {
        let Cell { scope, words, tally } = cell;
        if let (Some(link), true) = (scope.link, tally.raw != 0 || tally.counted != 0) {
            let sum = self.clicks.entry((scope.day, link)).or_default();
            sum.0 += tally.raw;
            sum.1 += tally.counted;
        }
        for (currency, Sales(conversions, commission)) in &tally.sales {
            let sum = self.sales.entry(SaleKey { scope: *scope, currency: *currency }).or_default();
            sum.0 += conversions;
            sum.1 += commission;
        }
        let sums = self.parts.entry(*scope).or_default();
        for (sums, word) in sums.iter_mut().zip(words) {
            add(sums, word, tally);
        }
    }

    /// Adds up what others have added up.
    pub fn add_all(&mut self, other: &Self) {
        for (key, (raw, counted)) in &other.clicks {
            let sum = self.clicks.entry(*key).or_default();
            sum.0 += raw;
            sum.1 += counted;
        }
        for (key, Sales(conversions, commission)) in &other.sales {
            let sum = self.sales.entry(*key).or_default();
            sum.0 += conversions;
            sum.1 += commission;
        }
        for (scope, words) in &other.parts {
            for (sums, added) in self.parts.entry(*scope).or_default().iter_mut().zip(words) {
                for (value, tally) in added {
                    add(sums, value, tally);
                }
            }
        }
    }

    /// By scope and facet, the wider scopes included. Those are added up from the narrower ones, which have fewer values than cells.
    pub fn parts(&self) -> BTreeMap<Scope, Values<Sums>> {
        let mut all = self.parts.clone();
        for (scope, narrow) in &self.parts {
            for wider in scope.wider() {
                let wide = all.entry(wider).or_default();
                for (wide, narrow) in wide.iter_mut().zip(narrow) {
                    for (value, tally) in narrow {
                        add(wide, value, tally);
                    }
                }
            }
        }
        all
    }
}

fn add(sums: &mut Sums, value: &str, tally: &Tally) {
    match sums.get_mut(value) {
        Some(sum) => sum.add(tally),
        None => {
            sums.insert(value.to_owned(), tally.clone());
        }
    }
}

/// The facets of one scope, as stored.
pub type Stored = Values<Parts>;

/// Adds a delta to what is stored of its scope.
pub fn fold(stored: &mut Stored, delta: &Values<Sums>) {
    for facet in Facet::ALL {
        for (value, tally) in &delta[facet.place()] {
            stored[facet.place()].add(value, tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::id::{LinkId, ProgramId, PublisherId};

    fn scope(link: i64) -> Scope {
        Scope {
            day: Day::from_number(20_000),
            program: Some(ProgramId::from_raw(1)),
            publisher: Some(PublisherId::from_raw(2)),
            link: (link != 0).then(|| LinkId::from_raw(link)),
        }
    }

    fn sale(conversions: i64, commission: i64) -> Tally {
        Tally::sale(Currency::EUR, Sales(conversions, commission))
    }

    #[test]
    fn a_cell_is_counted_in_its_scope_and_in_every_wider_one_once() {
        let mut deltas = Deltas::default();
        deltas.add(&Cell { scope: scope(3), words: ["FR", "a", "b", "c"], tally: Tally::clicks(2, 1) });
        deltas.add(&Cell { scope: scope(4), words: ["FR", "a", "b", "d"], tally: Tally::clicks(1, 1) });
        deltas.add(&Cell { scope: scope(0), words: ["FR", "a", "b", "d"], tally: sale(1, 60) });
        let nobody = Scope { publisher: None, ..scope(0) };
        deltas.add(&Cell { scope: nobody, words: ["FR", "a", "b", "d"], tally: sale(1, 7) });
        let parts = deltas.parts();
        let of = |scope: Scope, facet: Facet, value: &str| parts[&scope][facet.place()].get(value).cloned();
        assert_eq!(of(scope(3), Facet::Country, "FR"), Some(Tally::clicks(2, 1)));
        let all = Scope { program: None, ..nobody };
        for (wide, commission, conversions) in
            [(scope(0), 60, 1), (nobody, 67, 2), (all, 67, 2), (Scope { program: None, ..scope(0) }, 60, 1)]
        {
            let wanted = Tally { raw: 3, counted: 2, ..sale(conversions, commission) };
            assert_eq!(of(wide, Facet::Country, "FR"), Some(wanted), "{wide:?}");
        }
        assert_eq!(of(all, Facet::Sub1, "c"), Some(Tally::clicks(2, 1)));
        assert_eq!(parts.len(), 6);
        assert_eq!((deltas.clicks.len(), deltas.sales.len()), (2, 2));
    }

    #[test]
    fn values_past_the_limit_are_counted_together_and_stay_so() {
        let mut parts = Parts::default();
        for n in 0..VALUES_MAX + 5 {
            parts.add(&format!("v{n}"), &Tally::clicks(1, 0));
        }
        parts.add("v0", &Tally::clicks(-1, 0));
        parts.add("late", &sale(1, 5));
        parts.add("late", &sale(-1, -5));
        assert_eq!(parts.get("v0"), Some(&Tally::default()));
        assert_eq!(parts.get(OTHER), Some(&Tally::clicks(5, 0)));
        assert_eq!((parts.get("late"), parts.iter().count()), (None, VALUES_MAX + 1));
    }

    #[test]
    fn tallies_are_short_texts() {
        let mut parts = Parts::default();
        parts.add("FR", &Tally::clicks(12, 9));
        parts.add("FR", &sale(2, 600));
        parts.add("DE", &Tally::clicks(1, 0));
        let text = serde_json::to_string(&parts).expect("JSON");
        assert_eq!(text, r#"{"DE":[1,0],"FR":[12,9,{"EUR":[2,600]}]}"#);
        assert_eq!(serde_json::from_str::<Parts>(&text).expect("JSON"), parts);
        assert!(serde_json::from_str::<Parts>(r#"{"DE":[1]}"#).is_err());
    }
}
