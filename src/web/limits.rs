//! Limits: how often one API key may ask, one address may try keys that do not exist, and one merchant's shop may post, all off unless set;
//! and how large an import may be, and how long it may take.
//!
//! Each is a leaky bucket that takes a minute's worth at once and refills evenly. Every process counts for itself. What it remembers is
//! bounded: a cell for each stored key and merchant, and for addresses a fixed number of cells that they share by chance.

use crate::{
    domain::claim,
    kernel::{
        address::Address,
        id::{KeyId, MerchantId},
    },
    web::{headers::RATE_LIMIT, problem::Problem},
};
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference as _},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The largest import, if nothing else is said: some ten million clicks.
pub const IMPORT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// How many a minute; none is as many as one likes.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `RISTOURNE_LIMIT_API`: requests of one API key, and wrong keys of one address.
    pub api: Option<NonZeroU32>,
    /// `RISTOURNE_LIMIT_POSTBACKS`: messages of one merchant, signed and others counted apart.
    pub postbacks: Option<NonZeroU32>,
    /// `RISTOURNE_IMPORT_BYTES_MAX`: bytes of one import over the API.
    pub import_bytes_max: u64,
    /// `RISTOURNE_CLAIM_ANSWER_DAYS`, `RISTOURNE_CLAIMS_OPEN_MAX`: how claims of missing cashback are taken.
    pub claims: claim::Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self { api: None, postbacks: None, import_bytes_max: IMPORT_BYTES_MAX, claims: claim::Settings::default() }
    }
}

/// How long a request's body may take: all of it, or, once somebody reads it as it comes, each of its pieces.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    pub fn wait_for_pieces(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_for_pieces(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who sends a postback, as far as it is proven. What anybody can send never uses up what the shop itself may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    Signed(MerchantId),
    /// A pixel, or a wrong signature.
    Unsigned(MerchantId),
    /// It names no program of ours.
    Unknown,
}

pub struct Limits<C: Clock = DefaultClock> {
    clock: C,
    keys: Option<Buckets<KeyId, C>>,
    strangers: Option<Strangers<C>>,
    senders: Option<Buckets<Sender, C>>,
}

impl Limits {
    pub fn new(options: Options) -> Self {
        Self::with_clock(options, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    fn with_clock(options: Options, clock: C) -> Self {
        Self {
            keys: options.api.map(|limit| Buckets::new(limit, &clock)),
            strangers: options.api.map(|limit| Strangers::new(limit, &clock)),
            senders: options.postbacks.map(|limit| Buckets::new(limit, &clock)),
            clock,
        }
    }

    /// Counts a request of this key; what it has left, if there is a limit.
    pub fn api(&self, key: KeyId) -> Result<Option<Left>, Problem> {
        let Some(keys) = &self.keys else { return Ok(None) };
        keys.take(&key).map(Some).map_err(|full| {
            let problem = limited("api", full.wait_time_from(self.clock.now()));
            problem.dressed(|headers| Left { limit: keys.limit.get(), remaining: 0 }.dress(headers))
        })
    }

    /// Counts a message to `/postback` or `/pixel.gif`.
    pub fn postback(&self, sender: Sender) -> Result<(), Problem> {
        let Some(senders) = &self.senders else { return Ok(()) };
        senders.take(&sender).map(|_| ()).map_err(|full| limited("postbacks", full.wait_time_from(self.clock.now())))
    }

    /// Whether a key from here that nobody has seen yet is looked for at all.
    pub fn may_try(&self, from: Option<Address>) -> Result<(), Problem> {
        let Some((strangers, from)) = self.strangers.as_ref().zip(from) else { return Ok(()) };
        strangers.barred_for(from, self.clock.now()).map_or(Ok(()), |wait| Err(limited("wrong_keys", wait)))
    }

    /// Counts a key from here that does not exist.
    pub fn tried_in_vain(&self, from: Option<Address>) {
        if let Some((strangers, from)) = self.strangers.as_ref().zip(from) {
            strangers.count(from, self.clock.now());
        }
    }
}

impl<C: Clock> std::fmt::Debug for Limits<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let per_minute = |limit: Option<NonZeroU32>| limit.map_or(0, NonZeroU32::get);
        f.debug_struct("Limits")
            .field("api", &per_minute(self.keys.as_ref().map(|buckets| buckets.limit)))
            .field("postbacks", &per_minute(self.senders.as_ref().map(|buckets| buckets.limit)))
            .finish_non_exhaustive()
    }
}

fn limited(limit: &'static str, wait: Duration) -> Problem {
    metrics::counter!("ristourne_requests_limited_total", "limit" => limit).increment(1);
    Problem::bilingual(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many requests. Please slow down.",
        "Trop de requêtes. Veuillez ralentir.",
    )
    .retry_after(seconds(wait))
}

/// Rounded up, and at least one: who comes back then finds room.
fn seconds(wait: Duration) -> u32 {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(whole.max(1)).unwrap_or(u32::MAX)
}

/// What is left of a limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    limit: u32,
    remaining: u32,
}

impl Left {
    /// Says so in an answer's headers; `RateLimit-Reset` is when all of it is there again, in seconds.
    pub fn dress(self, headers: &mut HeaderMap) {
        let used = u64::from(self.limit.saturating_sub(self.remaining));
        let reset = (used * 60).div_ceil(u64::from(self.limit.max(1)));
        let said = [HeaderValue::from(self.limit), HeaderValue::from(self.remaining), HeaderValue::from(reset)];
        headers.extend(RATE_LIMIT.into_iter().zip(said));
    }
}

type Cells<K, C> = RateLimiter<K, HashMapStateStore<K>, C, StateInformationMiddleware>;

/// A bucket for each of somebody.
struct Buckets<K: Hash + Eq + Clone, C: Clock> {
    limit: NonZeroU32,
    cells: Cells<K, C>,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Buckets<K, C> {
    fn new(limit: NonZeroU32, clock: &C) -> Self {
        Self { limit, cells: RateLimiter::new(Quota::per_minute(limit), HashMapStateStore::default(), clock.clone()) }
    }

    fn take(&self, who: &K) -> Result<Left, NotUntil<C::Instant>> {
        let state = self.cells.check_key(who)?;
        Ok(Left { limit: self.limit.get(), remaining: state.remaining_burst_capacity() })
    }
}

/// Addresses that try keys which do not exist. Addresses share cells by a hash that nobody outside can foresee, so that there are never
/// more than 65,536; a network of IPv6 counts as one, since one person has many addresses of it.
struct Strangers<C: Clock> {
    failures: Buckets<u16, C>,
    /// Until when nothing from there is looked for.
    barred: Mutex<HashMap<u16, C::Instant>>,
    hasher: RandomState,
}

impl<C: Clock + Clone> Strangers<C> {
    fn new(limit: NonZeroU32, clock: &C) -> Self {
        Self { failures: Buckets::new(limit, clock), barred: Mutex::default(), hasher: RandomState::new() }
    }

    fn cell(&self, from: Address) -> u16 {
        let from = if matches!(from.ip(), IpAddr::V6(_)) { from.anonymised() } else { from };
        let [first, second, ..] = self.hasher.hash_one(from.ip()).to_be_bytes();
        u16::from_be_bytes([first, second])
    }

    fn barred_for(&self, from: Address, now: C::Instant) -> Option<Duration> {
        let cell = self.cell(from);
        let mut barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *barred.get(&cell)?;
        if until <= now {
            barred.remove(&cell);
            return None;
        }
        Some(until.duration_since(now).into())
    }

    fn count(&self, from: Address, now: C::Instant) {
        let cell = self.cell(from);
        if let Err(full) = self.failures.take(&cell) {
            let until = now + full.wait_time_from(now).into();
            self.barred.lock().unwrap_or_else(PoisonError::into_inner).insert(cell, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn limits(api: u32, postbacks: u32) -> (FakeRelativeClock, Limits<FakeRelativeClock>) {
        let clock = FakeRelativeClock::default();
        let options = Options { api: NonZeroU32::new(api), postbacks: NonZeroU32::new(postbacks), ..Options::default() };
        (clock.clone(), Limits::with_clock(options, clock))
    }

    fn answer(problem: Problem) -> axum::response::Response {
        axum::response::IntoResponse::into_response(problem)
    }

    fn retry_after(problem: Problem) -> String {
        let answer = answer(problem);
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        answer.headers()["retry-after"].to_str().expect("digits").to_owned()
    }

    #[test]
    fn a_key_has_a_minutes_worth_and_gets_it_back_evenly() {
        let (clock, limits) = limits(30, 0);
        let (one, other) = (KeyId::from_raw(1), KeyId::from_raw(2));
        for n in 1..=30 {
            assert_eq!(limits.api(one).expect("within"), Some(Left { limit: 30, remaining: 30 - n }));
        }
        let refused = limits.api(one).expect_err("over");
        let said = answer(refused.clone());
        assert_eq!(RATE_LIMIT.map(|name| said.headers()[name].clone()), ["30", "0", "60"]);
        assert_eq!(retry_after(refused), "2");
        assert!(limits.api(other).is_ok(), "another key has its own");
        clock.advance(Duration::from_secs(2));
        assert!(limits.api(one).is_ok());
        assert!(limits.api(one).is_err(), "one came back, not all");
        clock.advance(Duration::from_mins(1));
        let mut headers = HeaderMap::new();
        limits.api(one).expect("within").expect("limited").dress(&mut headers);
        assert_eq!(RATE_LIMIT.map(|name| headers[name].clone()), ["30", "29", "2"]);
    }

    #[test]
    fn what_anybody_can_send_does_not_use_up_what_the_shop_may() {
        let (_, limits) = limits(0, 2);
        let (shop, other) = (MerchantId::from_raw(1), MerchantId::from_raw(2));
        for sender in [Sender::Unsigned(shop), Sender::Signed(shop), Sender::Signed(other), Sender::Unknown] {
            assert!(limits.postback(sender).is_ok() && limits.postback(sender).is_ok(), "{sender:?}");
            assert_eq!(retry_after(limits.postback(sender).expect_err("over")), "30", "{sender:?}");
        }
        assert!(limits.api(KeyId::from_raw(1)).expect("no limit").is_none());
    }

    #[test]
    fn who_tries_keys_is_barred_for_a_while_and_nobody_else() {
        let (clock, limits) = limits(60, 0);
        let address = |text: &str| Address::parse(text);
        let (guesser, neighbour) = (address("2001:db8:1::1"), address("2001:db8:1:ffff::2"));
        for _ in 0..60 {
            assert!(limits.may_try(guesser).is_ok());
            limits.tried_in_vain(guesser);
        }
        limits.tried_in_vain(guesser);
        assert_eq!(retry_after(limits.may_try(guesser).expect_err("barred")), "1");
        assert!(limits.may_try(neighbour).is_err(), "the same network");
        let others = (0..100).filter(|n| limits.may_try(address(&format!("192.0.2.{n}"))).is_err()).count();
        assert!(others <= 1, "hardly anybody shares the cell: {others}");
        clock.advance(Duration::from_secs(1));
        assert!(limits.may_try(guesser).is_ok());
        limits.tried_in_vain(guesser);
        limits.tried_in_vain(guesser);
        assert!(limits.may_try(guesser).is_err(), "one try came back, not all");
    }

    #[test]
    fn without_settings_nothing_is_limited() {
        let (_, limits) = limits(0, 0);
        let address = Address::parse("192.0.2.1");
        for _ in 0..1000 {
            limits.tried_in_vain(address);
            assert!(limits.may_try(address).is_ok() && limits.postback(Sender::Unknown).is_ok());
            assert_eq!(limits.api(KeyId::from_raw(1)).expect("no limit"), None);
        }
    }

    #[test]
    fn waits_are_whole_seconds() {
        for (millis, wanted) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(seconds(Duration::from_millis(millis)), wanted, "{millis}");
        }
    }
}
