//! Who clicked what within the last ten seconds: how a repeat is known when the visitor brings no cookies.
//!
//! Two generations of at most [`GENERATION_MAX`] entries each. When the young one is full or ten seconds old it becomes the old one, and the
//! old one is forgotten; so the memory is bounded at about 3 MB, and under a flood it forgets early, which only lets repeats count as clicks.

use crate::{
    domain::click::REPEAT_SECONDS,
    kernel::{
        address::Address,
        id::LinkId,
        time::{self, Time},
    },
};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{Mutex, PoisonError},
};

/// 6,500 cookieless clicks a second for ten seconds, more than the whole node can answer.
const GENERATION_MAX: usize = 65_536;
const REPEAT: i64 = REPEAT_SECONDS * time::SECOND;

/// This node's memory of the last clicks without cookies. Holds hashes only, no address and no agent.
#[derive(Debug, Default)]
pub struct Recent {
    hasher: RandomState,
    seen: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, Time>,
    old: HashMap<u64, Time>,
    young_since: Time,
}

impl Recent {
    /// Whether this visitor followed this link less than [`REPEAT_SECONDS`] ago; remembers that they do so now.
    pub fn seen(&self, address: Address, agent: &[u8], link: LinkId, now: Time) -> bool {
        let key = self.hasher.hash_one((address, agent, link));
        // A panic while it was locked leaves at worst one entry missing.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.young.len() >= GENERATION_MAX || now.since(seen.young_since) >= REPEAT {
            let young = std::mem::take(&mut seen.young);
            seen.old = young;
            seen.young_since = now;
        }
        let old = seen.old.get(&key).copied();
        let last = seen.young.insert(key, now).or(old);
        // A clock that stepped back must not make repeats of everything until it has caught up.
        last.is_some_and(|last| (0..REPEAT).contains(&now.since(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(1_700_000_000_000 + millis)
    }
    fn visitor(last: u8) -> Address {
        Address::new([192, 0, 2, last].into())
    }

    #[test]
    fn the_same_visitor_and_link_within_ten_seconds() {
        let recent = Recent::default();
        let (link, other) = (LinkId::from_raw(1), LinkId::from_raw(2));
        for (address, agent, link, millis, repeat) in [
            (visitor(1), "a", link, 0, false),
            (visitor(1), "a", link, 1, true),
            (visitor(1), "b", link, 2, false),
            (visitor(2), "a", link, 3, false),
            (visitor(1), "a", other, 4, false),
            (visitor(1), "a", link, 9_999, true),
            (visitor(1), "a", link, 15_000, true),
            (visitor(1), "a", link, 24_999, true),
            (visitor(1), "a", link, 34_999, false),
            (visitor(1), "b", link, 35_000, false),
            (visitor(1), "a", link, 20_000, false),
        ] {
            assert_eq!(recent.seen(address, agent.as_bytes(), link, at(millis)), repeat, "{agent} {millis}");
        }
    }

    #[test]
    fn a_flood_does_not_make_it_grow() {
        let recent = Recent::default();
        let mut millis = 0;
        for link in 0..300_000 {
            millis = link / 100;
            assert!(!recent.seen(visitor(1), b"a", LinkId::from_raw(link), at(millis)));
        }
        let seen = recent.seen.lock().expect("not poisoned");
        assert!(seen.young.len() + seen.old.len() <= 2 * GENERATION_MAX);
        drop(seen);
        assert!(recent.seen(visitor(1), b"a", LinkId::from_raw(299_999), at(millis)), "the last is still known");
    }
}
